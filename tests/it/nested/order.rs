//! When what a plugin registers is loaded, and closed.

use std::sync::{Arc, Mutex};

use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn};
use support::{Trace, paused};

use crate::nested::{Nest, sleep};

/// A1: children run after their parent's own function, and before its next sibling.
#[test]
fn children_load_after_their_parent_and_before_its_next_sibling() {
    paused(async {
        let trace = Trace::new();
        let children = trace.clone();
        let first = Nest::new("a-first", &trace, move |cx| {
            cx.register(Nest::leaf("second", &children));
            async { Ok(()) }
        });
        let app = App::new().with(first).with(Nest::leaf("b-third", &trace));
        let running = app.max_concurrency(1).boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(a-first)+",
                "load(a-first)-",
                "load(second)+",
                "load(second)-",
                "load(b-third)+",
                "load(b-third)-",
            ]
        );
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            ["close(b-third)", "close(second)", "close(a-first)"]
        );
    });
}

#[test]
fn children_of_children_load_before_the_next_child() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let outer = trace.clone();
        let app = App::new().with(Nest::new("root", &trace, move |cx| {
            let inner = inner.clone();
            let leaf = inner.clone();
            cx.register(Nest::new("one", &inner, move |cx| {
                cx.register(Nest::leaf("one-one", &leaf));
                async { Ok(()) }
            }));
            cx.register(Nest::leaf("two", &outer));
            async { Ok(()) }
        }));
        let running = app.max_concurrency(1).boot().await.unwrap();
        let begun: Vec<String> = trace.events();
        let begun: Vec<&str> = begun
            .iter()
            .filter_map(|event| event.strip_suffix(")+"))
            .collect();
        assert_eq!(begun, ["load(root", "load(one", "load(one-one", "load(two"]);
        running.close().await.unwrap();
    });
}

#[test]
fn who_depends_on_a_plugin_waits_for_its_children_and_closes_before_them() {
    paused(async {
        let trace = Trace::new();
        let children = trace.clone();
        let mut app = App::new();
        let parent = app.register(Nest::new("parent", &trace, move |cx| {
            cx.register(Nest::new("child", &children, async |_| {
                sleep(50).await;
                Ok(())
            }));
            async { Ok(()) }
        }));
        app.register(Nest::leaf("dependent", &trace)).after(&parent);
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(parent)+",
                "load(parent)-",
                "load(child)+",
                "load(child)-",
                "load(dependent)+",
                "load(dependent)-",
            ]
        );
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            ["close(dependent)", "close(child)", "close(parent)"]
        );
    });
}

/// A19: a child that is awaited loads now, and its states are there on the next line.
#[test]
fn a_child_that_is_awaited_loads_now_and_closes_after_its_parent() {
    pub struct Port(u16);

    #[plugin(states = [Port], collect = never)]
    struct Listener {
        #[option(required)]
        port: u16,
        #[option(default = Trace::new())]
        trace: Trace,
    }

    impl Hooks for Listener {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Port> {
            sleep(10).await;
            self.trace.add("listener loaded");
            Ok(Port(self.port))
        }

        async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
            self.trace.add("listener closed");
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("server", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                let listener = Listener {
                    port: 80,
                    trace: trace.clone(),
                };
                let port = cx.register(listener).await?;
                trace.add(format_args!("port {}", port.0));
                Ok(())
            }
        }));
        let running = app.boot().await.unwrap();
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(server)+",
                "listener loaded",
                "port 80",
                "load(server)-",
                "close(server)",
                "listener closed",
            ]
        );
    });
}

/// A20, A32: what is registered so far loads at a flush, what comes later does not.
#[test]
fn a_flush_loads_what_is_registered_so_far() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                cx.register(Nest::leaf("first", &trace));
                cx.register(Nest::leaf("second", &trace));
                cx.flush().await?;
                trace.add("flushed");
                cx.register(Nest::leaf("third", &trace));
                cx.flush().await?;
                cx.flush().await?;
                trace.add("flushed");
                Ok(())
            }
        }));
        app.max_concurrency(1)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(parent)+",
                "load(first)+",
                "load(first)-",
                "load(second)+",
                "load(second)-",
                "flushed",
                "load(third)+",
                "load(third)-",
                "flushed",
                "load(parent)-",
                "close(parent)",
                "close(third)",
                "close(second)",
                "close(first)",
            ]
        );
    });
}

#[test]
fn a_child_that_a_later_await_or_flush_loads_closes_after_its_parent() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("parent", async |cx| {
            cx.register(plugin_fn("above-the-await", async |_| Ok(())));
            cx.register(plugin_fn("awaited", async |_| Ok(()))).await?;
            cx.register(plugin_fn("above-the-flush", async |_| Ok(())));
            cx.flush().await?;
            cx.register(plugin_fn("below", async |_| Ok(())));
            sleep(5).await;
            Ok(())
        }));
        let record = app.record();
        app.boot().await.unwrap().close().await.unwrap();
        record
            .begun()
            .phase(bootstrap::lifecycle::Phase::Close)
            .assert_eq([
                "parent/below: close",
                "parent: close",
                "parent/above-the-flush: close",
                "parent/awaited: close",
                "parent/above-the-await: close",
            ]);
    });
}

#[test]
fn awaiting_a_child_loads_what_was_registered_before_it_and_not_what_came_after() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                cx.register(Nest::leaf("before", &trace));
                let this = cx.register(Nest::leaf("this", &trace));
                cx.register(Nest::leaf("after", &trace));
                this.load().await?;
                trace.add("loaded");
                Ok(())
            }
        }));
        app.max_concurrency(1)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        assert_eq!(
            trace.events()[..8],
            [
                "load(parent)+",
                "load(before)+",
                "load(before)-",
                "load(this)+",
                "load(this)-",
                "loaded",
                "load(parent)-",
                "load(after)+",
            ]
        );
    });
}

