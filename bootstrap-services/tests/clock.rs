//! The clock of the services.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bootstrap::prelude::*;
use bootstrap_services::clock::{Clock, ClockPlugin};
use bootstrap_services::testing::VirtualClock;
use tokio::sync::Notify;

const SECOND: Duration = Duration::from_secs(1);
const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, clock: &Clock, what: &str) {
    let at = clock.now().duration_since(EPOCH).unwrap().as_secs();
    log.lock().unwrap().push(format!("{what} at {at}"));
}

fn entries(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

/// A loop as services have it.
fn every(clock: &Clock, seconds: u32, name: &'static str, log: &Log) {
    let (inner, log) = (clock.clone(), log.clone());
    tokio::spawn(clock.work(async move {
        loop {
            inner.sleep(SECOND * seconds).await;
            note(&log, &inner, name);
        }
    }));
}

#[tokio::test]
async fn loops_run_in_the_order_of_their_times() {
    let time = VirtualClock::starting_at(EPOCH);
    let log = Log::default();
    every(&time.clock(), 2, "two", &log);
    every(&time.clock(), 3, "three", &log);
    time.advance(SECOND * 7).await;
    let expected = [
        "two at 2",
        "three at 3",
        "two at 4",
        "two at 6",
        "three at 6",
    ];
    let mut seen = entries(&log);
    // The order within one moment is that of the runtime.
    seen[3..].sort_by_key(|entry| std::cmp::Reverse(entry.clone()));
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_waits_for_work_on_other_threads() {
    let time = VirtualClock::starting_at(EPOCH);
    let clock = time.clock();
    let log = Log::default();
    let (inner, inside) = (clock.clone(), log.clone());
    tokio::spawn(clock.work(async move {
        for _ in 0..100 {
            inner.sleep(SECOND).await;
            tokio::time::sleep(Duration::from_micros(200)).await;
            note(&inside, &inner, "done");
        }
    }));
    time.advance(SECOND * 100).await;
    let expected: Vec<_> = (1..=100).map(|at| format!("done at {at}")).collect();
    assert_eq!(entries(&log), expected);
}

#[tokio::test]
async fn work_that_was_woken_by_something_else_ends_its_sleep() {
    let time = VirtualClock::starting_at(EPOCH);
    let clock = time.clock();
    let log = Log::default();
    let changed = Arc::new(Notify::new());
    let (inner, inside, wake) = (clock.clone(), log.clone(), changed.clone());
    tokio::spawn(clock.work(async move {
        tokio::select! {
            () = inner.sleep(SECOND * 60) => note(&inside, &inner, "slept"),
            () = wake.notified() => note(&inside, &inner, "changed"),
        }
        inner.sleep(SECOND).await;
        note(&inside, &inner, "ended");
    }));
    time.advance(SECOND * 5).await;
    changed.notify_one();
    time.advance(SECOND * 100).await;
    assert_eq!(entries(&log), ["changed at 5", "ended at 6"]);
}

#[tokio::test]
async fn a_clock_that_is_set_wakes_what_waits_for_that_time_of_day() {
    let time = VirtualClock::starting_at(EPOCH + SECOND * 1000);
    let clock = time.clock();
    let log = Log::default();
    for (until, name) in [(1500, "ahead"), (2500, "far")] {
        let (inner, inside) = (clock.clone(), log.clone());
        tokio::spawn(clock.work(async move {
            inner.sleep_until(EPOCH + SECOND * until).await;
            note(&inside, &inner, name);
        }));
    }
    time.settle().await;
    time.set(EPOCH + SECOND * 2000).await;
    assert_eq!(entries(&log), ["ahead at 2000"]);
    time.set(EPOCH).await;
    time.advance(SECOND * 2499).await;
    assert_eq!(entries(&log), Vec::<String>::new());
    assert_eq!(clock.elapsed(), SECOND * 2499);
    time.advance(SECOND).await;
    assert_eq!(entries(&log), ["far at 2500"]);
}

#[tokio::test]
async fn work_that_is_dropped_holds_up_nothing() {
    let time = VirtualClock::starting_at(EPOCH);
    let clock = time.clock();
    drop(clock.work(std::future::pending::<()>()));
    let task = tokio::spawn(clock.work({
        let clock = clock.clone();
        async move { clock.sleep(SECOND * 10).await }
    }));
    time.advance(SECOND).await;
    task.abort();
    let _ = task.await;
    time.advance_to(EPOCH + SECOND * 60).await;
    assert_eq!(clock.now(), EPOCH + SECOND * 60);
}

#[tokio::test]
async fn a_supplied_clock_replaces_the_one_of_the_system() {
    #[plugin(name = "reader")]
    struct Reader {
        clock: State<Clock>,
    }
    impl Hooks for Reader {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            assert_eq!(self.clock.now(), EPOCH + SECOND);
            Ok(())
        }
    }

    let time = VirtualClock::starting_at(EPOCH + SECOND);
    let app = App::new().with(ClockPlugin).supply(time.clock());
    let running = app.with(Reader::default()).boot().await.unwrap();
    running.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_the_system_waits_with_the_timers_of_tokio() {
    let clock = Clock::system();
    clock.sleep(SECOND * 3600).await;
    assert_eq!(clock.elapsed(), SECOND * 3600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_hook_has_begun_when_a_test_moves_the_clock() {
    #[plugin(name = "ticker")]
    struct Ticker {
        clock: State<Clock>,
        #[option(default = Log::default())]
        log: Log,
    }
    impl Hooks for Ticker {
        async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
            let ticks = async {
                loop {
                    self.clock.sleep(SECOND).await;
                    note(&self.log, &self.clock, "tick");
                }
            };
            tokio::select! {
                () = self.clock.work(ticks) => {}
                () = cx.stopped() => {}
            }
            Ok(())
        }
    }

    let (time, log) = (VirtualClock::starting_at(EPOCH), Log::default());
    let ticker = Ticker::default().log(log.clone());
    let app = App::new().with(ticker).supply(time.clock());
    let running = app.boot().await.unwrap();
    time.advance(SECOND * 3).await;
    assert_eq!(entries(&log), ["tick at 1", "tick at 2", "tick at 3"]);
    running.close().await.unwrap();
}
