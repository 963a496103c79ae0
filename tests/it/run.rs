//! Running: background tasks, draining, and the order in which they stop.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{App, HookError, Phase, ShutdownReason, Status};
use support::{
    Probe, Trace, act, fails, fails_after, hangs, panics, paused, register_graph, succeeds, takes,
    threaded,
};
use tokio::time::Instant;

#[plugin(name = "ticker", collect = false)]
struct Ticker {
    #[option(required)]
    trace: Trace,
}

impl Hooks for Ticker {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace.add("load");
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.trace.add("ready");
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = seconds.tick() => self.trace.add("tick"),
                () = cx.stopped() => break,
            }
        }
        // A task that takes its time is waited for.
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.trace.add("stopped");
        Ok(())
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        self.trace.add(format_args!("drain: {}", cx.reason()));
        assert_eq!(cx.handle().status(), Status::Draining);
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        self.trace.add("close");
        assert_eq!(cx.handle().status(), Status::Closing);
        Ok(())
    }
}

#[test]
fn the_hooks_of_a_plugin_run_in_the_order_of_its_life() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(Ticker {
                trace: trace.clone(),
            })
            .boot()
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load",
                "ready",
                "tick",
                "tick",
                "tick",
                "drain: shutdown was requested",
                "stopped",
                "close",
            ]
        );
    });
}

/// Dependents drain before what they need, all before the first task stops, and all tasks have
/// stopped before the first plugin closes.
#[test]
fn draining_stopping_and_closing_go_backwards_one_after_the_other() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probe = |name| Probe::new(name, &trace).drain(takes(5));
        let probes = vec![probe("a"), probe("b"), probe("c")];
        register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let running = app.boot().await.unwrap();
        trace.take();
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "drain(c)+",
                "drain(c)-",
                "drain(b)+",
                "drain(b)-",
                "drain(a)+",
                "drain(a)-",
                "close(c)+",
                "close(c)-",
                "close(b)+",
                "close(b)-",
                "close(a)+",
                "close(a)-",
            ]
        );
    });
}

/// The task of a dependent ends before that of the plugin that it needs is told to.
#[test]
fn tasks_stop_dependents_first() {
    #[plugin(name = "writer", states = [Queue])]
    struct Writer {
        #[option]
        trace: Trace,
    }

    struct Queue;

    impl Hooks for Writer {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Queue> {
            Ok(Queue)
        }

        async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
            cx.stopped().await;
            self.trace.add("writer stops");
            Ok(())
        }
    }

    #[plugin(name = "reader")]
    struct Reader {
        #[option]
        trace: Trace,
        queue: State<Queue>,
    }

    impl Hooks for Reader {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let _ = &*self.queue;
            Ok(())
        }

        async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
            cx.stopped().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.trace.add("reader stops");
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Writer {
                trace: trace.clone(),
            })
            .with(Reader {
                trace: trace.clone(),
                ..Reader::default()
            });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["reader stops", "writer stops"]);
    });
}

#[test]
fn a_task_that_fails_or_panics_stops_the_app_and_is_part_of_its_result() {
    paused(async {
        for (run, message) in [
            (fails_after(50, "queue lost"), "queue lost"),
            (panics("boom"), "panicked: boom"),
        ] {
            let trace = Trace::new();
            let app = App::new()
                .with(Probe::new("consumer", &trace).run(run))
                .with(Probe::new("other", &trace));
            let running = app.boot().await.unwrap();
            let ShutdownReason::TaskFailed(plugin) = running.wait().await else {
                panic!("another reason");
            };
            assert_eq!(plugin, "consumer");
            let error = running.close().await.unwrap_err();
            assert_eq!(error.errors()[0].phase(), Phase::Run);
            assert_eq!(
                error.to_string(),
                format!("[consumer] Plugin run failed: {message}")
            );
            assert_eq!(trace.count("close(other)-"), 1);
        }
    });
}

#[test]
fn a_task_that_ends_by_itself_stops_nothing() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(Probe::new("once", &trace).run(succeeds()))
            .boot()
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(running.status(), Status::Ready);
        running.close().await.unwrap();
        assert_eq!(trace.count("run(once)-"), 1);
    });
}

/// S68: an error of a task that comes after the app was asked to stop is kept as well.
#[test]
fn an_error_of_a_task_while_stopping_is_not_lost() {
    #[plugin(name = "sore-loser")]
    struct SoreLoser;

    impl Hooks for SoreLoser {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }

        async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
            cx.stopped().await;
            anyhow::bail!("I was not done")
        }
    }

    paused(async {
        let error = App::new()
            .with(SoreLoser)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "[sore-loser] Plugin run failed: I was not done"
        );
    });
}

/// A task that failed before the app was asked to stop stands before what failed because of it.
#[test]
fn errors_of_tasks_and_hooks_stand_in_the_order_of_their_times() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(
                Probe::new("a", &trace)
                    .run(fails_after(5, "queue lost"))
                    .drain(fails_after(5, "no drain"))
                    .close(fails("no close")),
            )
            .boot()
            .await
            .unwrap();
        running.wait().await;
        let error = running.close().await.unwrap_err();
        let phases: Vec<_> = error.errors().iter().map(HookError::phase).collect();
        assert_eq!(phases, [Phase::Run, Phase::Drain, Phase::Close]);
    });
}

#[test]
fn a_task_that_does_not_stop_is_cancelled_and_its_plugin_closed() {
    paused(async {
        let trace = Trace::new();
        let running = App::new()
            .with(Probe::new("deaf", &trace).run(hangs()))
            .boot()
            .await
            .unwrap();
        let began = Instant::now();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[deaf] Plugin run failed: timed out after 10 s"
        );
        assert_eq!(began.elapsed(), Duration::from_secs(10));
        assert_eq!(error.abandoned().count(), 0);
        assert_eq!(trace.events().last().unwrap(), "close(deaf)-");
    });
}

#[test]
fn a_task_that_blocks_its_thread_is_left_behind() {
    threaded(async {
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = std::sync::Mutex::new(blocked);
        let blocks = act(move || {
            let _ = blocked.lock().unwrap().recv();
            async { Ok(()) }
        });
        let trace = Trace::new();
        let app = App::new()
            .close_timeout(Duration::from_millis(50))
            .with(Probe::new("blocks", &trace).run(blocks));
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        let abandoned: Vec<_> = error.abandoned().map(ToString::to_string).collect();
        assert_eq!(abandoned, ["blocks"]);
        assert_eq!(trace.count("close(blocks)-"), 1);
        drop(release);
    });
}

#[test]
fn an_error_while_draining_keeps_nothing_from_draining_or_closing() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).drain(takes(1)),
            Probe::new("b", &trace).drain(fails("no drain")),
            Probe::new("c", &trace).drain(hangs()),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1]]);
        let running = app.boot().await.unwrap();
        trace.take();
        let error = running.close().await.unwrap_err();
        let messages: Vec<_> = error.errors().iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "[c] Plugin drain failed: timed out after 10 s",
                "[b] Plugin drain failed: no drain",
            ]
        );
        assert_eq!(
            trace.events(),
            [
                "drain(c)+",
                "drain(b)+",
                "drain(a)+",
                "drain(a)-",
                "close(c)+",
                "close(c)-",
                "close(b)+",
                "close(b)-",
                "close(a)+",
                "close(a)-",
            ]
        );
    });
}
