//! Closing: the reverse order, every hook once, all errors, and an end in any case.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{App, CloseError, HookFailure, Outcome, Phase, ShutdownReason};
use support::{
    Act, Probe, Trace, act, fails, fails_after, hangs, panics, panics_after, paused,
    register_graph, takes, threaded,
};
use tokio::sync::Barrier;
use tokio::time::Instant;

/// Closes of a chain `a <- b <- c`, in which `b` closes as it is told.
async fn close_chain(b: Act) -> (Vec<String>, Result<bootstrap::Report, CloseError>, Duration) {
    let trace = Trace::new();
    let mut app = App::new();
    let probes = vec![
        Probe::new("a", &trace),
        Probe::new("b", &trace).close(b),
        Probe::new("c", &trace),
    ];
    register_graph(&mut app, probes, &[&[], &[0], &[1]]);
    let running = app.boot().await.unwrap();
    trace.take();
    let began = Instant::now();
    let closed = running.close().await;
    (trace.take(), closed, began.elapsed())
}

fn messages(error: &CloseError) -> Vec<String> {
    error.errors().iter().map(ToString::to_string).collect()
}

const ALL: [&str; 6] = [
    "close(c)+",
    "close(c)-",
    "close(b)+",
    "close(b)-",
    "close(a)+",
    "close(a)-",
];
const WITHOUT_B: [&str; 5] = [
    "close(c)+",
    "close(c)-",
    "close(b)+",
    "close(a)+",
    "close(a)-",
];

/// S51, A55, A44, D19: dependents first, each hook once, and the next one waits for its end.
/// A48, A49: `close` returns after the last one.
#[test]
fn closing_goes_backwards_along_the_edges() {
    paused(async {
        let (events, closed, took) = close_chain(takes(1_000)).await;
        assert_eq!(events, ALL);
        assert_eq!(took, Duration::from_secs(1));
        assert_eq!(
            closed.unwrap().plugin("b").unwrap().close.outcome,
            Outcome::Done
        );
    });
}

/// S51: independent branches close at the same time: each of the two waits for the other.
#[test]
fn independent_branches_close_at_the_same_time() {
    paused(async {
        let trace = Trace::new();
        let barrier = Arc::new(Barrier::new(2));
        let meets = act(move || {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                Ok(())
            }
        });
        let mut app = App::new();
        let probes = vec![
            Probe::new("base", &trace),
            Probe::new("left", &trace).close(meets.clone()),
            Probe::new("right", &trace).close(meets),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[0]]);
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events().last().unwrap(), "close(base)-");
    });
}

/// S52, A56: an error keeps nothing else from closing, and all errors are returned, in order.
#[test]
fn an_error_keeps_nothing_else_from_closing() {
    paused(async {
        let (events, closed, _) = close_chain(fails("b is stuck")).await;
        assert_eq!(events, WITHOUT_B);
        assert_eq!(
            messages(&closed.unwrap_err()),
            ["[b] Plugin close failed: b is stuck"]
        );

        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("first", &trace).close(fails("two")),
            Probe::new("last", &trace).close(fails_after(5, "one")),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        assert_eq!(
            messages(&error),
            [
                "[last] Plugin close failed: one",
                "[first] Plugin close failed: two"
            ]
        );
        assert_eq!(
            error.to_string(),
            "[last] Plugin close failed: one (and 1 error more)"
        );
        let text = error.render();
        assert!(
            text.starts_with("error[STOP001]: [last] Plugin close failed: one\n"),
            "{text}"
        );
    });
}

/// S53: a panic is an error like any other.
#[test]
fn a_panic_keeps_nothing_else_from_closing() {
    for close in [panics("boom"), panics_after(5, "boom")] {
        paused(async move {
            let (events, closed, _) = close_chain(close).await;
            assert_eq!(events, WITHOUT_B);
            assert_eq!(
                messages(&closed.unwrap_err()),
                ["[b] Plugin close failed: panicked: boom"]
            );
        });
    }
}

/// S54: a hook that hangs is left after its limit, and everything else closes in time.
#[test]
fn a_hook_that_hangs_is_cancelled_and_named() {
    paused(async {
        let (events, closed, took) = close_chain(hangs()).await;
        assert_eq!(events, WITHOUT_B);
        let error = closed.unwrap_err();
        assert_eq!(
            messages(&error),
            ["[b] Plugin close failed: timed out after 10 s"]
        );
        assert_eq!(
            error.report().plugin("b").unwrap().close.outcome,
            Outcome::TimedOut
        );
        assert_eq!(
            error.report().plugin("a").unwrap().close.outcome,
            Outcome::Done
        );
        assert_eq!(took, Duration::from_secs(10));
    });
}

