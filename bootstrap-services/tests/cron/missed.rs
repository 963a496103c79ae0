//! Clocks that are set, machines that sleep, instances that come and go.

use std::sync::Arc;
use std::time::Duration;

use bootstrap_services::cron::{CronStore, MemoryCronStore, Missed, Schedule};
use bootstrap_services::testing::VirtualClock;

use crate::{Kit, moment};

async fn after_a_jump(missed: Missed) -> (Vec<String>, u64) {
    let kit = Kit::at("2026-01-01T00:30[UTC]").await;
    let notes = kit.note(Schedule::new("it", "@hourly").missed(missed));
    kit.set("2026-01-01T04:30[UTC]").await;
    kit.advance(3600).await;
    let missed = kit.info("it").counts.missed;
    kit.close().await;
    (notes.times("UTC"), missed)
}

#[tokio::test]
async fn what_a_machine_slept_through_runs_as_the_policy_has_it() {
    let own = "2026-01-01 05:00:00";
    let (skip, missed) = after_a_jump(Missed::Skip).await;
    assert_eq!((skip, missed), (vec![own.to_owned()], 4));
    let (once, missed) = after_a_jump(Missed::Once).await;
    assert_eq!(
        (once, missed),
        (vec!["2026-01-01 04:00:00".into(), own.into()], 3)
    );
}

#[tokio::test]
async fn of_all_that_was_missed_the_last_ones_run() {
    let kit = Kit::at("2026-01-01T00:30[UTC]").await;
    let schedule = Schedule::new("it", "@hourly").missed(Missed::All(3));
    let notes = kit.note(schedule.overlap(bootstrap_services::cron::Overlap::Queue));
    kit.set("2026-01-01T05:30[UTC]").await;
    kit.time.settle().await;
    assert_eq!(
        notes.times("UTC"),
        [
            "2026-01-01 03:00:00",
            "2026-01-01 04:00:00",
            "2026-01-01 05:00:00"
        ]
    );
    assert_eq!(kit.info("it").counts.missed, 2);
    kit.close().await;
}

/// A fault of the original: a second in which its timer did not fire was lost.
#[tokio::test]
async fn no_second_is_lost_when_the_loop_is_a_little_late() {
    let kit = Kit::at("2026-01-01T00:00:00[UTC]").await;
    let schedule = Schedule::new("it", "* * * * * *").missed(Missed::Skip);
    let notes = kit.note(schedule.overlap(bootstrap_services::cron::Overlap::Allow));
    kit.set("2026-01-01T00:00:30[UTC]").await;
    kit.time.settle().await;
    assert_eq!(notes.len(), 30);
    kit.close().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_never_doubles_an_occurrence() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let notes = kit.note(Schedule::new("it", "*/10 * * * *"));
    kit.advance_to("2026-01-01T01:05[UTC]").await;
    assert_eq!(notes.len(), 6);
    kit.set("2026-01-01T00:05[UTC]").await;
    kit.advance(3600).await;
    assert_eq!(notes.len(), 6);
    kit.advance(300).await;
    assert_eq!(notes.times("UTC")[6..], ["2026-01-01 01:10:00"]);
    kit.close().await;
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_does_not_stop_cron_for_a_year() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let notes = kit.note(Schedule::new("it", "@hourly"));
    kit.set("2027-01-01T00:30[UTC]").await;
    kit.advance(3600).await;
    kit.set("2026-01-01T02:30[UTC]").await;
    kit.cron.resume("it").unwrap();
    kit.advance(3600).await;
    assert_eq!(notes.times("UTC").last().unwrap(), "2026-01-01 03:00:00");
    kit.close().await;
}

#[tokio::test]
async fn what_was_missed_while_no_instance_ran_runs_at_the_next_start() {
    let time = VirtualClock::starting_at(moment("2026-01-01T12:00[UTC]"));
    let store: Arc<dyn CronStore> = Arc::new(MemoryCronStore::default());
    let nightly = || Schedule::new("nightly", "0 3 * * *");
    // First start: nothing was missed, and the store knows since when the schedule is there.
    let kit = Kit::with(&time, Arc::clone(&store)).await;
    let notes = kit.note(nightly());
    kit.advance(60).await;
    assert_eq!(notes.len(), 0);
    kit.close().await;
    // The instance is away for three nights.
    time.advance(Duration::from_hours(72)).await;
    let kit = Kit::with(&time, Arc::clone(&store)).await;
    let notes = kit.note(nightly());
    kit.advance(60).await;
    assert_eq!(notes.times("UTC"), ["2026-01-04 03:00:00"]);
    assert_eq!(kit.info("nightly").counts.missed, 2);
    kit.close().await;
    // Nothing is run twice.
    let kit = Kit::with(&time, store).await;
    let notes = kit.note(nightly());
    kit.advance(60).await;
    assert_eq!((notes.len(), kit.info("nightly").counts.missed), (0, 0));
    kit.close().await;
}

#[tokio::test]
async fn of_two_instances_one_runs_each_occurrence() {
    let time = VirtualClock::starting_at(moment("2026-01-01T00:00[UTC]"));
    let store: Arc<dyn CronStore> = Arc::new(MemoryCronStore::default());
    let (one, other) = (
        Kit::with(&time, Arc::clone(&store)).await,
        Kit::with(&time, store).await,
    );
    let [a, b] = [&one, &other].map(|kit| kit.note(Schedule::new("it", "* * * * *")));
    one.advance(600).await;
    assert_eq!(a.len() + b.len(), 10);
    let mut all = [a.times("UTC"), b.times("UTC")].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 10);
    let elsewhere = one.info("it").counts.elsewhere + other.info("it").counts.elsewhere;
    assert_eq!(elsewhere, 10);
    // The other one takes over at once: there is no leader.
    one.close().await;
    other.advance(120).await;
    assert_eq!(a.len() + b.len(), 12);
    other.close().await;
}
