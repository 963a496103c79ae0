//! Barriers when something before them goes wrong.

use std::time::Duration;

use bootstrap::context::BarrierContext;
use bootstrap::error::{BootErrorKind, HookFailure};
use bootstrap::plugin_fn;
use bootstrap::prelude::*;
use bootstrap::report::Outcome;
use support::{Probe, Trace, fails, fails_after, hangs, panics, paused, takes};
use tokio::time::Instant;

struct Cache;

#[plugin(name = "cache", states = [Cache], collect = never)]
struct CachePlugin;

impl Hooks for CachePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Cache> {
        anyhow::bail!("connection refused")
    }
}

/// Can do without the cache.
#[plugin(name = "frugal", collect = never)]
struct Frugal {
    cache: Option<State<Cache>>,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for Frugal {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let cache = if self.cache.is_some() { "a" } else { "no" };
        self.trace.add(format_args!("frugal has {cache} cache"));
        Ok(())
    }
}

/// Can't.
#[plugin(name = "greedy", collect = never)]
struct Greedy {
    _cache: State<Cache>,
}

impl Hooks for Greedy {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// A barrier that notes what it hears.
fn noting(
    name: &'static str,
    trace: &Trace,
) -> impl FnOnce(BarrierContext) -> std::future::Ready<Result<()>> + Send + 'static {
    let trace = trace.clone();
    move |cx| {
        match cx.outcome() {
            Ok(()) => trace.add(format_args!("{name}: all well")),
            Err(error) => trace.add(format_args!("{name}: {error}")),
        }
        std::future::ready(Ok(()))
    }
}

/// A24, A27, A28: after an error, plugins are skipped up to a barrier that handles it; then the boot goes
/// on.
#[test]
fn a_barrier_that_recovers_lets_the_boot_go_on() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("p1", &trace).load(fails("e1")));
        app.register(Probe::new("p2", &trace));
        let mut app = app.recover(noting("recover", &trace));
        app.register(Probe::new("p3", &trace));
        let running = app.max_concurrency(1).boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(p1)+",
                "recover: [p1] Plugin load failed: e1",
                "load(p3)+",
                "load(p3)-",
            ]
        );
        let report = running.report();
        let outcomes: Vec<Outcome> = ["p1", "p2", "recover", "p3"]
            .iter()
            .map(|name| report.plugin(name).unwrap().load.outcome)
            .collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Failed,
                Outcome::Skipped,
                Outcome::Done,
                Outcome::Done
            ]
        );
        running.close().await.unwrap();
        assert_eq!(trace.take(), ["close(p3)+", "close(p3)-"]);
    });
}

/// A26: a barrier that only looks passes the error on, and nothing after it loads.
#[test]
fn a_barrier_that_observes_passes_the_error_on() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("p1", &trace).load(fails("e1")));
        let mut app = app.barrier(noting("barrier", &trace));
        app.register(Probe::new("p2", &trace));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[p1] Plugin load failed: e1");
        assert_eq!(error.failures().len(), 1);
        assert_eq!(
            trace.events(),
            ["load(p1)+", "barrier: [p1] Plugin load failed: e1"]
        );
    });
}

#[test]
fn an_error_goes_from_one_barrier_to_the_next() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("p1", &trace).load(fails("e1")));
        let mut app = app.barrier(noting("first", &trace));
        app.register(Probe::new("p2", &trace));
        let app = app.barrier(noting("second", &trace));
        let app = app.recover(noting("third", &trace));
        let mut app = app.barrier(noting("fourth", &trace));
        app.register(Probe::new("p3", &trace));
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(p1)+",
                "first: [p1] Plugin load failed: e1",
                "second: [p1] Plugin load failed: e1",
                "third: [p1] Plugin load failed: e1",
                "fourth: all well",
                "load(p3)+",
                "load(p3)-",
            ]
        );
        assert_eq!(
            running.report().plugin("p2").unwrap().load.outcome,
            Outcome::Skipped
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_barrier_that_recovers_is_not_called_if_nothing_failed() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("p1", &trace));
        let app = app.recover(noting("recover", &trace));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["load(p1)+", "load(p1)-", "close(p1)+", "close(p1)-"]
        );
    });
}

