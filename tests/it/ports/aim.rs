//! Handles of registrations in fields: which of several is meant, without names.

use std::sync::Arc;

use bootstrap::prelude::*;
use support::paused;

use super::*;

#[test]
fn a_handle_in_a_field_says_which_of_several_is_meant() {
    paused(async {
        let mut app = App::new();
        app.register(Mail::by("first"));
        let second = app.register(Mail::by("second"));
        app.register(One {
            mailer: second.handle(),
        });
        assert_eq!(meant(app).await, ["second"]);
    });
}

#[test]
fn a_handle_in_an_optional_field_says_which_of_several_is_meant() {
    paused(async {
        let mut app = App::new();
        app.register(Mail::by("first"));
        let second = app.register(Mail::by("second"));
        app.register(Optional {
            mailer: Some(second.handle()),
        });
        let running = app.boot().await.unwrap();
        assert_eq!(
            running.try_get::<State<Perhaps>>().unwrap().0.as_deref(),
            Some("second")
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_handle_reaches_into_a_scope_that_its_plugin_does_not_see() {
    paused(async {
        let mut app = App::new();
        let inner = app.scope("inner", |inner| inner.register(Mail::by("inner")));
        app.register(Mail::by("outer"));
        app.register(One {
            mailer: inner.handle(),
        });
        assert_eq!(meant(app).await, ["inner"]);
    });
}

#[test]
fn a_port_is_resolved_from_the_inside_out() {
    paused(async {
        let mut app = App::new().with(Mail::by("outer"));
        let (here, beside) = app.scope("tenant", |tenant| {
            tenant.register(Mail::by("inner"));
            (
                tenant.register(One::default()),
                tenant.register(All::default()),
            )
        });
        let (here, beside) = (
            here.handle::<State<Meant>>(),
            beside.handle::<State<Everybody>>(),
        );
        app.register(Optional::default());
        let running = app.boot().await.unwrap();
        assert_eq!(here.0, ["inner"]);
        // Who asks for all gets what is further out as well.
        assert_eq!(
            beside.0,
            pairs(&[("mail", "outer"), ("tenant/mail", "inner")])
        );
        assert_eq!(
            running.try_get::<State<Perhaps>>().unwrap().0.as_deref(),
            Some("outer")
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_port_that_is_published_is_seen_around_its_scope() {
    paused(async {
        let mut app = App::new().with(All::default());
        app.scope("tenant", |tenant| {
            tenant.register(Mail::by("inner")).export()
        });
        assert_eq!(everybody(app).await, pairs(&[("tenant/mail", "inner")]));
    });
}

#[test]
fn a_primary_in_a_scope_leaves_the_others_alone() {
    paused(async {
        let mut app = App::new().with(Mail::by("outer")).with(One::default());
        let all = app.scope("tenant", |tenant| {
            tenant.register(Mail::by("a"));
            tenant.register(Mail::by("fake")).named("fake").primary();
            tenant.supply(Port::<u8>::from_arc(Arc::new(1)));
            tenant.register(All::default())
        });
        let all = all.handle::<State<Everybody>>();
        assert_eq!(meant(app).await, ["outer"]);
        let expected = [
            ("mail", "outer"),
            ("tenant/fake", "fake"),
            ("tenant/mail", "a"),
        ];
        assert_eq!(all.0, pairs(&expected));
    });
}

/// The handle of another app names whose it is, and both apps are as they were.
#[test]
fn a_handle_of_another_app_is_a_plan_error() {
    let mut other = App::new();
    let foreign = other.register(Mail::by("foreign"));
    let app = App::new().with(One {
        mailer: foreign.handle(),
    });
    let errors = app.plan().unwrap_err();
    assert_eq!(
        diagnosis(&errors),
        "error[BOOT007]: plugin `one` holds a handle to the port `dyn Mailer` of another app\n  \
         --> @ (field `mailer: Port<dyn Mailer>`)\n  \
         registered at: @\n  \
         aimed at: `mail` (@)\n  \
         help: take the handle from a registration of this app"
    );
    assert_eq!(other.plan().unwrap().len(), 1);
}

#[test]
fn a_handle_of_an_app_that_was_dropped_is_a_plan_error_that_says_so() {
    let foreign = App::new().register(Mail::by("gone")).handle();
    let errors = App::new().with(One { mailer: foreign }).plan().unwrap_err();
    let text = diagnosis(&errors);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "error[BOOT007]: plugin `one` holds a handle to the port `dyn Mailer` of a registration that \
         was dropped with its app"
    );
    assert_eq!(lines[3], "  aimed at: `mail` (@)");
}

#[test]
fn a_registration_that_is_dropped_stays_in_its_app() {
    paused(async {
        let mut app = App::new();
        let port = app.register(Mail::by("kept")).handle();
        app.register(One { mailer: port });
        assert_eq!(meant(app).await, ["kept"]);
    });
}
