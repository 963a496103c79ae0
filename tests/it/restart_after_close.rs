//! A restart goes on whatever the `close` of its part did, unless something still holds the plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bootstrap::App;
use bootstrap::error::{HookFailure, RestartError};
use bootstrap::lifecycle::Status;
use bootstrap::prelude::*;
use support::{Act, Probe, Trace, act, fails, hangs, panics, paused, threaded};

const SECOND: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_millis(50);

/// An app in which `http` needs `pool`, whose hooks go wrong.
struct Value(u32);

#[plugin(name = "pool", states = [Value], collect = never)]
struct Pool {
    #[option(required)]
    close: Act,
    #[option(default = Arc::default())]
    loads: Arc<AtomicU32>,
    #[local]
    memory: Vec<u32>,
}

impl Hooks for Pool {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Value> {
        assert!(self.memory.is_empty(), "every load begins with its default");
        self.memory.push(1);
        Ok(Value(self.loads.fetch_add(1, Ordering::SeqCst) + 1))
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        (self.close)().await
    }
}

#[plugin(name = "http", collect = never)]
struct Http {
    value: State<Value>,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Http {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace.add(format_args!("loaded with {}", self.value.0));
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.trace.add("closed");
        Ok(())
    }
}

fn app(close: Act, trace: &Trace) -> App {
    let pool = Pool {
        close,
        loads: Arc::default(),
        memory: Vec::new(),
    };
    let http = Http {
        trace: trace.clone(),
        ..Http::default()
    };
    App::new().close_timeout(SECOND).with(pool).with(http)
}

#[test]
fn a_restart_goes_on_after_a_close_that_failed_panicked_or_ran_out_of_time() {
    paused(async {
        for close in [fails("no"), panics("boom"), hangs()] {
            let (trace, told) = (Trace::new(), Trace::new());
            let errors = told.clone();
            let app = app(close, &trace).on_error(move |cx| {
                let errors = errors.clone();
                async move {
                    errors.add(cx.error());
                    Ok(())
                }
            });
            let running = app.boot().await.unwrap();
            running.handle().restart("pool").await.unwrap();
            assert_eq!(running.status(), Status::Ready);
            assert_eq!(running.try_get::<State<Value>>().unwrap().0, 2);
            // And again.
            running.handle().restart("pool").await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(told.events().len(), 2, "{:?}", told.events());
            running.close().await.unwrap_err();
            let loads = ["loaded with 1", "closed", "loaded with 2", "closed"];
            let last = ["loaded with 3", "closed"];
            assert_eq!(trace.events(), [&loads[..], &last[..]].concat());
        }
    });
}

#[test]
fn a_restart_goes_on_after_a_drain_or_a_task_that_panicked() {
    paused(async {
        let trace = Trace::new();
        let probe = Probe::new("a", &trace).drain(panics("boom"));
        let running = App::new().with(probe).boot().await.unwrap();
        running.handle().restart("a").await.unwrap();
        assert_eq!(trace.count("load(a)-"), 2);
        running.close().await.unwrap_err();
    });
}

/// Blocks its thread until the other end is dropped.
fn blocks() -> (Sender<()>, Act) {
    let (release, blocked): (_, Receiver<()>) = channel();
    let blocked = Arc::new(Mutex::new(blocked));
    let hook = act(move || {
        let blocked = Arc::clone(&blocked);
        async move {
            let _ = blocked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv();
            Ok(())
        }
    });
    (release, hook)
}

#[test]
fn a_plugin_that_an_abandoned_hook_still_holds_is_not_loaded_again_until_that_has_ended() {
    threaded(async {
        let (release, close) = blocks();
        let trace = Trace::new();
        let app = app(close, &trace)
            .close_timeout(SHORT)
            .tolerate_failed_restarts();
        let running = app.boot().await.unwrap();
        let handle = running.handle();
        let error = handle.restart("pool").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[pool] Plugin load failed: something still holds the plugin, so it can't be loaded again: \
             a hook that was abandoned, or a handle to a port that the plugin is itself"
        );
        let RestartError::Failed { failures, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(matches!(failures[0].failure(), HookFailure::Error(_)));
        assert_eq!(running.status(), Status::Ready);
        drop(release);
        // The hook ends in a moment, and holds nothing then.
        while handle.restart("pool").await.is_err() {
            tokio::time::sleep(SHORT).await;
        }
        assert_eq!(running.try_get::<State<Value>>().unwrap().0, 2);
        let _ = running.close().await;
    });
}

#[test]
fn a_load_that_panicked_took_its_plugin_along() {
    paused(async {
        let is_bad = Arc::new(AtomicBool::new(false));
        let bad = Arc::clone(&is_bad);
        let load = act(move || {
            let bad = bad.load(Ordering::SeqCst);
            async move {
                assert!(!bad, "boom");
                Ok(())
            }
        });
        let probe = Probe::new("a", &Trace::new()).load(load);
        let running = App::new()
            .with(probe)
            .tolerate_failed_restarts()
            .boot()
            .await
            .unwrap();
        is_bad.store(true, Ordering::SeqCst);
        let handle = running.handle();
        let error = handle.restart("a").await.unwrap_err();
        assert_eq!(error.to_string(), "[a] Plugin load failed: panicked: boom");
        let error = handle.restart("a").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[a] can't be loaded again: its `load` panicked or was cut short, and took it along"
        );
        running.close().await.unwrap();
    });
}
