//! Children under everything else that can happen to an app.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn};
use support::{Trace, bounded, paused, threaded};

use crate::nested::{Nest, sleep};

/// Loads minus closes of everything below.
fn family(balance: &Arc<AtomicI32>, trace: &Trace) -> App {
    struct Counted(Arc<AtomicI32>);

    #[bootstrap::extend::async_trait]
    impl bootstrap::extend::Plugin for Counted {
        fn descriptor(&self) -> bootstrap::extend::Descriptor {
            bootstrap::extend::Descriptor::new("counted")
        }

        async fn load(&mut self, _: &mut LoadContext) -> Result<bootstrap::extend::States> {
            sleep(1).await;
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(bootstrap::extend::States::new())
        }

        async fn close(&self, _: &CloseContext) -> Result<()> {
            self.0.fetch_sub(1, Ordering::SeqCst);
            sleep(1).await;
            Ok(())
        }
    }

    let mut app = App::new();
    for _ in 0..2 {
        let balance = Arc::clone(balance);
        app.register(Nest::new("parent", trace, move |cx| {
            let balance = Arc::clone(&balance);
            async move {
                cx.register(Counted(Arc::clone(&balance))).load().await?;
                let bad = cx.register(plugin_fn("bad", {
                    let balance = Arc::clone(&balance);
                    async move |cx| {
                        cx.register(Counted(Arc::clone(&balance))).load().await?;
                        sleep(1).await;
                        anyhow::bail!("boom")
                    }
                }));
                assert!(bad.await.is_err());
                cx.register(Counted(Arc::clone(&balance)));
                cx.register(plugin_fn("inner", async move |cx| {
                    sleep(1).await;
                    cx.register(Counted(balance));
                    Ok(())
                }));
                Ok(())
            }
        }));
    }
    app
}

#[test]
fn a_boot_that_is_dropped_at_any_poll_closes_what_children_had_loaded() {
    for polls in 0..40 {
        let balance = Arc::new(AtomicI32::new(0));
        let counted = Arc::clone(&balance);
        let (opened, closed) = paused(async move {
            let trace = Trace::new();
            let app = family(&counted, &trace);
            let handle = app.handle();
            let mut boot = Box::pin(app.boot());
            for _ in 0..polls {
                let step = tokio::time::timeout(std::time::Duration::from_micros(300), &mut boot);
                if let Ok(booted) = step.await {
                    booted.unwrap().close().await.unwrap();
                    break;
                }
            }
            drop(boot);
            handle.closed().await;
            let events = trace.events();
            let loads = events.iter().filter(|event| event.ends_with(")-")).count();
            let closes = events
                .iter()
                .filter(|event| event.starts_with("close"))
                .count();
            (loads, closes)
        });
        assert_eq!(balance.load(Ordering::SeqCst), 0, "after {polls} polls");
        assert_eq!(opened, closed, "after {polls} polls");
    }
}

#[test]
fn many_threads_load_children_as_one_does() {
    for _ in 0..20 {
        let balance = Arc::new(AtomicI32::new(0));
        let counted = Arc::clone(&balance);
        threaded(async move {
            let trace = Trace::new();
            let running = family(&counted, &trace).boot().await.unwrap();
            assert_eq!(counted.load(Ordering::SeqCst), 6);
            running.close().await.unwrap();
        });
        assert_eq!(balance.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_restart_of_a_parent_brings_its_children_again() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        let base = app.register(Nest::leaf("base", &trace));
        app.register(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                cx.register(Nest::leaf("early", &trace)).load().await?;
                cx.register(Nest::leaf("late", &trace));
                Ok(())
            }
        }))
        .after(&base);
        let running = app.boot().await.unwrap();
        trace.take();
        running.handle().restart("parent").await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "close(late)",
                "close(parent)",
                "close(early)",
                "load(parent)+",
                "load(early)+",
                "load(early)-",
                "load(parent)-",
                "load(late)+",
                "load(late)-",
            ]
        );
        running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "close(late)",
                "close(parent)",
                "close(early)",
                "close(base)"
            ]
        );
    });
}

#[test]
fn a_restart_of_a_child_leaves_its_parent_alone() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(Nest::new("parent", &trace, move |cx| {
            cx.register(Nest::leaf("child", &inner));
            async { Ok(()) }
        }));
        let running = app.boot().await.unwrap();
        trace.take();
        running.handle().restart("parent/child").await.unwrap();
        assert_eq!(
            trace.take(),
            ["close(child)", "load(child)+", "load(child)-"]
        );
        running.close().await.unwrap();
        assert_eq!(trace.take(), ["close(child)", "close(parent)"]);
    });
}

