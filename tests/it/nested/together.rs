//! What happens at one time in several branches of a tree: nobody takes what is another's, and
//! nobody is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use bootstrap::{App, CloseContext, Retry, plugin_fn};
use support::{Trace, paused, threaded};

use crate::nested::{Nest, sleep};

/// A leaf whose `close` takes a while.
struct SlowToClose(Trace);

#[bootstrap::extend::async_trait]
impl Plugin for SlowToClose {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("child")
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        Ok(States::new())
    }

    async fn close(&self, _: &CloseContext) -> Result<()> {
        sleep(5).await;
        self.0.add("close(child)");
        Ok(())
    }
}

/// Its parent may have given it what that got from there.
#[test]
fn an_awaited_child_closes_before_what_its_parent_needs() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        let base = app.register(Nest::leaf("base", &trace));
        app.register(Nest::new("parent", &trace, move |cx| {
            let child = SlowToClose(inner.clone());
            async move {
                cx.register(child).load().await?;
                Ok(())
            }
        }))
        .after(&base);
        let running = app.boot().await.unwrap();
        trace.take();
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            ["close(parent)", "close(child)", "close(base)"]
        );
    });
}

#[test]
fn an_awaited_grandchild_closes_before_whoever_brought_its_parent() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("root", &trace, move |cx| {
            let trace = inner.clone();
            let leaf = inner.clone();
            cx.register(Nest::new("middle", &trace, move |cx| {
                let child = SlowToClose(leaf.clone());
                async move {
                    cx.register(child).load().await?;
                    Ok(())
                }
            }));
            async { Ok(()) }
        }));
        let running = app.boot().await.unwrap();
        trace.take();
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            ["close(middle)", "close(child)", "close(root)"]
        );
    });
}

#[test]
fn what_an_attempt_left_is_done_before_what_it_had_awaited_closes() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let attempts = Arc::new(AtomicU32::new(0));
        let mut app = App::new();
        app.register(Nest::new("parent", &trace, move |cx| {
            let (trace, attempts) = (inner.clone(), Arc::clone(&attempts));
            async move {
                cx.register(Nest::leaf("child", &trace)).load().await?;
                cx.on_close(async move |_| {
                    sleep(5).await;
                    trace.add("cleaned up");
                    Ok(())
                });
                anyhow::ensure!(attempts.fetch_add(1, Ordering::SeqCst) > 0, "not yet");
                Ok(())
            }
        }))
        .retry(Retry::attempts(2));
        let running = app.boot().await.unwrap();
        let first = ["load(child)+", "load(child)-", "cleaned up", "close(child)"];
        assert_eq!(trace.take()[1..5], first);
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            ["close(parent)", "cleaned up", "close(child)"]
        );
    });
}

/// Something joins while a child that has failed is closed with what it left to be done.
#[test]
fn what_joins_while_a_failed_child_is_closed_is_not_touched() {
    paused(async {
        let trace = Trace::new();
        let (one, other) = (trace.clone(), trace.clone());
        let mut app = App::new();
        app.register(Nest::new("first", &trace, move |cx| {
            let trace = one.clone();
            async move {
                let bad = Nest::new("bad", &trace, async |cx| {
                    cx.on_close(async |_| {
                        sleep(5).await;
                        Ok(())
                    });
                    anyhow::bail!("boom")
                });
                trace.add(cx.register(bad).load().await.unwrap_err());
                Ok(())
            }
        }));
        app.register(Nest::new("second", &trace, move |cx| {
            let trace = other.clone();
            async move {
                sleep(2).await;
                cx.register(Nest::leaf("child", &trace)).load().await?;
                cx.on_close(async |_| Ok(()));
                sleep(10).await;
                Ok(())
            }
        }));
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(first)+",
                "load(bad)+",
                "load(second)+",
                "load(child)+",
                "load(child)-",
                "[first/bad] Plugin load failed: boom",
                "load(first)-",
                "load(second)-",
            ]
        );
        running.close().await.unwrap();
    });
}

struct Ticket;

#[plugin(name = "office", states = [Ticket], collect = never)]
struct Office;

impl Hooks for Office {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Ticket> {
        sleep(50).await;
        Ok(Ticket)
    }
}

#[plugin(collect = never)]
struct Guest {
    ticket: State<Ticket>,
}

impl Hooks for Guest {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = &self.ticket;
        Ok(())
    }
}

#[test]
fn a_parent_whose_child_is_skipped_has_failed_with_it() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().with(Office);
        app.register(Nest::new("parent", &trace, |cx| {
            cx.register(Guest::default());
            async { Ok(()) }
        }));
        app.register(Nest::new("bad", &trace, async |_| {
            sleep(10).await;
            anyhow::bail!("boom")
        }));
        let recovered = trace.clone();
        let app = app.recover(async move |_| {
            recovered.add("recovered");
            Ok(())
        });
        let running = app.boot().await.unwrap();
        let events = [
            "load(bad)+",
            "load(parent)+",
            "load(parent)-",
            "close(parent)",
            "recovered",
        ];
        assert_eq!(trace.take(), events);
        running.close().await.unwrap();
        assert_eq!(trace.take(), [""; 0]);
    });
}

