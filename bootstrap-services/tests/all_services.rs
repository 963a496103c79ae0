//! All services in one app: their default engines, engines of a test, and the order in which they close.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::audit::{Audit, AuditPlugin, Entry, Filter};
use bootstrap_services::cache::{Cache, CachePlugin, MemorySharedCache, MemorySharedCachePlugin};
use bootstrap_services::clock::Clock;
use bootstrap_services::cron::{Cron, CronPlugin, MemoryCronStore, Outcome, Schedule};
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::events::{Event, Events, EventsPlugin};
use bootstrap_services::leases::{Leases, LeasesPlugin, MemoryLeasesPlugin};
use bootstrap_services::limits::{
    Limits, LimitsPlugin, MemoryRateStore, MemoryRateStorePlugin, Quota,
};
use bootstrap_services::logger::Logger;
use bootstrap_services::named::{Services, ServicesPlugin};
use bootstrap_services::processes::{Processes, ProcessesPlugin};
use bootstrap_services::sse::{SseEvent, SseHub, SseHubPlugin};
use bootstrap_services::testing::{self, MemoryBus, VirtualClock};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(name = "everything.used")]
struct Used;

/// Notes what its plugin could use, and when.
#[supplied]
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

/// Requires all services.
#[plugin(name = "everything", collect = never)]
struct Everything {
    notes: State<Notes>,
    clock: State<Clock>,
    database: State<Database>,
    leases: State<Leases>,
    cache: State<Cache>,
    events: State<Events>,
    cron: State<Cron>,
    limits: State<Limits>,
    audit: State<Audit>,
    sse: State<SseHub>,
    processes: State<Processes>,
    services: State<Services>,
    logger: State<Logger>,
}

impl Everything {
    /// What works in `load`, and has to work until `close`.
    async fn use_all(&self, hook: &str) -> Result<()> {
        let entry = Entry::new("everything.use").actor(hook);
        self.audit.record(entry).await?;
        let one = sqlx::query_scalar("SELECT 1");
        let one: i64 = one.fetch_one(self.database.read()).await?;
        self.processes.check().await?;
        let lease = self.leases.hold("everything").await?;
        let names = self.cache.region::<String, i64>("names").shared().build()?;
        names.insert(hook.to_owned(), one).await;
        let cached = names.get(hook).await;
        let readers = self.events.publish(Used);
        let clients = self.sse.channel("all")?.send(&SseEvent::json(&one)?)?;
        let decision = self.limits.named("all")?.check(hook).await?;
        let schedules = self.cron.list().len();
        let level = self.logger.level().is_some();
        let elapsed = self.clock.elapsed();
        lease.release().await;
        let text = format!(
            "{hook}: {cached:?} {readers} {clients} {} {schedules} {level} {elapsed:?}",
            decision.allowed
        );
        self.notes.0.lock().unwrap().push(text);
        Ok(())
    }
}

impl Hooks for Everything {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let schedule = Schedule::new("everything", "@daily");
        self.cron.add(schedule, async |_| Ok(()))?;
        self.use_all("load").await
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.services.set("everything", 1_u32)?;
        self.use_all("ready").await
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.use_all("drain").await
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.use_all("close").await
    }
}

fn limits() -> LimitsPlugin {
    LimitsPlugin::default().limit("all", Quota::per_minute(60))
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_mins(1);
    tokio::time::timeout(limit, future).await.expect("in time")
}

fn names(running: &Running) -> Vec<String> {
    let report = running.handle().report();
    let names = report.plugins.iter().map(|it| it.name.to_string());
    names.collect()
}

/// D7, D19: a plugin uses all services in each of its hooks, also in the last one: they close after it.
#[tokio::test]
async fn a_plugin_uses_all_services_until_it_has_closed() {
    let notes = Notes::default();
    let (app, _time) = testing::only(Everything::default());
    let app = app.with(limits()).supply(notes.clone());
    let running = within(app.boot()).await.unwrap();
    let cron = running.try_get::<State<Cron>>().unwrap();
    let outcome = cron.trigger("everything").unwrap().outcome();
    assert_eq!(within(outcome).await, Outcome::Succeeded);
    let audit = running.try_get::<State<Audit>>().unwrap();
    assert_eq!(audit.query(&Filter::new()).await.unwrap().entries.len(), 2);
    drop((cron, audit));
    within(running.close()).await.unwrap();
    let expected = ["load", "ready", "drain", "close"]
        .map(|hook| format!("{hook}: Some(1) 0 0 true 1 true 0ns"));
    assert_eq!(*notes.0.lock().unwrap(), expected);
}

/// D49: with no other server.
#[tokio::test]
async fn a_collected_app_has_the_default_engines() {
    let (app, _time) = testing::only(Everything::default());
    let app = app.with(limits()).supply(Notes::default());
    let running = within(app.boot()).await.unwrap();
    let names = names(&running);
    for engine in ["database", "leases-sqlite", "cron-store-memory"] {
        assert!(names.iter().any(|it| it == engine), "{engine}: {names:?}");
    }
    within(running.close()).await.unwrap();
}

/// D48: of the leases, the cache, the bus, the limits and cron. `jobs_engine` has one for the jobs; the audit log, the processes, the workflows and the server-sent events
/// have none.
#[tokio::test]
async fn each_port_takes_an_engine_in_memory() {
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let (notes, bus) = (Notes::default(), MemoryBus::default());
    let shared = MemorySharedCache::new(time.clock());
    let rates = MemoryRateStore::new(time.clock());
    let app = App::new()
        .supply(time.clock())
        .supply(notes.clone())
        .supply(bus.port())
        .with(DatabasePlugin::memory())
        .with(LeasesPlugin::default())
        .with(MemoryLeasesPlugin::default())
        .with(CachePlugin::default())
        .with(MemorySharedCachePlugin::new(shared.clone()))
        .with(limits())
        .with(MemoryRateStorePlugin::new(rates.clone()))
        .with(EventsPlugin::default())
        .with(SseHubPlugin::default())
        .with(CronPlugin::default())
        .with(MemoryCronStore::default())
        .with(AuditPlugin::default())
        .with(ProcessesPlugin::default())
        .with(ServicesPlugin::default())
        .with(bootstrap_services::logger::LoggerPlugin::default())
        .with(Everything::default());
    let running = within(app.boot()).await.unwrap();
    assert_eq!(bus.subscriptions(), 2, "events, and server-sent events");
    assert_eq!(rates.calls(), 2);
    assert!(shared.calls() >= 2);
    within(running.close()).await.unwrap();
    assert_eq!(notes.0.lock().unwrap().len(), 4);
}

/// Of all services, those with keys.
#[test]
fn a_misspelt_key_of_a_service_is_a_warning_with_the_key_that_is_read() {
    for (key, near) in [
        ("database.conections", "database.connections"),
        ("leases.tll", "leases.ttl"),
        ("events.quue", "events.queue"),
        ("audit.kep", "audit.keep"),
        ("sse.histroy", "sse.history"),
        ("processes.foldr", "processes.folder"),
        ("log.levl", "log.level"),
    ] {
        let (app, _time) = testing::only(Everything::default());
        let app = app.with(limits()).supply(Notes::default());
        let app = app.configure(Configuration::new().set(key, "1"));
        let plan = app.plan().unwrap();
        let warnings = plan.warnings().iter().map(ToString::to_string);
        let warnings = warnings.collect::<Vec<_>>().join("\n");
        assert!(warnings.contains(&format!("`{key}`")), "{key}: {warnings}");
        assert!(warnings.contains(&format!("`{near}`")), "{key}: {warnings}");
    }
}
