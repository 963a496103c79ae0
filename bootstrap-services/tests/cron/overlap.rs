//! A run that is longer than the time between two.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bootstrap_services::cron::{Outcome, Overlap, Schedule};

use crate::{Kit, Notes, within};

struct Seen {
    kit: Kit,
    notes: Notes,
    most: Arc<AtomicUsize>,
}

/// Runs of 150 seconds, each minute, for ten minutes.
async fn runs(overlap: Overlap) -> Seen {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let (notes, most) = (Notes::default(), Arc::new(AtomicUsize::new(0)));
    let now = Arc::new(AtomicUsize::new(0));
    let (clock, own, peak) = (kit.time.clock(), notes.clone(), Arc::clone(&most));
    let schedule = Schedule::new("long", "* * * * *").overlap(overlap);
    let task = move |cx: bootstrap_services::cron::CronContext| {
        let (clock, own, now, peak) = (
            clock.clone(),
            own.clone(),
            Arc::clone(&now),
            Arc::clone(&peak),
        );
        async move {
            own.add(cx.scheduled_at());
            peak.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            clock.sleep(Duration::from_secs(150)).await;
            now.fetch_sub(1, SeqCst);
            Ok(())
        }
    };
    kit.cron.add(schedule, task).unwrap();
    kit.advance(600).await;
    Seen { kit, notes, most }
}

/// A fault of the original: nothing prevented an overlap.
#[tokio::test]
async fn an_occurrence_is_skipped_while_its_predecessor_runs() {
    let Seen { kit, notes, most } = runs(Overlap::Skip).await;
    assert_eq!(
        notes.times("UTC"),
        [
            "2026-01-01 00:01:00",
            "2026-01-01 00:04:00",
            "2026-01-01 00:07:00",
            "2026-01-01 00:10:00"
        ]
    );
    assert_eq!(most.load(SeqCst), 1);
    let counts = kit.info("long").counts;
    assert_eq!((counts.fired, counts.skipped), (4, 6));
    let triggered = kit.cron.trigger("long").unwrap();
    assert_eq!(within(triggered.outcome()).await, Outcome::Skipped);
    kit.advance(200).await;
}

#[tokio::test]
async fn an_occurrence_waits_for_its_predecessor() {
    let Seen { kit, notes, most } = runs(Overlap::Queue).await;
    assert_eq!(
        notes.times("UTC"),
        [
            "2026-01-01 00:01:00",
            "2026-01-01 00:02:00",
            "2026-01-01 00:03:00",
            "2026-01-01 00:04:00"
        ]
    );
    assert_eq!((most.load(SeqCst), kit.info("long").waiting), (1, 6));
    kit.cron.pause("long").unwrap();
    kit.advance(6 * 150 + 150).await;
    assert_eq!((notes.len(), kit.info("long").waiting), (10, 0));
    kit.close().await;
}

#[tokio::test]
async fn at_most_a_hundred_occurrences_wait() {
    let Seen { kit, notes, .. } = runs(Overlap::Queue).await;
    kit.advance(4 * 3600).await;
    let info = kit.info("long");
    assert_eq!(info.waiting, 100);
    assert_eq!(info.counts.fired + info.counts.skipped + 100, 250);
    assert_eq!(notes.len() as u64, info.counts.fired);
}

#[tokio::test]
async fn occurrences_run_at_the_same_time_if_that_is_allowed() {
    let Seen { kit, notes, most } = runs(Overlap::Allow).await;
    assert_eq!((notes.len(), most.load(SeqCst)), (10, 3));
    assert_eq!(kit.info("long").counts.skipped, 0);
    kit.advance(60).await;
}