/// A plugin has a limit of its own, else the app's.
#[test]
fn a_close_ends_with_the_limit_of_its_plugin() {
    paused(async {
        let trace = Trace::new();
        let own = Probe::new("own", &trace)
            .close(hangs())
            .close_timeout(Duration::from_secs(1));
        let running = App::new().with(own).boot().await.unwrap();
        let began = Instant::now();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            messages(&error),
            ["[own] Plugin close failed: timed out after 1 s"]
        );
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    });
}

/// S55: an error that comes at once is not waited upon.
#[test]
fn an_error_at_once_costs_no_time() {
    paused(async {
        let (_, closed, took) = close_chain(fails("at once")).await;
        assert!(closed.is_err());
        assert_eq!(took, Duration::ZERO);
    });
}

/// However many hooks hang, closing is over soon after its limit, and everybody had a chance.
#[test]
fn closing_ends_by_its_deadline() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new()
            .shutdown_timeout(Duration::from_secs(8))
            .close_timeout(Duration::from_secs(5));
        let probes = vec![
            Probe::new("last", &trace),
            Probe::new("c", &trace).close(hangs()),
            Probe::new("b", &trace).close(hangs()),
            Probe::new("a", &trace).close(hangs()),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1], &[2]]);
        let running = app.boot().await.unwrap();
        let began = Instant::now();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            messages(&error),
            [
                "[a] Plugin close failed: timed out after 5 s",
                "[b] Plugin close failed: timed out after 3 s, what was left of the 8 s for closing",
                "[c] Plugin close failed: timed out after 100 ms, what was left of the 8 s for closing",
            ]
        );
        assert!(
            began.elapsed() <= Duration::from_secs(9),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(trace.count("close(last)-"), 1);
    });
}

#[test]
fn what_the_deadline_kept_from_closing_is_named() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().shutdown_timeout(Duration::from_secs(1));
        let probes: Vec<_> = (0..20)
            .map(|n| Probe::new(format!("p{n:02}"), &trace).close(hangs()))
            .collect();
        let needs: Vec<Vec<usize>> = (0..20_usize)
            .map(|n| n.checked_sub(1).into_iter().collect())
            .collect();
        let edges: Vec<&[usize]> = needs.iter().map(Vec::as_slice).collect();
        register_graph(&mut app, probes, &edges);
        let running = app.boot().await.unwrap();
        let began = Instant::now();
        let error = running.close().await.unwrap_err();
        assert!(
            began.elapsed() <= Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(error.errors().len(), 20, "nobody is forgotten");
        let never = error
            .errors()
            .iter()
            .filter(|error| matches!(error.failure(), HookFailure::OutOfTime));
        assert!(never.count() > 0);
    });
}

/// A hook that blocks its thread can't be cancelled: it is left behind, and all others close.
#[test]
fn a_hook_that_blocks_its_thread_is_left_behind() {
    threaded(async {
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = std::sync::Mutex::new(blocked);
        let blocks = act(move || {
            let _ = blocked.lock().unwrap().recv();
            async { Ok(()) }
        });
        let trace = Trace::new();
        let mut app = App::new().close_timeout(Duration::from_millis(50));
        let probes = vec![
            Probe::new("a", &trace),
            Probe::new("b", &trace).close(blocks),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        let abandoned: Vec<_> = error.abandoned().map(ToString::to_string).collect();
        assert_eq!(abandoned, ["b"]);
        assert_eq!(trace.count("close(a)-"), 1);
        drop(release);
    });
}

/// D13, D18, A47: hooks of the app run in reverse, before the first plugin closes, and can be
/// chained.
#[test]
fn on_close_hooks_run_in_reverse_before_the_plugins_close() {
    paused(async {
        let trace = Trace::new();
        let (one, two, three) = (trace.clone(), trace.clone(), trace.clone());
        let app = App::new()
            .with(Probe::new("a", &trace).drain(takes(1)))
            .on_close(async move |_| {
                one.add("one");
                Ok(())
            })
            .on_close(async move |_| {
                two.add("two");
                anyhow::bail!("two fails")
            })
            .on_close(async move |_| {
                three.add("three");
                panic!("three panics")
            });
        let running = app.boot().await.unwrap();
        trace.take();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            trace.events(),
            [
                "drain(a)+",
                "drain(a)-",
                "three",
                "two",
                "one",
                "close(a)+",
                "close(a)-"
            ]
        );
        assert_eq!(
            messages(&error),
            [
                "[app] Plugin close failed: panicked: three panics",
                "[app] Plugin close failed: two fails",
            ]
        );
    });
}

