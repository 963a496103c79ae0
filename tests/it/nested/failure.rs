//! What becomes of a failure in what a plugin registered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bootstrap::error::HookFailure;
use bootstrap::report::Outcome;
use bootstrap::{App, Retry, plugin_fn};
use support::{Trace, paused};
use tokio::time::Instant;

use crate::nested::{Nest, sleep};

#[test]
fn a_child_that_fails_fails_the_boot_and_its_parent_is_closed() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            cx.register(Nest::leaf("good", &inner));
            cx.register(Nest::new("bad", &inner, async |_| {
                sleep(5).await;
                anyhow::bail!("boom")
            }));
            async { Ok(()) }
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[parent/bad] Plugin load failed: boom");
        assert_eq!(error.failures().len(), 1);
        assert_eq!(
            trace.events(),
            [
                "load(parent)+",
                "load(parent)-",
                "load(good)+",
                "load(good)-",
                "load(bad)+",
                "close(good)",
                "close(parent)",
            ]
        );
    });
}

#[test]
fn catching_the_error_of_a_child_really_recovers() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let bad = Nest::new("bad", &trace, async |_| anyhow::bail!("boom"));
                let error = cx.register(bad).load().await.unwrap_err();
                trace.add(error);
                cx.register(Nest::leaf("instead", &trace)).load().await?;
                Ok(())
            }
        }));
        let running = app.boot().await.unwrap();
        let report = running.report();
        let outcome = |name| report.plugin(name).unwrap().load.outcome;
        assert_eq!(outcome("parent/bad"), Outcome::Failed);
        assert_eq!(outcome("parent/instead"), Outcome::Done);
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(parent)+",
                "load(bad)+",
                "[parent/bad] Plugin load failed: boom",
                "load(instead)+",
                "load(instead)-",
                "load(parent)-",
                "close(parent)",
                "close(instead)",
            ]
        );
    });
}

#[test]
fn an_error_that_is_passed_on_blames_the_child_first() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let bad = Nest::new("bad", &trace, async |_| anyhow::bail!("boom"));
                cx.register(bad).load().await?;
                Ok(())
            }
        }));
        let error = app.boot().await.unwrap_err();
        let failed: Vec<String> = error.failures().iter().map(ToString::to_string).collect();
        assert_eq!(
            failed,
            [
                "[parent/bad] Plugin load failed: boom",
                "[parent] Plugin load failed: [parent/bad] Plugin load failed: boom",
            ]
        );
    });
}

#[test]
fn an_error_of_ones_own_does_not_hide_that_of_the_child() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let bad = Nest::new("bad", &trace, async |_| anyhow::bail!("boom"));
                if cx.register(bad).load().await.is_err() {
                    anyhow::bail!("no child, no parent");
                }
                Ok(())
            }
        }));
        let error = app.boot().await.unwrap_err();
        let failed: Vec<String> = error.failures().iter().map(ToString::to_string).collect();
        assert_eq!(
            failed,
            [
                "[parent/bad] Plugin load failed: boom",
                "[parent] Plugin load failed: no child, no parent",
            ]
        );
    });
}

#[test]
fn what_is_flushed_with_a_child_that_fails_is_cancelled_or_skipped() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let bad = cx.register(Nest::new("bad", &trace, async |_| {
                    sleep(5).await;
                    anyhow::bail!("boom")
                }));
                cx.register(Nest::new("slow", &trace, async |_| {
                    sleep(1_000).await;
                    Ok(())
                }));
                cx.register(Nest::leaf("later", &trace)).after(&bad);
                cx.register(Nest::leaf("good", &trace));
                let began = Instant::now();
                let error = cx.flush().await.unwrap_err();
                trace.add(format_args!("{error} after {:?}", began.elapsed()));
                Ok(())
            }
        }));
        let running = app.boot().await.unwrap();
        let report = running.report();
        let outcome = |name| report.plugin(name).unwrap().load.outcome;
        assert_eq!(outcome("parent/slow"), Outcome::Cancelled);
        assert_eq!(outcome("parent/later"), Outcome::Skipped);
        assert_eq!(outcome("parent/good"), Outcome::Done);
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(parent)+",
                "load(bad)+",
                "load(slow)+",
                "load(good)+",
                "load(good)-",
                "[parent/bad] Plugin load failed: boom after 5ms",
                "load(parent)-",
                "close(parent)",
                "close(good)",
            ]
        );
    });
}

#[test]
fn what_a_child_had_brought_is_closed_before_its_error_is_given() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let leaf = trace.clone();
                let bad = Nest::new("bad", &trace, move |cx| {
                    let trace = leaf.clone();
                    async move {
                        cx.register(Nest::leaf("early", &trace)).load().await?;
                        cx.register(Nest::leaf("late", &trace));
                        anyhow::bail!("boom")
                    }
                });
                trace.add(cx.register(bad).load().await.unwrap_err());
                Ok(())
            }
        }));
        let running = app.boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(parent)+",
                "load(bad)+",
                "load(early)+",
                "load(early)-",
                "close(early)",
                "[parent/bad] Plugin load failed: boom",
                "load(parent)-",
                "close(parent)",
            ]
        );
    });
}