#[test]
fn a_child_that_is_registered_after_an_await_counts_as_well() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        let parent = app.register(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                sleep(10).await;
                cx.register(Nest::leaf("late", &trace));
                Ok(())
            }
        }));
        app.register(Nest::leaf("dependent", &trace)).after(&parent);
        let running = app.boot().await.unwrap();
        assert!(trace.is_before("load(late)-", "load(dependent)+"));
        running.close().await.unwrap();
    });
}

/// A22: what to load may itself have to be waited for.
#[test]
fn a_plugin_may_be_made_by_a_future() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("import", async move |cx| {
            let module = async {
                sleep(10).await;
                Nest::leaf("imported", &inner)
            };
            cx.register(module.await);
            Ok(())
        }));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["load(imported)+", "load(imported)-", "close(imported)"]
        );
    });
}

#[test]
fn children_that_do_not_need_each_other_load_at_the_same_time() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Nest::new("parent", &trace, |cx| {
            for _ in 0..100 {
                cx.register(plugin_fn("child", async |_| {
                    sleep(10).await;
                    Ok(())
                }));
            }
            async { Ok(()) }
        }));
        let began = tokio::time::Instant::now();
        let running = app.boot().await.unwrap();
        assert_eq!(began.elapsed().as_millis(), 10);
        assert_eq!(running.report().plugins.len(), 101);
        running.close().await.unwrap();
    });
}

#[test]
fn one_hook_at_a_time_holds_for_children_as_well() {
    paused(async {
        let running_now = Arc::new(Mutex::new((0, 0)));
        let counted = Arc::clone(&running_now);
        let mut app = App::new();
        for parent in ["a", "b", "c"] {
            let counted = Arc::clone(&counted);
            app.register(plugin_fn(parent, async move |cx| {
                for _ in 0..2 {
                    let counted = Arc::clone(&counted);
                    let child = cx.register(plugin_fn("child", async move |_| {
                        counted.lock().unwrap().0 += 1;
                        sleep(10).await;
                        let mut counted = counted.lock().unwrap();
                        counted.1 = counted.1.max(counted.0);
                        counted.0 -= 1;
                        Ok(())
                    }));
                    child.await?;
                }
                Ok(())
            }));
        }
        let began = tokio::time::Instant::now();
        let running = app.max_concurrency(1).boot().await.unwrap();
        assert_eq!(running_now.lock().unwrap().1, 1);
        assert_eq!(began.elapsed().as_millis(), 60);
        running.close().await.unwrap();
    });
}

/// A54: what was registered stands below who did in the report, with times of its own.
#[test]
fn the_report_shows_children_below_their_parents() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(plugin_fn("root", async move |cx| {
            let middle = Nest::new("middle", &trace, |cx| async move {
                cx.register(plugin_fn("leaf", async |_| {
                    sleep(30).await;
                    Ok(())
                }));
                sleep(20).await;
                Ok(())
            });
            cx.register(middle);
            sleep(10).await;
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        let report = running.report();
        assert_eq!(
            report.boot_tree(),
            "boot 60 ms\n\
             └─┬ root 10 ms\n\
             \u{20} └─┬ root/middle 20 ms\n\
             \u{20}   └── root/middle/leaf 30 ms"
        );
        let leaf = report.plugin("root/middle/leaf").unwrap();
        let middle = leaf
            .parent()
            .map(|parent| report.plugins[parent].name.to_string());
        assert_eq!(middle.as_deref(), Some("root/middle"));
        running.close().await.unwrap();
    });
}

#[test]
fn ready_and_run_hooks_of_children_are_called() {
    struct Child(Trace);

    #[bootstrap::extend::async_trait]
    impl bootstrap::extend::Plugin for Child {
        fn descriptor(&self) -> bootstrap::extend::Descriptor {
            bootstrap::extend::Descriptor::new("child")
        }

        async fn load(&mut self, _: &mut LoadContext) -> Result<bootstrap::extend::States> {
            self.0.add("load");
            Ok(bootstrap::extend::States::new())
        }

        async fn ready(&self, _: &ReadyContext) -> Result<()> {
            self.0.add("ready");
            Ok(())
        }

        async fn run(&self, cx: &RunContext) -> Result<()> {
            self.0.add("run");
            cx.stopped().await;
            self.0.add("stopped");
            Ok(())
        }

        async fn drain(&self, _: &DrainContext) -> Result<()> {
            self.0.add("drain");
            Ok(())
        }

        async fn close(&self, _: &CloseContext) -> Result<()> {
            self.0.add("close");
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            cx.register(Child(inner));
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        sleep(1).await;
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["load", "ready", "run", "drain", "stopped", "close"]
        );
    });
}

#[test]
fn the_close_of_children_is_drawn_below_whoever_needed_their_parent() {
    paused(async {
        let mut app = App::new();
        let trace = Trace::new();
        let inner = trace.clone();
        let server = app.register(Nest::new("server", &trace, move |cx| {
            cx.register(Nest::leaf("routes", &inner));
            async { Ok(()) }
        }));
        app.register(Nest::leaf("docs", &trace)).after(&server);
        let report = app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            report.close_tree(),
            "close 0 us\n\
             └─┬ docs 0 us\n\
             \u{20} └─┬ server/routes 0 us\n\
             \u{20}   └── server 0 us"
        );
    });
}