#[test]
fn a_recovery_that_fails_fails_the_boot_with_both_errors() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("p0", &trace));
        app.register(Probe::new("p1", &trace).load(fails_after(1, "e1")));
        let mut app =
            app.recover(async |cx| anyhow::bail!("can't do without {}", cx.errors().len()));
        app.register(Probe::new("p2", &trace));
        let error = app.boot().await.unwrap_err();
        let failures: Vec<String> = error.failures().iter().map(ToString::to_string).collect();
        assert_eq!(
            failures,
            [
                "[p1] Plugin load failed: e1",
                "[recover] Plugin load failed: can't do without 1",
            ]
        );
        assert_eq!(
            trace.events(),
            [
                "load(p0)+",
                "load(p0)-",
                "load(p1)+",
                "close(p0)+",
                "close(p0)-"
            ]
        );
    });
}

#[test]
fn a_failure_before_a_barrier_cancels_what_loads_beside_it() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Probe::new("bad", &trace).load(fails_after(10, "e1")));
        app.register(Probe::new("slow", &trace).load(takes(1_000)));
        app.register(Probe::new("quick", &trace).load(takes(5)));
        let app = app.recover(noting("recover", &trace));
        let began = Instant::now();
        let running = app.boot().await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(10));
        let report = running.report();
        let outcome = |name| report.plugin(name).unwrap().load.outcome;
        assert_eq!(outcome("slow"), Outcome::Cancelled);
        assert_eq!(outcome("quick"), Outcome::Done);
        running.close().await.unwrap();
        assert_eq!(trace.count("drop(slow)"), 1);
        assert_eq!(trace.count("close(quick)-"), 1);
        assert_eq!(trace.count("close(slow)+"), 0);
    });
}

#[test]
fn panics_and_limits_are_errors_that_can_be_recovered_from() {
    paused(async {
        for act in [panics("boom"), hangs()] {
            let trace = Trace::new();
            let mut app = App::new();
            app.register(
                Probe::new("bad", &trace)
                    .load(act)
                    .load_timeout(Duration::from_millis(20)),
            );
            let app = app.recover(noting("recover", &trace));
            app.boot().await.unwrap().close().await.unwrap();
            assert_eq!(trace.events().len(), 2 + trace.count("drop(bad)"));
        }
    });
}

/// What needs what failed can't load either; what can do without it is told so.
#[test]
fn after_a_recovery_an_optional_state_is_none() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(CachePlugin);
        let app = app.recover(async |_| Ok(())).with(Frugal {
            trace: trace.clone(),
            ..Frugal::default()
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["frugal has no cache"]);
    });
}

#[test]
fn after_a_recovery_what_needs_what_failed_is_an_error_that_says_so() {
    paused(async {
        let app = App::new().with(CachePlugin);
        let app = app.recover(async |_| Ok(())).with(Greedy::default());
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[greedy] Plugin load failed: needs the state `Cache`, and nothing in this app provides it"
        );
    });
}

/// A29, A30: a barrier may wait, and has the app it stands in.
#[test]
fn a_barrier_may_wait_and_sees_the_states_before_it() {
    struct Config(u16);

    #[plugin(name = "config", states = [Config], collect = never)]
    struct ConfigPlugin;

    impl Hooks for ConfigPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
            Ok(Config(80))
        }
    }

    paused(async {
        let trace = Trace::new();
        let noted = trace.clone();
        let app = App::new().with(ConfigPlugin);
        let app = app.barrier(async move |cx| {
            tokio::time::sleep(Duration::from_millis(10)).await;
            noted.add(format_args!("port {}", cx.try_get::<State<Config>>()?.0));
            Ok(())
        });
        let app = app.with(Probe::new("p", &trace));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["port 80", "load(p)+", "load(p)-", "close(p)+", "close(p)-"]
        );
    });
}

