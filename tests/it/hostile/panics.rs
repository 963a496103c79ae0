//! Panics where nobody expects one: in drops, in messages, in what listens to the log.

use std::fmt;
use std::sync::Arc;

use bootstrap::App;
use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use support::{Act, Probe, Trace, act, fails_after, paused};

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("drop of {}", self.0);
    }
}

/// Fails to load, and panics when it is dropped.
struct FailsAndExplodes(Bomb);

#[bootstrap::extend::async_trait]
impl Plugin for FailsAndExplodes {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.0.0)
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        anyhow::bail!("no")
    }
}

/// Never gets its turn, and panics when it is dropped.
struct Explodes(#[expect(dead_code, reason = "its drop is what it is for")] Bomb);

#[bootstrap::extend::async_trait]
impl Plugin for Explodes {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("explodes")
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        Ok(States::new())
    }
}

#[test]
fn plugins_that_fail_and_panic_in_their_drops_are_errors_of_the_boot() {
    paused(async {
        let app = App::new()
            .with(FailsAndExplodes(Bomb("a")))
            .with(FailsAndExplodes(Bomb("b")));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[a] Plugin load failed: no");
    });
}

#[test]
fn a_plugin_that_never_loaded_and_panics_in_its_drop_is_an_error_of_the_rollback() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let fails = app.register(Probe::new("fails", &trace).load(fails_after(1, "no")));
        app.register(Explodes(Bomb("explodes"))).after(&fails);
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[fails] Plugin load failed: no");
        let rollback: Vec<_> = error
            .rollback_errors()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            rollback,
            ["[explodes] Plugin close failed: panicked: drop of explodes"]
        );
        assert!(error.closed().is_empty(), "it never loaded");
    });
}

#[test]
fn a_hook_of_the_app_that_never_ran_and_panics_in_its_drop_stops_nothing() {
    paused(async {
        let trace = Trace::new();
        let (start, close) = (Bomb("start"), Bomb("close"));
        let error = App::new()
            .with(Probe::new("a", &trace))
            .with(Probe::new("b", &trace).load(fails_after(1, "no")))
            .on_start(async move |_| {
                let _bomb = &start;
                Ok(())
            })
            .on_close(async move |_| {
                let _bomb = &close;
                Ok(())
            })
            .boot()
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "[b] Plugin load failed: no");
        assert_eq!(error.closed(), ["a"]);
    });
}

/// What a panic carries may panic in its drop, and so may what that carries.
#[test]
fn a_panic_that_carries_a_panic_is_one_error() {
    struct Nested(u32);
    impl Drop for Nested {
        fn drop(&mut self) {
            if self.0 > 0 {
                std::panic::panic_any(Nested(self.0 - 1));
            }
        }
    }
    paused(async {
        let load = act(async || std::panic::panic_any(Nested(3)));
        let app = App::new().with(Probe::new("a", &Trace::new()).load(load));
        assert_eq!(
            app.boot().await.unwrap_err().to_string(),
            "[a] Plugin load failed: panicked: a value that is no text"
        );
    });
}

/// A plugin that keeps the context of its failed load holds the app, which would hold it.
#[test]
fn a_plugin_that_failed_and_kept_its_context_is_dropped() {
    struct Keeps(
        Option<LoadContext>,
        #[expect(dead_code, reason = "to be counted")] Arc<()>,
    );
    #[bootstrap::extend::async_trait]
    impl Plugin for Keeps {
        fn descriptor(&self) -> Descriptor {
            Descriptor::new("keeps")
        }
        async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
            self.0 = Some(cx.clone());
            anyhow::bail!("no")
        }
    }
    let alive = Arc::new(());
    let app = App::new().with(Keeps(None, Arc::clone(&alive)));
    assert!(paused(app.boot()).is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// An error whose message can't be made.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Unspeakable {}

fn unspeakable() -> Act {
    act(async || Err(anyhow::Error::new(Unspeakable)))
}

const SAID: &str = "an error whose message can't be shown: it panicked: no words";

#[test]
fn an_error_that_panics_when_it_is_shown_can_be_shown() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace).load(unspeakable()));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), format!("[a] Plugin load failed: {SAID}"));
        assert!(error.render().contains(SAID));

        let app = App::new()
            .with(Probe::new("a", &trace).close(unspeakable()))
            .with(Probe::new("b", &trace).run(unspeakable()))
            .on_close(async |_| Err(anyhow::Error::new(Unspeakable)));
        let running = app.boot().await.unwrap();
        running.wait().await;
        let error = running.close().await.unwrap_err();
        assert_eq!(
            error
                .errors()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [
                format!("[b] Plugin run failed: {SAID}"),
                format!("[app] Plugin close failed: {SAID}"),
                format!("[a] Plugin close failed: {SAID}"),
            ]
        );
    });
}

/// Listens, and panics at whatever it hears, or at nothing but errors.
struct Fragile {
    errors_only: bool,
}

impl tracing::Subscriber for Fragile {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        !self.errors_only || *metadata.level() == tracing::Level::ERROR
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        panic!("the log is full")
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        panic!("the log is full")
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_log_that_panics_keeps_nobody_from_closing() {
    let _listening = tracing::subscriber::set_default(Fragile { errors_only: true });
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(Probe::new("a", &trace))
            .with(Probe::new("b", &trace).close(support::fails("sore")))
            .boot()
            .await
            .unwrap();
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[b] Plugin close failed: sore");
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

#[bootstrap::supplied]
struct Unwanted;

/// S39: a log that panics at everything changes nothing about what becomes of an app, and nothing
/// that happened is lost.
#[test]
fn a_log_that_panics_at_everything_changes_no_outcome() {
    let _listening = tracing::subscriber::set_default(Fragile { errors_only: false });
    paused(async {
        let trace = Trace::new();
        let probe = Probe::new("a", &trace)
            .ready(support::takes(11_000))
            .run(support::takes(1))
            .drain(support::takes(1));
        let app = App::new()
            .supply(Unwanted)
            .with(probe)
            .with(Probe::new("b", &trace).close(support::fails("sore")));
        let running = app.boot().await.unwrap();
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[b] Plugin close failed: sore");
        assert_eq!(trace.count("drain(a)-"), 1);
        assert_eq!(trace.count("run(a)-"), 1);
        assert_eq!(trace.count("close(a)-"), 1);

        let app = App::new()
            .with(Probe::new("a", &trace).close(support::fails("stuck")))
            .with(Probe::new("b", &trace).load(fails_after(5, "no")));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[b] Plugin load failed: no");
        assert_eq!(
            error.rollback_errors()[0].to_string(),
            "[a] Plugin close failed: stuck"
        );
    });
}
