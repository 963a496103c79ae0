//! Leases of both engines.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::DatabasePlugin;
use bootstrap_services::leases::{
    LeaseEngine, LeaseError, Leases, LeasesPlugin, MemoryLeases, MemoryLeasesPlugin,
    SqliteLeasesPlugin, conformance,
};
use tokio::sync::Notify;

const TTL: Duration = Duration::from_secs(30);

fn start() -> VirtualClock {
    VirtualClock::starting_at(SystemTime::UNIX_EPOCH + Duration::from_hours(1_000))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_in_memory_conforms() {
    let store = MemoryLeases::default();
    conformance::run(Arc::new(store.clone()), Arc::new(store)).await;
}

async fn sqlite(plugin: DatabasePlugin) -> (bootstrap::Running, Arc<dyn LeaseEngine>) {
    let app = App::new().with(plugin).with(SqliteLeasesPlugin::default());
    let running = app.boot().await.unwrap();
    let engine = running.try_get::<Port<dyn LeaseEngine>>().unwrap();
    (running, Port::to_arc(&engine).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_on_the_database_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = || {
        DatabasePlugin::default()
            .min_free(0)
            .file(folder.path().join("app.db"))
    };
    let (first, one) = sqlite(plugin()).await;
    let (second, other) = sqlite(plugin()).await;
    conformance::run(one, other).await;
    first.close().await.unwrap();
    second.close().await.unwrap();
}

#[tokio::test]
async fn the_default_engine_is_collected_with_its_database() {
    #[plugin(collect = never)]
    struct Singleton {
        leases: State<Leases>,
    }
    impl Hooks for Singleton {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let lease = self.leases.hold("singleton").await?;
            assert!(lease.is_held());
            Ok(())
        }
    }
    let app = App::only(Singleton::default()).with(DatabasePlugin::memory());
    let running = app.boot().await.unwrap();
    running.close().await.unwrap();
}

#[tokio::test]
async fn closing_the_app_releases_its_leases() {
    let (time, store) = (start(), MemoryLeases::default());
    let boot = async || {
        let app = App::new()
            .supply(time.clock())
            .with(LeasesPlugin::default());
        let app = app.with(MemoryLeasesPlugin::default().leases(store.clone()));
        let running = app.boot().await.unwrap();
        let leases = running.try_get::<State<Leases>>().unwrap();
        (running, Leases::clone(&leases))
    };
    let (first, leases) = boot().await;
    let lease = leases.hold("singleton").await.unwrap();
    first.close().await.unwrap();
    assert!(!lease.is_held());
    assert!(matches!(
        leases.hold("singleton").await,
        Err(LeaseError::Closed)
    ));
    let (second, leases) = boot().await;
    assert!(leases.acquire("singleton", TTL).await.unwrap().is_some());
    second.close().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_is_dropped_is_released() {
    let time = start();
    let leases = Leases::new(Arc::new(MemoryLeases::default()), time.clock(), TTL);
    drop(leases.hold("a").await.unwrap());
    time.settle().await;
    assert!(leases.acquire("a", TTL).await.unwrap().is_some());
}

#[tokio::test]
async fn a_waiting_instance_takes_over() {
    let (time, store) = (start(), MemoryLeases::default());
    let [one, two] = [(); 2].map(|()| Leases::new(Arc::new(store.clone()), time.clock(), TTL));
    let lease = one.hold("a").await.unwrap();
    let waiting = tokio::spawn(
        time.clock()
            .work(async move { two.hold("a").await.map(|lease| lease.token()) }),
    );
    time.advance(TTL * 3).await;
    assert!(!waiting.is_finished());
    lease.release().await;
    time.advance(TTL / 6).await;
    assert_eq!(waiting.await.unwrap().unwrap(), 2);
}

/// An engine that does not answer any more once a lease was taken.
struct Down(MemoryLeases);

#[async_trait]
impl LeaseEngine for Down {
    async fn read(&self, name: &str) -> Result<Option<bootstrap_services::leases::Record>> {
        self.0.read(name).await
    }
    async fn take(
        &self,
        name: &str,
        seen: Option<bootstrap_services::leases::Version>,
        claim: &bootstrap_services::leases::Claim,
    ) -> Result<Option<u64>> {
        self.0.take(name, seen, claim).await
    }
    async fn renew(&self, _: &str, _: u64, _: SystemTime) -> Result<bool> {
        anyhow::bail!("connection refused")
    }
    async fn release(&self, _: &str, _: u64) -> Result<()> {
        anyhow::bail!("connection refused")
    }
    async fn claim(&self, _: &str, _: SystemTime) -> Result<bool> {
        anyhow::bail!("connection refused")
    }
    async fn last(&self, _: &str) -> Result<Option<SystemTime>> {
        anyhow::bail!("connection refused")
    }
}

#[tokio::test]
async fn a_lease_is_lost_before_another_instance_can_take_it() {
    let time = start();
    let leases = Leases::new(Arc::new(Down(MemoryLeases::default())), time.clock(), TTL);
    let lease = leases.hold("a").await.unwrap();
    time.advance(Duration::from_millis(19_999)).await;
    assert!(lease.is_held());
    time.advance(Duration::from_millis(1)).await;
    tokio::time::timeout(Duration::from_secs(5), lease.lost())
        .await
        .unwrap();
    assert!(!lease.is_held());
    let error = leases.once("b", SystemTime::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't claim the occurrence `b`: check the engine of the leases"
    );
}

#[tokio::test]
async fn a_bad_argument_is_refused() {
    let leases = Leases::new(Arc::new(MemoryLeases::default()), start().clock(), TTL);
    for name in ["", "a\nb", &"a".repeat(201)] {
        assert!(
            matches!(leases.hold(name).await, Err(LeaseError::InvalidName { .. })),
            "{name:?}"
        );
    }
    for ttl in [Duration::ZERO, Duration::from_hours(25)] {
        assert!(
            matches!(
                leases.acquire("a", ttl).await,
                Err(LeaseError::InvalidTtl { .. })
            ),
            "{ttl:?}"
        );
    }
    let app = App::new()
        .supply(start().clock())
        .with(MemoryLeasesPlugin::default());
    let error = app
        .with(LeasesPlugin::default().ttl(Duration::ZERO))
        .boot()
        .await
        .unwrap_err();
    assert!(
        error
            .render()
            .contains("[leases] Plugin load failed: `leases.ttl` is 0ns"),
        "{}",
        error.render()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_instances_claims_an_occurrence() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = || {
        DatabasePlugin::default()
            .min_free(0)
            .file(folder.path().join("app.db"))
    };
    let time = start();
    let mut instances = Vec::new();
    for _ in 0..3 {
        let (running, engine) = sqlite(plugin()).await;
        instances.push((running, Leases::new(engine, time.clock(), TTL)));
    }
    let at = time.clock().now();
    let mut claims = 0;
    let tasks = instances.iter().map(|(_, leases)| {
        let leases = leases.clone();
        tokio::spawn(async move { leases.once("report", at).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        claims += usize::from(task.await.unwrap().unwrap());
    }
    assert_eq!(claims, 1);
    for (running, leases) in instances {
        assert_eq!(leases.last("report").await.unwrap(), Some(at));
        running.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_leases_do_is_measured() {
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let time = start();
    let leases = Leases::new(Arc::new(Down(MemoryLeases::default())), time.clock(), TTL);
    let lease = leases.hold("measured").await.unwrap();
    time.advance(TTL).await;
    assert!(!lease.is_held());
    let found = snapshotter.snapshot().into_vec();
    let mut found: Vec<String> = found
        .into_iter()
        .filter(|(key, ..)| key.key().labels().any(|label| label.value() == "measured"))
        .map(|(key, _, _, value)| format!("{} {value:?}", key.key().name()))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "leases_acquired_total Counter(1)",
            "leases_held Gauge(0.0)",
            "leases_lost_total Counter(1)",
        ]
    );
}

/// An engine whose renewals or releases wait for the test, for ever if that lets none through.
#[derive(Default)]
struct Waits {
    store: MemoryLeases,
    slow_renewals: bool,
    has_begun: Notify,
    open: Notify,
}

impl Waits {
    async fn wait(&self) {
        self.has_begun.notify_one();
        self.open.notified().await;
    }
}

#[async_trait]
impl LeaseEngine for Waits {
    async fn read(&self, name: &str) -> Result<Option<bootstrap_services::leases::Record>> {
        self.store.read(name).await
    }
    async fn take(
        &self,
        name: &str,
        seen: Option<bootstrap_services::leases::Version>,
        claim: &bootstrap_services::leases::Claim,
    ) -> Result<Option<u64>> {
        self.store.take(name, seen, claim).await
    }
    async fn renew(&self, name: &str, token: u64, at: SystemTime) -> Result<bool> {
        if self.slow_renewals {
            self.wait().await;
        }
        self.store.renew(name, token, at).await
    }
    async fn release(&self, name: &str, token: u64) -> Result<()> {
        if !self.slow_renewals {
            self.wait().await;
        }
        self.store.release(name, token).await
    }
    async fn claim(&self, name: &str, at: SystemTime) -> Result<bool> {
        self.store.claim(name, at).await
    }
    async fn last(&self, name: &str) -> Result<Option<SystemTime>> {
        self.store.last(name).await
    }
}

/// Otherwise two instances would hold it between the release and the signal.
#[tokio::test(start_paused = true)]
async fn a_lease_is_lost_before_it_is_released() {
    let engine = Arc::new(Waits::default());
    let leases = Leases::new(
        engine.clone(),
        bootstrap_services::clock::Clock::system(),
        TTL,
    );
    let lease = leases.hold("a").await.unwrap();
    let closing = tokio::spawn(async move { leases.close().await });
    engine.has_begun.notified().await;
    assert!(!lease.is_held());
    tokio::time::timeout(Duration::from_secs(1), lease.lost())
        .await
        .unwrap();
    assert!(!closing.is_finished());
    engine.open.notify_one();
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_answer_does_not_keep_the_leases_from_closing() {
    for slow_renewals in [true, false] {
        let engine = Arc::new(Waits {
            slow_renewals,
            ..Waits::default()
        });
        let clock = bootstrap_services::clock::Clock::system();
        let leases = Leases::new(engine.clone(), clock, Duration::from_hours(24));
        let lease = leases.hold("a").await.unwrap();
        if slow_renewals {
            engine.has_begun.notified().await;
        }
        let closed = tokio::time::timeout(Duration::from_secs(9), leases.close()).await;
        assert!(closed.is_ok(), "slow renewals: {slow_renewals}");
        assert!(!lease.is_held());
    }
}
