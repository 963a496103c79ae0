//! How schedules stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::cron::testing::moment;
use bootstrap_services::cron::{
    CronContext, CronError, CronStore, MemoryCronStore, Missed, Schedule,
};
use bootstrap_services::testing::VirtualClock;
use tokio::sync::Notify;

use crate::{Kit, Notes, within};

/// A run that has begun, and ends as `body` does.
async fn begun<Fut>(kit: &Kit, body: impl Fn(CronContext) -> Fut + Send + Sync + 'static)
where
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let begun = Arc::new(Notify::new());
    let own = Arc::clone(&begun);
    let task = move |cx| {
        own.notify_one();
        body(cx)
    };
    kit.cron.add(Schedule::new("it", "@hourly"), task).unwrap();
    drop(kit.cron.trigger("it").unwrap());
    within(begun.notified()).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_in_time_is_waited_for() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let done = Notes::default();
    let own = done.clone();
    begun(&kit, move |cx| {
        let own = own.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(7)).await;
            own.add(cx.scheduled_at());
            Ok(())
        }
    })
    .await;
    let errors = Arc::clone(&kit.errors);
    kit.close().await;
    assert_eq!(done.len(), 1);
    assert!(errors.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_too_long_is_asked_to_end_and_reported() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let done = Notes::default();
    let own = done.clone();
    begun(&kit, move |cx| {
        let own = own.clone();
        async move {
            assert!(!cx.is_cancelled());
            cx.cancelled().await;
            own.add(cx.scheduled_at());
            Ok(())
        }
    })
    .await;
    let errors = Arc::clone(&kit.errors);
    let start = tokio::time::Instant::now();
    kit.close().await;
    assert_eq!(
        (start.elapsed().as_millis() + 500) / 1000,
        8,
        "three quarters of 10 s"
    );
    assert_eq!(done.len(), 1);
    assert_eq!(
        *errors.lock().unwrap(),
        ["[cron/it] Plugin run reported: still runs as the app stops: it was cancelled"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_does_not_end_is_dropped_within_the_limit() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    begun(&kit, |_| std::future::pending()).await;
    let start = tokio::time::Instant::now();
    // `close` returns no error: the hook ends within its limit.
    kit.close().await;
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_once_the_app_stops() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let notes = kit.note(Schedule::new("it", "* * * * *"));
    let cron = kit.cron.clone();
    kit.running.handle().shutdown();
    kit.time.settle().await;
    kit.time.advance(Duration::from_mins(10)).await;
    let refused = cron
        .add(Schedule::new("late", "@daily"), async |_| Ok(()))
        .unwrap_err();
    assert!(matches!(refused, CronError::NotRunning { .. }));
    assert!(matches!(
        cron.trigger("it").unwrap_err(),
        CronError::NotRunning { .. }
    ));
    kit.close().await;
    assert_eq!(notes.len(), 0);
}

/// A store whose claims wait until the test lets one through.
#[derive(Default)]
struct Gate {
    store: MemoryCronStore,
    is_waiting: Notify,
    open: Notify,
    claims: AtomicUsize,
}

#[async_trait]
impl CronStore for Gate {
    async fn claim(&self, name: &str, occurrence: SystemTime, now: SystemTime) -> Result<bool> {
        if self.claims.fetch_add(1, Ordering::SeqCst) == 0 {
            self.is_waiting.notify_one();
            self.open.notified().await;
        }
        self.store.claim(name, occurrence, now).await
    }

    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        self.store.last(name).await
    }
}

/// The next start, or another instance, claims the rest: an occurrence that was claimed and does not run is lost.
#[tokio::test(start_paused = true)]
async fn what_was_missed_is_not_claimed_once_the_app_stops() {
    let gate = Arc::new(Gate::default());
    let last = moment("2026-01-01T00:00[UTC]");
    assert!(gate.store.claim("it", last, last).await.unwrap());
    let time = VirtualClock::starting_at(moment("2026-01-01T03:30[UTC]"));
    let store: Arc<dyn CronStore> = gate.clone();
    let kit = Kit::with(&time, store).await;
    let notes = kit.note(Schedule::new("it", "@hourly").missed(Missed::All(3)));
    within(gate.is_waiting.notified()).await;
    let cron = kit.cron.clone();
    let closing = tokio::spawn(kit.close());
    within(async {
        let late = || Schedule::new("late", "@daily");
        while cron.add(late(), async |_| Ok(())).is_ok() {
            cron.remove("late").unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    gate.open.notify_one();
    within(closing).await.unwrap();
    assert_eq!(gate.claims.load(Ordering::SeqCst), 1);
    let last = gate.store.last("it").await.unwrap();
    assert_eq!(last, Some(moment("2026-01-01T01:00[UTC]")));
    assert_eq!(notes.len(), 1);
}

/// A store whose claims never end.
#[derive(Default)]
struct Hangs {
    is_waiting: Notify,
    call: Arc<()>,
}

#[async_trait]
impl CronStore for Hangs {
    async fn claim(&self, _: &str, _: SystemTime, _: SystemTime) -> Result<bool> {
        let _call = Arc::clone(&self.call);
        self.is_waiting.notify_one();
        std::future::pending().await
    }

    async fn last(&self, _: &str) -> Result<Option<SystemTime>> {
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_the_store_that_does_not_end_is_dropped_before_the_store_closes() {
    let store = Arc::new(Hangs::default());
    let time = VirtualClock::starting_at(moment("2026-01-01T00:00[UTC]"));
    let engine: Arc<dyn CronStore> = store.clone();
    let kit = Kit::with(&time, engine).await;
    kit.note(Schedule::new("it", "@hourly"));
    within(store.is_waiting.notified()).await;
    let start = tokio::time::Instant::now();
    kit.close().await;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(Arc::strong_count(&store.call), 1);
}