#[test]
fn a_scope_is_a_boundary_for_errors() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.scope("analytics", |scope| {
            scope.register(Probe::new("good", &trace));
            scope.register(Probe::new("bad", &trace).load(fails_after(5, "no events today")));
            scope.recover(noting("recover", &trace));
        });
        app.register(Probe::new("http", &trace).load(takes(20)));
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(bad)+",
                "load(good)+",
                "load(good)-",
                "load(http)+",
                "recover: [analytics/bad] Plugin load failed: no events today",
                "load(http)-",
            ]
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_failure_in_a_scope_without_a_boundary_concerns_the_one_around() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.scope("inner", |scope| {
            scope.register(Probe::new("bad", &trace).load(fails("e1")));
        });
        let app = app.recover(noting("recover", &trace));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["load(bad)+", "recover: [inner/bad] Plugin load failed: e1"]
        );
    });
}

#[test]
fn what_a_plugin_had_brought_is_closed_before_the_barrier_hears_of_its_failure() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let inner = trace.clone();
        app.register(plugin_fn("parent", async move |cx| {
            cx.register(Probe::new("child", &inner)).load().await?;
            anyhow::bail!("no")
        }));
        let app = app.recover(noting("recover", &trace));
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(child)+",
                "load(child)-",
                "close(child)+",
                "close(child)-",
                "recover: [parent] Plugin load failed: no",
            ]
        );
    });
}

#[test]
fn a_shutdown_is_nothing_to_recover_from() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(plugin_fn("stops", async |cx| {
            cx.handle().shutdown();
            std::future::pending().await
        }));
        let app = app.recover(noting("recover", &trace));
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::Interrupted { .. }));
        assert_eq!(trace.events(), [""; 0]);
    });
}

#[test]
fn the_time_of_the_boot_is_nothing_to_recover_from() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().boot_timeout(Duration::from_secs(1));
        app.register(Probe::new("slow", &trace).load(hangs()));
        let app = app.recover(noting("recover", &trace));
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::TimedOut { .. }));
        assert_eq!(trace.events(), ["load(slow)+", "drop(slow)"]);
    });
}

#[test]
fn a_barrier_that_hangs_has_the_limit_of_a_load() {
    paused(async {
        let app = App::new().load_timeout(Duration::from_secs(1));
        let app = app.barrier(async |_| std::future::pending().await);
        let error = app.boot().await.unwrap_err();
        assert!(matches!(
            error.failures()[0].failure(),
            HookFailure::TimedOut { .. }
        ));
        assert_eq!(error.failures()[0].plugin(), "barrier");
    });
}

#[test]
fn what_only_loads_after_a_plugin_that_failed_loads_once_that_was_recovered() {
    paused(async {
        let mut app = App::new();
        let earlier = app.register(plugin_fn("earlier", async |_| anyhow::bail!("no")));
        app.register(plugin_fn("before", async |_| Ok(())))
            .after(&earlier);
        let mut app = app.recover(async |_| Ok(()));
        app.register(plugin_fn("later", async |_| Ok(())))
            .after(&earlier);
        let record = app.record();
        app.boot().await.unwrap().close().await.unwrap();
        record
            .ended()
            .phase(bootstrap::lifecycle::Phase::Load)
            .assert_eq([
                "earlier: load failed",
                "before: load skipped",
                "recover: load done",
                "later: load done",
            ]);
    });
}

#[test]
fn the_time_of_a_scope_ends_what_loads_in_it() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.scope("slow", |scope| {
            scope.timeout(Duration::from_secs(1));
            let first = scope.register(Probe::new("first", &trace).load(takes(600)));
            scope
                .register(Probe::new("second", &trace).load(takes(600)))
                .after(&first);
        });
        app.register(Probe::new("other", &trace).load(takes(2_000)));
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        let failed: Vec<String> = error
            .failures()
            .iter()
            .map(|error| error.plugin().to_string())
            .collect();
        assert_eq!(failed, ["slow/second"]);
    });
}

#[test]
fn progress_does_not_extend_the_time_of_a_scope() {
    paused(async {
        let mut app = App::new();
        app.scope("slow", |scope| {
            scope.timeout(Duration::from_secs(1));
            scope.register(plugin_fn("busy", async |cx| {
                loop {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    cx.progress("still at it");
                }
            }));
        });
        let began = Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        assert_eq!(error.failures()[0].plugin(), "slow/busy");
    });
}

