//! When services start and when they are let go of.

use std::sync::Arc;
use std::sync::Mutex;

use bootstrap::error::Mistake;
use bootstrap::lifecycle::Phase;
use bootstrap::service::Service;
use bootstrap::{App, State};
use support::{Probe, Trace, act, fails, paused, succeeds, takes};

use super::{SECOND, fails_to_boot, makes};

/// D30, D67: after the plugins, before anything is ready, one after the other.
#[test]
fn services_start_after_the_plugins_and_before_anything_is_ready() {
    paused(async {
        let trace = Trace::new();
        let pre = trace.clone();
        let ready = trace.clone();
        let app = App::new()
            .on_ready(async move |_| {
                ready.add("on_ready");
                Ok(())
            })
            .service("b", makes(&trace, "b", takes(9)))
            .service("a", makes(&trace, "a", takes(1)))
            .on_loaded(async move |_| {
                pre.add("on_loaded");
                Ok(())
            })
            .with(Probe::new("p", &trace).load(takes(20)).ready(succeeds()));
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(p)+",
                "load(p)-",
                "on_loaded",
                "make(b)+",
                "make(b)-",
                "make(a)+",
                "make(a)-",
                "ready(p)+",
                "ready(p)-",
                "on_ready",
            ]
        );
        running.close().await.unwrap();
    });
}

/// The last one first, after the hooks of the app, before the first plugin closes.
#[test]
fn services_are_dropped_in_reverse_between_the_hooks_of_the_app_and_the_plugins() {
    paused(async {
        let trace = Trace::new();
        let hook = trace.clone();
        let app = App::new()
            .with(Probe::new("p", &trace).drain(succeeds()))
            .service("a", makes(&trace, "a", succeeds()))
            .service("b", makes(&trace, "b", succeeds()))
            .on_close(async move |cx| {
                cx.service::<super::Noted>("a")?;
                hook.add("on_close");
                Ok(())
            });
        let running = app.boot().await.unwrap();
        trace.take();
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "drain(p)+",
                "drain(p)-",
                "on_close",
                "drop(b)",
                "drop(a)",
                "close(p)+",
                "close(p)-"
            ]
        );
    });
}

/// D28, D29: with a name and a factory, or as a definition from elsewhere.
#[test]
fn a_service_is_registered_in_two_forms() {
    paused(async {
        let definition = Service::define("defined", async |_| Ok("by a value"));
        assert_eq!(definition.name(), "defined");
        assert!(format!("{definition:?}").contains("\"defined\""));
        let app = App::new()
            .with_service(definition)
            .service(String::from("named"), async |_| Ok("by a name"));
        let running = app.boot().await.unwrap();
        assert_eq!(*running.service::<&str>("defined").unwrap(), "by a value");
        assert_eq!(*running.service::<&str>("named").unwrap(), "by a name");
        running.close().await.unwrap();
    });
}

/// D31: a factory uses what was registered before it, and not what comes later.
#[test]
fn a_service_may_use_those_that_were_registered_before_it() {
    paused(async {
        let app = App::new()
            .service("first", async |cx| {
                let later = cx.service::<u32>("second").unwrap_err();
                assert_eq!(
                    later.to_string(),
                    "[second] the service has not started: services start once every plugin has \
                     loaded, in the order of their registration; register it before the \
                     services that use it"
                );
                Ok(2_u32)
            })
            .service("second", async |cx| Ok(*cx.service::<u32>("first")? * 21));
        let running = app.boot().await.unwrap();
        assert_eq!(*running.service::<u32>("second").unwrap(), 42);
        running.close().await.unwrap();
    });
}

/// A factory reads what the plugins have made.
#[test]
fn a_service_is_made_of_states() {
    #[bootstrap::supplied]
    struct Config(&'static str);
    paused(async {
        let app = App::new()
            .supply(Config("smtp"))
            .service("mailer", async |cx| Ok(cx.try_get::<State<Config>>()?.0));
        let running = app.boot().await.unwrap();
        assert_eq!(*running.service::<&str>("mailer").unwrap(), "smtp");
        running.close().await.unwrap();
    });
}

/// D30: it is heard of, and what had loaded or started is undone.
#[test]
fn a_service_that_fails_aborts_the_boot_and_names_itself() {
    paused(async {
        let trace = Trace::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        let start = trace.clone();
        let app = App::new()
            .service("first", makes(&trace, "first", succeeds()))
            .service("svc", makes(&trace, "svc", fails("no")))
            .service("third", makes(&trace, "third", succeeds()))
            .with(Probe::new("p", &trace).ready(succeeds()))
            .on_start(async move |_| {
                start.add("start");
                Ok(())
            })
            .on_error(move |cx| {
                listener.lock().unwrap().push(cx.error().to_string());
                async { Ok(()) }
            });
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[svc] Service start failed: no");
        assert_eq!(error.code(), "BOOT010");
        assert_eq!(error.failures()[0].phase(), Phase::Service);
        assert!(error.render().contains("services/life.rs:"), "{error:?}");
        assert_eq!(error.closed(), ["p"]);
        assert_eq!(*heard.lock().unwrap(), ["[svc] Service start failed: no"]);
        assert_eq!(
            trace.take(),
            [
                "load(p)+",
                "load(p)-",
                "make(first)+",
                "make(first)-",
                "make(svc)+",
                "drop(first)",
                "close(p)+",
                "close(p)-"
            ]
        );
    });
}

#[test]
fn a_failure_before_them_keeps_services_from_starting() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .service("a", makes(&trace, "a", succeeds()))
            .with(Probe::new("fails", &Trace::new()).load(fails("no")));
        app.boot().await.unwrap_err();
        let app = App::new()
            .service("a", makes(&trace, "a", succeeds()))
            .on_loaded(async |_| anyhow::bail!("no"));
        app.boot().await.unwrap_err();
        assert!(trace.events().is_empty(), "{trace:?}");
    });
}

