//! How schedules stop.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::cron::{CronContext, CronError, Schedule};
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
        start.elapsed().as_secs_f64().round() as u64,
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
    kit.time.advance(Duration::from_secs(600)).await;
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
