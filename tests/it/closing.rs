//! What an app answers to its own plugins while it closes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::lifecycle::Status;
use bootstrap::prelude::*;
use bootstrap::{App, Handle, plugin_fn};
use support::{Act, Probe, Trace, act, paused, register_graph, succeeds, takes};
use tokio::time::Instant;

struct Pool(u32);

/// Asks the app for everything there is to ask, in the middle of its `close`.
struct Asks(Trace);

#[bootstrap::extend::async_trait]
impl Plugin for Asks {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("asks").provides::<Pool>()
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        Ok(States::new().with(Pool(7)))
    }

    async fn close(&self, cx: &CloseContext) -> Result<()> {
        let app = cx.handle();
        app.shutdown();
        let plugins = app.report().plugins.len();
        let pool = cx.try_get::<State<Pool>>()?;
        let (status, pool) = (app.status(), pool.0);
        self.0
            .add(format_args!("{status:?}, {plugins} plugins, pool {pool}"));
        Ok(())
    }
}

/// S63: states, status, report and the wish to stop, from within a `close`: no lock is held.
#[test]
fn a_close_may_ask_its_app_for_anything() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Asks(trace.clone()));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["Closing, 1 plugins, pool 7"]);
    });
}

/// S63: who waits in a `close` for the end of it waits for itself, and is told so at once.
#[test]
fn a_close_that_waits_for_the_end_of_its_app_is_an_error_at_once() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let handle = app.handle();
        let waits = act(move || {
            let handle = handle.clone();
            async move { Ok(handle.close().await.map(drop)?) }
        });
        let probes = vec![
            Probe::new("base", &trace),
            Probe::new("waits", &trace).close(waits),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let running = app.boot().await.unwrap();
        let began = Instant::now();
        let error = running.close().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(
            error.to_string(),
            "[waits] Plugin close failed: a hook or a task waits for the app to have closed, and \
             the app waits for that hook or task"
        );
        assert_eq!(trace.count("close(base)-"), 1);
    });
}

/// Asks for a restart, and notes the answer.
fn restarts(handle: &Handle, answers: &Trace) -> Act {
    let (handle, answers) = (handle.clone(), answers.clone());
    act(move || {
        let (handle, answers) = (handle.clone(), answers.clone());
        async move {
            let error = handle.restart("a").await.unwrap_err();
            assert!(matches!(
                error,
                RestartError::Refused {
                    why: RestartRefusal::NotRunning { .. },
                    ..
                }
            ));
            answers.add(error);
            Ok(())
        }
    })
}

/// S62: an app that closes takes nothing new, and says that it closes.
#[test]
fn a_restart_is_refused_while_the_app_closes() {
    paused(async {
        let (trace, answers) = (Trace::new(), Trace::new());
        let app = App::new();
        let asks = restarts(&app.handle(), &answers);
        let app = app.with(Probe::new("a", &trace).drain(asks.clone()).close(asks));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            answers.events(),
            [
                "the app is not running: its status is Draining",
                "the app is not running: its status is Closing"
            ]
        );
        assert_eq!(trace.count("load(a)+"), 1);
    });
}

/// S62: what is left to be done as late as in the drain is done with the rest.
#[test]
fn what_is_left_to_be_done_while_the_app_drains_is_done() {
    paused(async {
        let trace = Trace::new();
        let kept = Arc::new(Mutex::new(None::<LoadContext>));
        let (keep, late) = (Arc::clone(&kept), trace.clone());
        let leaves = act(move || {
            let late = late.clone();
            let kept = kept.lock().unwrap();
            kept.as_ref().unwrap().on_close(async move |_| {
                late.add("left in the drain");
                Ok(())
            });
            async { Ok(()) }
        });
        let mut app = App::new();
        app.register(plugin_fn("keeps", async move |cx| {
            *keep.lock().unwrap() = Some(cx);
            Ok(())
        }));
        app.register(Probe::new("other", &Trace::new()).drain(leaves));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["left in the drain"]);
    });
}

/// S56: nobody closes before the last one has drained, however quick its own branch was.
#[test]
fn a_stage_of_the_close_is_over_when_all_of_its_members_are() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("quick", &trace).drain(succeeds()),
            Probe::new("slow", &trace).drain(takes(2_000)),
            Probe::new("slower", &trace).drain(takes(3_000)),
        ];
        register_graph(&mut app, probes, &[&[], &[], &[1]]);
        let running = app.boot().await.unwrap();
        let handle = running.handle();
        trace.take();
        let closing = tokio::spawn(running.close());
        tokio::time::sleep(Duration::from_millis(4_999)).await;
        assert_eq!(handle.status(), Status::Draining);
        closing.await.unwrap().unwrap();
        assert_eq!(
            trace.events(),
            [
                "drain(slower)+",
                "drain(quick)+",
                "drain(quick)-",
                "drain(slower)-",
                "drain(slow)+",
                "drain(slow)-",
                "close(slower)+",
                "close(slower)-",
                "close(slow)+",
                "close(slow)-",
                "close(quick)+",
                "close(quick)-",
            ]
        );
    });
}

/// Tells how far it is every two seconds, so often, and then no more.
struct Tells {
    times: usize,
    ends: bool,
}

impl Tells {
    async fn tell(&self, progress: impl Fn(String)) -> Result<()> {
        for step in 0..self.times {
            tokio::time::sleep(Duration::from_secs(2)).await;
            progress(format!("step {step}"));
        }
        if !self.ends {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Tells {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("tells").close_timeout(Duration::from_secs(5))
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        Ok(States::new())
    }

    async fn run(&self, cx: &RunContext) -> Result<()> {
        cx.stopped().await;
        self.tell(|text| cx.progress(text)).await
    }

    async fn close(&self, cx: &CloseContext) -> Result<()> {
        self.tell(|text| cx.progress(text)).await
    }
}

/// S32: also the end of a task and a `close` go on for as long as they tell.
#[test]
fn progress_moves_the_limits_of_the_close() {
    paused(async {
        let app = App::new().with(Tells {
            times: 6,
            ends: true,
        });
        let running = app.boot().await.unwrap();
        tokio::task::yield_now().await;
        let began = Instant::now();
        running.close().await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(24));
    });
}

/// S32: and are ended by their limits when they tell no more.
#[test]
fn a_close_that_stops_telling_is_ended() {
    paused(async {
        let app = App::new().with(Tells {
            times: 3,
            ends: false,
        });
        let running = app.boot().await.unwrap();
        tokio::task::yield_now().await;
        let began = Instant::now();
        let error = running.close().await.unwrap_err();
        let said: Vec<_> = error.errors().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "[tells] Plugin run failed: timed out after 5 s",
                "[tells] Plugin close failed: timed out after 5 s"
            ]
        );
        assert_eq!(began.elapsed(), Duration::from_secs(22));
    });
}
