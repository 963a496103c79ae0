//! Stores: conformance, and stores that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::SystemTime;

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::cron::{
    ClaimWork, CronPlugin, CronStore, DatabaseCronStore, MemoryCronStore, Schedule, conformance,
};
use bootstrap_services::database::DatabasePlugin;
use bootstrap_services::testing::VirtualClock;

use crate::{Kit, moment, within};

#[tokio::test]
async fn the_store_in_memory_conforms() {
    let store = Arc::new(MemoryCronStore::default());
    conformance::check(async || Arc::clone(&store)).await;
}

#[tokio::test]
async fn the_store_in_the_database_conforms() {
    let folder = tempfile::tempdir().unwrap();
    // Two instances on one file.
    let (one, other) = (instance(folder.path()).await, instance(folder.path()).await);
    let stores = [&one, &other].map(|(_, store)| Arc::new(Shared(store.clone())));
    let next = AtomicUsize::new(0);
    let make = async || Arc::clone(&stores[next.fetch_add(1, SeqCst) % 2]);
    within(conformance::check(make)).await;
    drop(stores);
    for (running, store) in [one, other] {
        drop(store);
        within(running.close()).await.unwrap();
    }
}

struct Shared(Port<dyn CronStore>);

#[async_trait]
impl CronStore for Shared {
    async fn claim(&self, name: &str, occurrence: SystemTime, now: SystemTime) -> Result<bool> {
        self.0.claim(name, occurrence, now).await
    }

    async fn claim_in(
        &self,
        name: &str,
        occurrence: SystemTime,
        now: SystemTime,
        work: &dyn ClaimWork,
    ) -> Result<Option<bool>> {
        self.0.claim_in(name, occurrence, now, work).await
    }

    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        self.0.last(name).await
    }
}

async fn instance(folder: &std::path::Path) -> (Running, Port<dyn CronStore>) {
    let configuration = Configuration::new().set("cron.store", "database");
    let app = App::new()
        .with(ClockPlugin)
        .with(DatabasePlugin::default().file(folder.join("cron.db")))
        .with(MemoryCronStore::default())
        .with(DatabaseCronStore::default())
        .with(CronPlugin::default())
        .configure(configuration);
    let running = within(app.boot()).await.unwrap();
    let store = running.try_get::<Port<dyn CronStore>>().unwrap();
    (running, store)
}

#[derive(Default)]
struct Flaky {
    inner: MemoryCronStore,
    is_down: AtomicBool,
    calls: AtomicUsize,
}

#[async_trait]
impl CronStore for Flaky {
    async fn claim(&self, name: &str, occurrence: SystemTime, now: SystemTime) -> Result<bool> {
        self.calls.fetch_add(1, SeqCst);
        anyhow::ensure!(!self.is_down.load(SeqCst), "connection refused");
        self.inner.claim(name, occurrence, now).await
    }

    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        anyhow::ensure!(!self.is_down.load(SeqCst), "connection refused");
        self.inner.last(name).await
    }
}

async fn flaky() -> (Kit, Arc<Flaky>) {
    let store = Arc::new(Flaky::default());
    let time = VirtualClock::starting_at(moment("2026-01-01T00:00[UTC]"));
    (Kit::with(&time, store.clone()).await, store)
}

#[tokio::test]
async fn a_store_that_is_down_for_less_than_a_minute_costs_no_occurrence() {
    let (kit, store) = flaky().await;
    let notes = kit.note(Schedule::new("it", "@hourly"));
    kit.advance(3599).await;
    store.is_down.store(true, SeqCst);
    kit.advance(31).await;
    assert_eq!(notes.len(), 0);
    assert_eq!(
        kit.cron.check().await.unwrap_err().to_string(),
        "the store of cron fails: connection refused"
    );
    store.is_down.store(false, SeqCst);
    kit.advance(30).await;
    assert_eq!(notes.times("UTC"), ["2026-01-01 01:00:00"]);
    kit.cron.check().await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn a_store_that_is_down_for_a_minute_costs_the_occurrence_and_nothing_after_it() {
    let (kit, store) = flaky().await;
    let notes = kit.note(Schedule::new("it", "@hourly"));
    kit.advance(3599).await;
    store.is_down.store(true, SeqCst);
    let before = store.calls.load(SeqCst);
    kit.advance(120).await;
    // After 1, 2, 4 and 8 seconds, then every 10, and at the end of the minute.
    assert_eq!(store.calls.load(SeqCst) - before, 10);
    assert_eq!(kit.info("it").counts.missed, 1);
    assert_eq!(
        kit.errors(),
        [
            "[cron/it] Plugin run reported: an occurrence was missed: the store of cron fails: connection refused"
        ]
    );
    kit.cron.check().await.unwrap_err();
    store.is_down.store(false, SeqCst);
    // Long before the next occurrence.
    kit.cron.check().await.unwrap();
    kit.advance(3600).await;
    assert_eq!(notes.times("UTC"), ["2026-01-01 02:00:00"]);
    kit.close().await;
}

/// An instance that was killed after its claim leaves the claim: the next one does not run that occurrence again.
#[tokio::test]
async fn an_occurrence_whose_instance_was_killed_does_not_run_again() {
    let store: Arc<dyn CronStore> = Arc::new(MemoryCronStore::default());
    let time = VirtualClock::starting_at(moment("2026-01-01T00:30[UTC]"));
    let (began, at) = (
        moment("2026-01-01T00:00[UTC]"),
        moment("2026-01-01T01:00[UTC]"),
    );
    assert!(store.claim("it", began, began).await.unwrap());
    time.advance_to(moment("2026-01-01T01:00:01[UTC]")).await;
    assert!(store.claim("it", at, time.clock().now()).await.unwrap());
    // Killed here.
    let kit = Kit::with(&time, store).await;
    let notes = kit.note(Schedule::new("it", "@hourly"));
    kit.advance(3600).await;
    assert_eq!(notes.times("UTC"), ["2026-01-01 02:00:00"]);
    kit.close().await;
}