/// A45, D12: a hook may wait. A46: the next one begins when it has ended.
#[test]
fn on_close_hooks_that_wait_run_one_after_the_other() {
    paused(async {
        let trace = Trace::new();
        let (first, last) = (trace.clone(), trace.clone());
        let running = App::new()
            .on_close(async move |_| {
                last.add("last+");
                tokio::time::sleep(Duration::from_secs(1)).await;
                last.add("last-");
                Ok(())
            })
            .on_close(async move |_| {
                first.add("first+");
                tokio::time::sleep(Duration::from_secs(2)).await;
                first.add("first-");
                Ok(())
            })
            .boot()
            .await
            .unwrap();
        let began = Instant::now();
        running.close().await.unwrap();
        assert_eq!(trace.events(), ["first+", "first-", "last+", "last-"]);
        assert_eq!(began.elapsed(), Duration::from_secs(3));
    });
}

#[test]
fn an_on_close_hook_that_hangs_does_not_keep_the_plugins_from_closing() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("a", &trace))
            .on_close(async |_| std::future::pending().await);
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        assert_eq!(
            messages(&error),
            ["[app] Plugin close failed: timed out after 10 s"]
        );
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

struct Value(Trace);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.add("drop of the state");
    }
}

#[plugin(name = "holder", states = [Value], collect = false)]
struct Holder {
    #[option(required)]
    trace: Trace,
}

impl Hooks for Holder {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Value> {
        Ok(Value(self.trace.clone()))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        assert_eq!(cx.reason(), &ShutdownReason::Requested);
        cx.states().0.add("close of the holder");
        Ok(())
    }
}

#[plugin(name = "user", collect = false)]
struct User {
    #[option(required)]
    trace: Trace,
    value: State<Value>,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.value.0.add("close of the user");
        Ok(())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.trace.add("drop of the user");
    }
}

/// A50: a close hook has its own states, and those it needs. States are dropped in reverse.
#[test]
fn states_are_there_until_their_plugin_has_closed_and_then_dropped() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Holder {
                trace: trace.clone(),
            })
            .with(User {
                trace: trace.clone(),
                value: State::default(),
            });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "close of the user",
                "drop of the user",
                "close of the holder",
                "drop of the state",
            ]
        );
    });
}

/// What a hook that was cancelled leaves behind is dropped on the side: what it needs closes
/// meanwhile, and does not wait for the drop.
#[test]
fn the_states_of_a_plugin_whose_close_hangs_are_dropped_beside_the_others() {
    struct Held(#[expect(dead_code, reason = "its drop is what it is for")] Value);

    #[plugin(name = "hangs", states = [Held], collect = false)]
    struct Hangs {
        #[option(required)]
        trace: Trace,
    }

    impl Hooks for Hangs {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Held> {
            Ok(Held(Value(self.trace.clone())))
        }

        async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
            std::future::pending().await
        }
    }

    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let base = app.register(Probe::new("base", &trace).close(takes(5)));
        app.register(Hangs {
            trace: trace.clone(),
        })
        .after(&base);
        let running = app.boot().await.unwrap();
        trace.take();
        let error = running.close().await.unwrap_err();
        assert_eq!(
            messages(&error),
            ["[hangs] Plugin close failed: timed out after 10 s"]
        );
        // The order of these two is left to the runtime.
        let mut events = trace.events();
        events[..2].sort_unstable();
        assert_eq!(
            events,
            ["close(base)+", "drop of the state", "close(base)-"]
        );
    });
}

/// A drop that panics is the fault of its plugin, and nobody else's.
#[test]
fn a_panic_in_the_drop_of_a_plugin_is_attributed_to_it() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[plugin(name = "bomb", states = [Bombs])]
    struct BombsPlugin;

    struct Bombs {
        _bomb: Bomb,
    }

    impl Hooks for BombsPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Bombs> {
            Ok(Bombs { _bomb: Bomb })
        }
    }

    paused(async {
        let trace = Trace::new();
        let app = App::new().with(BombsPlugin).with(Probe::new("a", &trace));
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        assert_eq!(
            messages(&error),
            ["[bomb] Plugin close failed: panicked: dropped"]
        );
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

#[test]
fn the_errors_of_a_close_know_their_plugin_and_phase() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(
            Probe::new("a", &trace)
                .drain(fails("drain fails"))
                .close(fails("close fails")),
        );
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        let phases: Vec<_> = error
            .errors()
            .iter()
            .map(bootstrap::HookError::phase)
            .collect();
        assert_eq!(phases, [Phase::Drain, Phase::Close]);
    });
}

/// What failed first stands first, also if what failed because of it did so at the same moment.
#[test]
fn a_task_that_failed_stands_before_the_drain_that_failed_after_it() {
    paused(async {
        let probe = Probe::new("z", &Trace::new());
        let probe = probe.run(fails_after(5, "lost")).drain(fails("no drain"));
        let running = App::new().with(probe).boot().await.unwrap();
        running.wait().await;
        let error = running.close().await.unwrap_err();
        let phases: Vec<_> = error
            .errors()
            .iter()
            .map(bootstrap::HookError::phase)
            .collect();
        assert_eq!(phases, [Phase::Run, Phase::Drain]);
    });
}