/// A failure after them drops those that have started.
#[test]
fn a_failure_after_them_drops_services() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .service("a", makes(&trace, "a", succeeds()))
            .on_ready(async |_| anyhow::bail!("no"));
        fails_to_boot(app).await;
        assert_eq!(trace.take(), ["make(a)+", "make(a)-", "drop(a)"]);
    });
}

#[test]
fn two_services_can_not_have_one_name() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("p", &trace))
            .service("mailer", makes(&trace, "mailer", succeeds()))
            .service("cache", makes(&trace, "cache", succeeds()))
            .service("mailer", async |_| Ok(()));
        let errors = app.plan().unwrap_err();
        let [error @ Mistake::DuplicateService { name, at, .. }] = errors.errors() else {
            panic!("{errors:?}");
        };
        assert_eq!(error.code(), "BOOT015");
        assert_eq!(name, "mailer");
        let (first, second) = (at[0], at[1]);
        assert_eq!(second.line(), first.line() + 2);
        let said = format!(
            "error[BOOT015]: 2 services are called `mailer`\n  --> {first}\n  --> {second}\n  \
             help: rename one of them, or take it away"
        );
        assert_eq!(errors.render(), said);

        let error = app.boot().await.unwrap_err();
        assert_eq!(error.code(), "BOOT015");
        assert_eq!(error.render(), said);
        assert!(trace.events().is_empty(), "{trace:?}");
    });
}

#[test]
fn mistakes_in_services_stand_behind_those_in_plugins() {
    let app = App::new()
        .expect(["http"])
        .service("mailer", async |_| Ok(()))
        .service("mailer", async |_| Ok(()));
    let errors = app.plan().unwrap_err();
    let codes: Vec<_> = errors.errors().iter().map(Mistake::code).collect();
    assert_eq!(codes, ["BOOT006", "BOOT015"]);
}

/// Somebody else may hold a service for longer than the app has it.
#[test]
fn a_service_that_somebody_holds_outlives_the_app() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().service("a", makes(&trace, "a", succeeds()));
        let running = app.boot().await.unwrap();
        let held = running.service::<super::Noted>("a").unwrap();
        running.close().await.unwrap();
        assert_eq!(trace.count("drop(a)"), 0);
        drop(held);
        assert_eq!(trace.count("drop(a)"), 1);
    });
}

/// One that holds the app itself is no leak: closing takes it out.
#[test]
fn a_service_may_hold_the_context_that_made_it() {
    paused(async {
        let alive = Arc::new(());
        let theirs = Arc::clone(&alive);
        let app = App::new().service("a", async move |cx| Ok((cx, theirs)));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_restart_of_a_part_leaves_services_alone() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("p", &Trace::new()))
            .service("a", makes(&trace, "a", succeeds()));
        let running = app.boot().await.unwrap();
        trace.take();
        running.handle().restart("p").await.unwrap();
        assert!(trace.events().is_empty(), "{trace:?}");
        running.close().await.unwrap();
    });
}

/// Hooks before them that use up all the time do not keep them from being let go of.
#[test]
fn services_are_dropped_also_when_the_time_for_closing_is_up() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .shutdown_timeout(SECOND)
            .service("a", makes(&trace, "a", succeeds()))
            .on_close(async |_| std::future::pending().await);
        let running = app.boot().await.unwrap();
        trace.take();
        let error = running.close().await.unwrap_err();
        assert_eq!(trace.take(), ["drop(a)"]);
        assert_eq!(error.errors().len(), 1, "{error:?}");
    });
}

/// As with hooks of the app: the limit for what has none of its own.
#[test]
fn a_factory_that_hangs_is_ended_by_its_limit_or_that_of_the_boot() {
    paused(async {
        let trace = Trace::new();
        let hangs = || act(std::future::pending);
        let app = App::new()
            .load_timeout(SECOND)
            .service("slow", makes(&trace, "slow", hangs()));
        let error = fails_to_boot(app).await;
        assert_eq!(
            error.to_string(),
            "[slow] Service start failed: timed out after 1 s"
        );
        let app = App::new()
            .boot_timeout(SECOND)
            .service("slow", makes(&trace, "slow", hangs()));
        let error = fails_to_boot(app).await;
        assert_eq!(
            error.to_string(),
            "boot stopped after 1 s: the service `slow` was still starting"
        );
        assert_eq!(error.cancelled(), ["slow"]);
    });
}