#[test]
fn a_child_whose_own_child_fails_has_failed_and_is_closed() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let leaf = trace.clone();
                let child = Nest::new("child", &trace, move |cx| {
                    cx.register(Nest::leaf("good", &leaf));
                    cx.register(Nest::new("bad", &leaf, async |_| {
                        sleep(5).await;
                        anyhow::bail!("boom")
                    }));
                    async { Ok(()) }
                });
                trace.add(cx.register(child).load().await.unwrap_err());
                Ok(())
            }
        }));
        let running = app.boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(parent)+",
                "load(child)+",
                "load(child)-",
                "load(good)+",
                "load(good)-",
                "load(bad)+",
                "close(good)",
                "close(child)",
                "[parent/child/bad] Plugin load failed: boom",
                "load(parent)-",
                "close(parent)",
            ]
        );
    });
}

/// A61, S28: the time of a child lies within its parent's, and who hangs is to blame.
#[test]
fn a_child_that_hangs_is_blamed_and_not_its_parent() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let parent = Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                sleep(300).await;
                let inner = Nest::new("inner", &trace, async |_| std::future::pending().await);
                cx.register(inner).load().await?;
                Ok(())
            }
        });
        let app = App::new().with(parent.load_timeout(Duration::from_secs(1)));
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        assert_eq!(error.failures()[0].plugin(), "parent/inner");
        let limit = Duration::from_millis(700);
        assert!(
            matches!(error.failures()[0].failure(), HookFailure::TimedOut { limit: it, .. } if *it == limit),
            "{error:?}"
        );
    });
}

#[test]
fn a_child_that_is_registered_late_has_a_deadline_as_well() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let parent = Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                sleep(300).await;
                cx.register(Nest::new("inner", &trace, async |_| {
                    std::future::pending().await
                }));
                Ok(())
            }
        });
        let app = App::new().with(parent.load_timeout(Duration::from_secs(1)));
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        assert_eq!(
            error.to_string(),
            "[parent/inner] Plugin load failed: timed out after 700 ms, what was left of the 1 s \
             of `parent`"
        );
    });
}

#[test]
fn a_parent_may_handle_that_a_child_took_too_long() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let parent = Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let inner = Nest::new("inner", &trace, async |_| std::future::pending().await);
                let error = cx.register(inner.load_timeout(Duration::from_millis(50)));
                trace.add(error.load().await.unwrap_err());
                Ok(())
            }
        });
        let app = App::new().with(parent.load_timeout(Duration::from_secs(1)));
        let running = app.boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events()[2],
            "[parent/inner] Plugin load failed: timed out after 50 ms"
        );
    });
}

#[test]
fn another_attempt_brings_its_children_again() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let attempts = Arc::new(AtomicU32::new(0));
        let parent = Nest::new("parent", &trace, move |cx| {
            let (trace, attempts) = (inner.clone(), Arc::clone(&attempts));
            async move {
                cx.register(Nest::leaf("child", &trace)).load().await?;
                cx.register(Nest::leaf("late", &trace));
                anyhow::ensure!(attempts.fetch_add(1, Ordering::SeqCst) > 0, "not yet");
                Ok(())
            }
        });
        let mut app = App::new();
        app.register(parent).retry(Retry::attempts(2));
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(parent)+",
                "load(child)+",
                "load(child)-",
                "close(child)",
                "load(parent)+",
                "load(child)+",
                "load(child)-",
                "load(parent)-",
                "load(late)+",
                "load(late)-",
            ]
        );
        let names: Vec<String> = running
            .report()
            .plugins
            .iter()
            .map(|plugin| plugin.name.to_string())
            .collect();
        assert_eq!(names, ["parent", "parent/child", "parent/late"]);
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            ["close(late)", "close(parent)", "close(child)"]
        );
    });
}

#[test]
fn a_child_that_panics_is_an_error_of_the_child() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let bad = Nest::new("bad", &trace, async |_| panic!("boom"));
                trace.add(cx.register(bad).load().await.unwrap_err());
                Ok(())
            }
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events()[2],
            "[parent/bad] Plugin load failed: panicked: boom"
        );
    });
}

#[test]
fn a_failure_elsewhere_ends_a_parent_that_waits_and_its_child() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                cx.register(Nest::leaf("good", &trace)).load().await?;
                let slow = Nest::new("slow", &trace, async |_| std::future::pending().await);
                cx.register(slow).load().await?;
                Ok(())
            }
        }));
        app.register(plugin_fn("other", async |_| {
            sleep(10).await;
            anyhow::bail!("boom")
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[other] Plugin load failed: boom");
        let cancelled: Vec<String> = error.cancelled().iter().map(ToString::to_string).collect();
        assert_eq!(cancelled, ["parent/slow", "parent"]);
        assert_eq!(
            trace.events(),
            [
                "load(parent)+",
                "load(good)+",
                "load(good)-",
                "load(slow)+",
                "close(good)",
            ]
        );
    });
}