#[test]
fn a_plugin_before_a_barrier_can_be_restarted() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let before = app.register(Probe::new("before", &trace));
        let mut app = app.barrier(noting("barrier", &trace));
        app.register(Probe::new("behind", &trace));
        let running = app.boot().await.unwrap();
        trace.take();
        running.restart(&before).await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "close(before)+",
                "close(before)-",
                "load(before)+",
                "load(before)-"
            ]
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_failure_that_was_recovered_from_is_told_to_on_error() {
    paused(async {
        let trace = Trace::new();
        let told = trace.clone();
        let mut app = App::new().on_error(move |cx| {
            told.add(cx.error());
            async { Ok(()) }
        });
        app.register(Probe::new("bad", &trace).load(fails("e1")));
        let app = app.recover(async |_| Ok(()));
        let running = app.boot().await.unwrap();
        let outcome = running.close().await;
        assert!(outcome.is_ok());
        assert_eq!(trace.count("[bad] Plugin load failed: e1"), 1);
    });
}

/// Brings a child with it that takes its time to close, and fails.
struct Retries(Trace);

#[bootstrap::extend::async_trait]
impl bootstrap::extend::Plugin for Retries {
    fn descriptor(&self) -> bootstrap::extend::Descriptor {
        let tick = Duration::from_millis(1);
        let retry = bootstrap::Retry::attempts(3).backoff(tick, tick);
        bootstrap::extend::Descriptor::new("retries").retry(retry)
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<bootstrap::extend::States> {
        self.0.add("an attempt");
        let child = Probe::new("child", &self.0).close(takes(100));
        cx.register(child).load().await?;
        anyhow::bail!("not yet")
    }
}

/// What the attempt has brought with it is still closed, and then nothing waits for the plugin.
#[test]
fn a_plugin_that_is_cut_off_between_two_attempts_does_not_begin_another() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Retries(trace.clone()));
        app.register(Probe::new("bad", &trace).load(fails_after(50, "e1")));
        let app = app.recover(async |_| Ok(()));
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "load(bad)+",
                "an attempt",
                "load(child)+",
                "load(child)-",
                "close(child)+",
                "close(child)-",
            ]
        );
        running.close().await.unwrap();
    });
}

/// Fails, and may be tried again at the next tick of the clock.
struct FailsOnce {
    trace: Trace,
    after: u64,
}

#[bootstrap::extend::async_trait]
impl bootstrap::extend::Plugin for FailsOnce {
    fn descriptor(&self) -> bootstrap::extend::Descriptor {
        let tick = Duration::from_nanos(1);
        let retry = bootstrap::Retry::attempts(3).backoff(tick, tick);
        bootstrap::extend::Descriptor::new("fails-once").retry(retry)
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<bootstrap::extend::States> {
        self.trace.add("an attempt");
        tokio::time::sleep(Duration::from_millis(self.after)).await;
        anyhow::bail!("not yet")
    }
}

/// How many attempts there were if another plugin fails after ten milliseconds, and this one or
/// what comes between two attempts has something to do at that very moment.
fn attempts_beside_a_failure(after: u64, is_first: bool) -> usize {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let once = FailsOnce {
            trace: trace.clone(),
            after,
        };
        let bad = Probe::new("bad", &trace).load(fails_after(10, "e1"));
        if is_first {
            app.register(once);
            app.register(bad);
        } else {
            app.register(bad);
            app.register(once);
        }
        let app = app.recover(async |_| Ok(()));
        app.boot().await.unwrap().close().await.unwrap();
        trace.count("an attempt")
    })
}

#[test]
fn an_attempt_that_fails_as_the_plugin_is_cut_off_is_the_last() {
    assert_eq!(attempts_beside_a_failure(10, true), 1);
    assert_eq!(attempts_beside_a_failure(10, false), 1);
}

#[test]
fn a_wait_between_attempts_that_ends_as_the_plugin_is_cut_off_begins_no_other() {
    assert_eq!(attempts_beside_a_failure(9, true), 1);
    assert_eq!(attempts_beside_a_failure(9, false), 1);
}