#[test]
fn ten_thousand_children_are_loaded_and_closed() {
    bounded(|| {
        paused(async {
            let mut app = App::new();
            app.register(plugin_fn("parent", async |cx| {
                for _ in 0..10_000 {
                    cx.register(plugin_fn("child", async |_| Ok(())));
                }
                Ok(())
            }));
            let running = app.boot().await.unwrap();
            assert_eq!(running.report().plugins.len(), 10_001);
            running.close().await.unwrap();
        });
    });
}

#[test]
fn children_a_thousand_deep_do_not_overflow_the_stack() {
    struct Deep(u32);

    #[bootstrap::extend::async_trait]
    impl bootstrap::extend::Plugin for Deep {
        fn descriptor(&self) -> bootstrap::extend::Descriptor {
            bootstrap::extend::Descriptor::new("d")
        }

        async fn load(&mut self, cx: &mut LoadContext) -> Result<bootstrap::extend::States> {
            if self.0 > 0 {
                cx.register(Deep(self.0 - 1));
            }
            Ok(bootstrap::extend::States::new())
        }
    }

    bounded(|| {
        paused(async {
            let running = App::new().with(Deep(1_000)).boot().await.unwrap();
            assert_eq!(running.report().plugins.len(), 1_001);
            running.close().await.unwrap();
        });
    });
}

/// Fails from the second time on.
fn fails_later(trace: &Trace) -> Nest {
    let loads = AtomicI32::new(0);
    Nest::new("child", trace, move |_| {
        let is_first = loads.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            anyhow::ensure!(is_first, "once was enough");
            Ok(())
        }
    })
}

#[test]
fn a_child_that_does_not_load_again_fails_the_restart() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx| {
            cx.register(fails_later(&inner));
            Ok(())
        }));
        // Nobody who answered for the boot answers for what comes later.
        let app = app.recover(async |_| Ok(()));
        let running = app.boot().await.unwrap();
        let error = running.handle().restart("parent/child").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[parent/child] Plugin load failed: once was enough"
        );
        let error = running.close().await.unwrap_err();
        assert_eq!(error.errors().len(), 1);
    });
}

/// Its parent has used its states.
#[test]
fn a_restart_of_a_child_that_was_awaited_restarts_its_parent() {
    paused(async {
        let trace = Trace::new();
        let inner = trace.clone();
        let app = App::new().with(Nest::new("parent", &trace, move |cx| {
            let trace = inner.clone();
            async move {
                cx.register(Nest::leaf("child", &trace)).load().await?;
                Ok(())
            }
        }));
        let running = app.boot().await.unwrap();
        trace.take();
        running.handle().restart("parent/child").await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "close(parent)",
                "close(child)",
                "load(parent)+",
                "load(child)+",
                "load(child)-",
                "load(parent)-",
            ]
        );
        running.close().await.unwrap();
    });
}

#[test]
fn who_waits_for_a_child_elsewhere_hears_that_the_boot_has_failed() {
    paused(async {
        let (give, take) = tokio::sync::oneshot::channel();
        let (registered, wait) = tokio::sync::oneshot::channel();
        let mut app = App::new();
        app.register(plugin_fn("parent", async move |cx: LoadContext| {
            let _ = give.send(cx.clone());
            wait.await?;
            Ok(())
        }));
        app.register(plugin_fn("bad", async |_| {
            sleep(10).await;
            anyhow::bail!("boom")
        }));
        let elsewhere = tokio::spawn(async move {
            let cx: LoadContext = take.await.unwrap();
            let child = cx.register(plugin_fn("child", async |_| std::future::pending().await));
            let loading = child.load();
            let _ = registered.send(());
            loading.await.unwrap_err().to_string()
        });
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[bad] Plugin load failed: boom");
        assert_eq!(
            elsewhere.await.unwrap(),
            "the boot ended before a child of `parent` had loaded"
        );
    });
}

#[test]
fn a_child_of_an_earlier_generation_is_not_loaded_again() {
    struct Base;

    #[plugin(name = "base", states = [Base], collect = never)]
    struct BasePlugin;

    impl Hooks for BasePlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Base> {
            Ok(Base)
        }
    }

    #[plugin(name = "child", collect = never)]
    struct User {
        base: State<Base>,
    }

    impl Hooks for User {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let _ = &self.base;
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let mut app = App::new().with(BasePlugin);
        app.register(Nest::new("parent", &trace, |cx| {
            cx.register(User::default());
            async { Ok(()) }
        }));
        let running = app.boot().await.unwrap();
        running.handle().restart("parent").await.unwrap();
        running.handle().restart("base").await.unwrap();
        running.close().await.unwrap();
        assert_eq!(trace.count("close(parent)"), 2);
    });
}
