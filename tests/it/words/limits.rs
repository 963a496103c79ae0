//! Loads that are cut by the time of somebody else.

use std::time::Duration;

use bootstrap::{App, Deadline, HookFailure};
use support::paused;

use super::{boot_error, fails_to_boot};

const SECOND: Duration = Duration::from_secs(1);

async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[test]
fn a_load_that_is_cut_by_its_own_limit_says_which_setting_to_change() {
    paused(async {
        let mut app = App::new().load_timeout(SECOND);
        app.register_fn("cache", async |_| std::future::pending().await);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT010]: [cache] Plugin load failed: timed out after 1 s",
                "  help: find out what `cache` waits for, or raise its `load_timeout`, or \
                 `App::load_timeout`",
            ]
        );
    });
}

#[test]
fn a_child_that_is_cut_by_the_time_of_its_parent_says_so() {
    paused(async {
        let mut app = App::new().load_timeout(SECOND);
        app.register_fn("parent", async |cx| {
            sleep(300).await;
            cx.register_fn("inner", async |_| std::future::pending().await)
                .await
        });
        let error = boot_error(app).await;
        let HookFailure::TimedOut { rest_of, .. } = error.failures()[0].failure() else {
            panic!("{error:?}");
        };
        assert!(matches!(rest_of, Some(Deadline::Parent { plugin, .. }) if plugin == "parent"));
        let text = super::lines(&error.render());
        assert_eq!(
            text[0],
            "error[BOOT010]: [parent/inner] Plugin load failed: timed out after 700 ms, what was \
             left of the 1 s of `parent`"
        );
        assert_eq!(
            text.last().unwrap(),
            "  help: find out what `parent/inner` waits for, or raise the `load_timeout` of `parent`, in \
             whose time it loads"
        );
    });
}

#[test]
fn a_load_that_is_cut_by_the_time_of_its_scope_says_so() {
    paused(async {
        let mut app = App::new().load_timeout(10 * SECOND);
        app.scope("tenant", |scope| {
            scope.timeout(2 * SECOND);
            let first = scope.register_fn("first", async |_| {
                sleep(500).await;
                Ok(())
            });
            let hangs = scope.register_fn("hangs", async |_| std::future::pending().await);
            hangs.after(&first);
        });
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT010]: [tenant/hangs] Plugin load failed: timed out after 1.5 s, what \
                 was left of the 2 s of the scope `tenant`",
                "  closed again: `tenant/first`",
                "  help: find out what `tenant/hangs` waits for, or raise the `Scope::timeout` of \
                 `tenant`",
            ]
        );
    });
}

/// Progress moves the limit of the load, and not that of the scope.
#[test]
fn a_load_that_gets_on_is_cut_by_the_time_of_its_scope_and_says_so() {
    paused(async {
        let mut app = App::new().load_timeout(SECOND);
        app.scope("tenant", |scope| {
            scope.timeout(2 * SECOND);
            scope.register_fn("gets-on", async |cx| {
                loop {
                    sleep(600).await;
                    cx.progress("on and on");
                }
            });
        });
        let error = boot_error(app).await;
        assert_eq!(
            error.to_string(),
            "[tenant/gets-on] Plugin load failed: timed out after 2 s, the time of the scope \
             `tenant`"
        );
    });
}