/// At the very instant at which another plugin fails.
#[test]
fn a_child_that_registers_another_when_it_is_cut_off_holds_nobody_up() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(Nest::new("bad", &trace, async |_| {
            sleep(5).await;
            anyhow::bail!("boom")
        }));
        app.register(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let leaf = trace.clone();
                let child = Nest::new("child", &trace, move |cx| {
                    let trace = leaf.clone();
                    async move {
                        sleep(5).await;
                        cx.register(Nest::leaf("leaf", &trace)).load().await?;
                        Ok(())
                    }
                });
                cx.register(child).load().await?;
                Ok(())
            }
        }));
        let running = app.recover(async |_| Ok(())).boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            ["load(bad)+", "load(parent)+", "load(child)+"]
        );
    });
}

/// A child that loads once, and never again.
fn loads_once(trace: &Trace) -> Nest {
    let loads = Arc::new(AtomicU32::new(0));
    Nest::new("child", trace, move |_| {
        let loads = Arc::clone(&loads);
        async move {
            anyhow::ensure!(loads.fetch_add(1, Ordering::SeqCst) == 0, "boom");
            Ok(())
        }
    })
}

async fn does_not_restart(app: App, plugin: &str) {
    let running = app.boot().await.unwrap();
    let error = running.handle().restart(plugin).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("[{plugin}] Plugin load failed: boom")
    );
    assert!(running.close().await.is_err());
}

#[test]
fn a_barrier_that_was_passed_hears_nothing_of_a_restart_that_fails() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            cx.register(loads_once(&inner));
            async { Ok(()) }
        }));
        let app = app.recover(async |_| Ok(()));
        does_not_restart(app, "parent/child").await;
        assert_eq!(trace.count("close(parent)"), 1);
    });
}

#[test]
fn a_parent_that_has_loaded_hears_nothing_of_a_restart_that_fails() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let leaf = trace.clone();
                let middle = Nest::new("middle", &trace, move |cx| {
                    cx.register(loads_once(&leaf));
                    async { Ok(()) }
                });
                cx.register(middle).load().await?;
                Ok(())
            }
        }));
        does_not_restart(app, "parent/middle/child").await;
        assert_eq!(trace.count("close(middle)"), 1);
    });
}

/// They end their own `load` while their children do.
#[test]
fn parents_and_children_that_end_at_one_instant_on_many_threads_are_all_done() {
    threaded(async {
        for _ in 0..200 {
            let mut app = App::new();
            for parent in 0..8 {
                app.register(plugin_fn(format!("parent{parent}"), async |cx| {
                    for _ in 0..8 {
                        cx.register(plugin_fn("child", async |_| Ok(())));
                    }
                    Ok(())
                }));
            }
            app.boot().await.unwrap().close().await.unwrap();
        }
    });
}

/// A child waits for what its last attempt left when it is cut off, and the app is asked to stop.
#[test]
fn a_boot_that_is_asked_to_stop_waits_for_a_child_between_two_attempts() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                cx.spawn("task", async |cx| {
                    cx.stopped().await;
                    sleep(3).await;
                    Ok(())
                });
                let noted = trace.clone();
                cx.on_close(async move |_| {
                    noted.add("clean up+");
                    sleep(5).await;
                    noted.add("clean up-");
                    Ok(())
                });
                let child = Nest::new("child", &trace, async |cx| {
                    cx.on_close(async |_| {
                        sleep(10).await;
                        Ok(())
                    });
                    anyhow::bail!("not yet")
                });
                cx.register(child).retry(Retry::attempts(2)).load().await?;
                Ok(())
            }
        }));
        app.register(Nest::new("bad", &trace, async |cx| {
            sleep(2).await;
            cx.handle().shutdown();
            anyhow::bail!("boom")
        }));
        let app = app.recover(async |_| Ok(()));
        let handle = app.handle();
        assert!(app.boot().await.is_err());
        handle.closed().await;
        assert_eq!(trace.take()[3..], ["clean up+", "clean up-"]);
    });
}

/// A parent has a child, which it does not wait for, and a grandchild. Another plugin fails, so that
/// the grandchild is cut off and the child closed, before the `load` of the parent returns.
#[test]
fn a_parent_that_loads_after_its_child_was_cut_off_goes_with_it() {
    threaded(async {
        let trace = Trace::new();
        let (inner, blocked) = (trace.clone(), trace.clone());
        let parent = Nest::new("parent", &trace, move |cx| {
            let (trace, leaf) = (inner.clone(), inner.clone());
            let child = cx.register(Nest::new("child", &trace, move |cx| {
                let _ = cx.register(Nest::new("leaf", &leaf, |_| std::future::pending()));
                async { Ok(()) }
            }));
            async move {
                let mut load = std::pin::pin!(child.load());
                let polled = std::future::poll_fn(|cx| Poll::Ready(load.as_mut().poll(cx)));
                assert!(polled.await.is_pending());
                until(&trace, "load(leaf)+").await;
                trace.add("blocks");
                // It is cut off as well, and can't be dropped before it lets go of its thread.
                while trace.count("close(child)") == 0 {
                    std::thread::park_timeout(Duration::from_millis(1));
                }
                Ok(())
            }
        });
        let bad = Nest::new("bad", &trace, move |_| {
            let trace = blocked.clone();
            async move {
                until(&trace, "blocks").await;
                anyhow::bail!("fault")
            }
        });
        let mut app = App::new();
        app.register(bad);
        app.register(parent);
        let seen = trace.clone();
        let app = app.recover(async move |_| {
            seen.add("recovered");
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
        let mut events = trace.take();
        events.retain(|event| !event.starts_with("load"));
        assert_eq!(
            events,
            ["blocks", "close(child)", "close(parent)", "recovered"]
        );
    });
}

async fn until(trace: &Trace, event: &str) {
    while trace.count(event) == 0 {
        sleep(1).await;
    }
}
