use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{Health, HealthCheck, Verbose, async_trait};
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

use crate::support::{boot, client, run, with_client};

/// What a check does.
#[derive(Clone, Copy, Debug, Default)]
enum Does {
    #[default]
    Succeeds,
    Fails,
    Panics,
    Hangs,
    Takes(Duration),
}

impl Does {
    async fn check(self) -> Result<()> {
        match self {
            Does::Succeeds => Ok(()),
            Does::Fails => {
                Err(anyhow::anyhow!("no route to 10.0.0.7").context("the pool is empty"))
            }
            Does::Panics => panic!("a bug"),
            Does::Hangs => std::future::pending().await,
            Does::Takes(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
        }
    }
}

#[plugin(name = "database", ports = [self as dyn HealthCheck], collect = never)]
struct Database {
    #[option]
    does: Does,
    #[option]
    runs: Arc<AtomicUsize>,
}

impl Hooks for Database {}

#[async_trait]
impl HealthCheck for Database {
    async fn check(&self) -> Result<()> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.does.check().await
    }
}

#[plugin(name = "queue", ports = [self as dyn HealthCheck], collect = never)]
struct Queue {
    #[option]
    does: Does,
    #[option]
    is_optional: bool,
    #[option]
    limit: Option<Duration>,
}

impl Hooks for Queue {}

#[async_trait]
impl HealthCheck for Queue {
    async fn check(&self) -> Result<()> {
        self.does.check().await
    }

    fn critical(&self) -> bool {
        !self.is_optional
    }

    fn timeout(&self) -> Option<Duration> {
        self.limit
    }
}

fn app(database: Does, queue: Does) -> App {
    let app = App::new().with(Health::default());
    app.with(Database::default().does(database))
        .with(Queue::default().does(queue))
}

/// D68: probes of an app that is well.
#[test]
fn an_app_whose_checks_succeed_is_live_started_and_ready() {
    with_client(app(Does::Succeeds, Does::Succeeds), async |client| {
        for (path, text) in [
            ("/livez", "live"),
            ("/startupz", "started"),
            ("/readyz", "ready"),
        ] {
            let response = client.get(path).await;
            response.assert_status(200).assert_text(text);
            response.assert_header("cache-control", "no-store");
        }
    });
}

#[test]
fn a_check_that_fails_panics_or_hangs_makes_the_app_not_ready_but_it_is_live() {
    for does in [Does::Fails, Does::Panics, Does::Hangs] {
        with_client(app(Does::Succeeds, does), async |client| {
            client
                .get("/readyz")
                .await
                .assert_status(503)
                .assert_text("not ready");
            client.get("/livez").await.assert_status(200);
            client.get("/startupz").await.assert_status(200);
        });
    }
}

#[test]
fn details_name_each_check_with_its_error() {
    with_client(app(Does::Fails, Does::Succeeds), async |client| {
        let response = client.get("/readyz?verbose").await;
        response.assert_status(503);
        let mut json: Value = response.json();
        for check in json["checks"].as_array_mut().unwrap() {
            check
                .as_object_mut()
                .unwrap()
                .remove("milliseconds")
                .unwrap();
        }
        let expected = json!({"status": "not ready", "checks": [
            {"name": "database", "ok": false, "error": "the pool is empty: no route to 10.0.0.7"},
            {"name": "queue", "ok": true},
        ]});
        assert_eq!(json, expected);
    });
}

#[test]
fn a_panic_and_a_limit_are_named_in_the_details() {
    with_client(app(Does::Panics, Does::Hangs), async |client| {
        let json: Value = client.get("/readyz?verbose").await.json();
        assert_eq!(json["checks"][0]["error"], "the check panicked");
        assert_eq!(json["checks"][1]["error"], "no result within 1s");
    });
}

#[test]
fn details_are_for_loopback_alone_and_not_through_a_proxy_on_this_host() {
    with_client(app(Does::Fails, Does::Succeeds), async |client| {
        let far: SocketAddr = "203.0.113.7:4000".parse().unwrap();
        client
            .clone()
            .peer(far)
            .get("/readyz?verbose")
            .await
            .assert_text("not ready");
        for header in ["forwarded", "x-forwarded-for", "via"] {
            let proxied = client.get("/readyz?verbose").header(header, "203.0.113.7");
            proxied.await.assert_text("not ready");
        }
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:4000".parse().unwrap();
        let local = client.clone().peer(mapped).get("/readyz?verbose").await;
        assert_eq!(local.json::<Value>()["status"], "not ready");
    });
}

#[test]
fn a_setting_gives_details_to_all_or_to_none() {
    let far: SocketAddr = "203.0.113.7:4000".parse().unwrap();
    let app = |verbose| {
        let configuration = bootstrap::Configuration::new().set("health.verbose", verbose);
        App::new().with(Health::default()).configure(configuration)
    };
    with_client(app("always"), async |client| {
        let json: Value = client.peer(far).get("/readyz?verbose").await.json();
        assert_eq!(json, json!({"status": "ready", "checks": []}));
    });
    with_client(app("never"), async |client| {
        client.get("/readyz?verbose").await.assert_text("ready");
    });
    assert_eq!(Health::default().verbose, Verbose::Loopback);
}

#[test]
fn a_check_that_is_not_critical_is_listed_and_the_app_stays_ready() {
    let optional = Queue::default().does(Does::Fails).is_optional(true);
    let app = App::new().with(Health::default()).with(optional);
    with_client(app, async |client| {
        client.get("/readyz").await.assert_status(200);
        let json: Value = client.get("/readyz?verbose").await.json();
        assert_eq!(json["status"], "ready");
        assert_eq!(json["checks"][0]["ok"], false);
        assert_eq!(json["checks"][0]["critical"], false);
    });
}

#[test]
fn a_check_has_a_limit_of_its_own() {
    let app = |limit| {
        let slow = Queue::default().does(Does::Takes(Duration::from_secs(3)));
        App::new()
            .with(Health::default())
            .with(slow.limit(Some(limit)))
    };
    with_client(app(Duration::from_secs(4)), async |client| {
        client.get("/readyz").await.assert_status(200);
    });
    with_client(app(Duration::from_secs(2)), async |client| {
        let json: Value = client.get("/readyz?verbose").await.json();
        assert_eq!(json["checks"][0]["error"], "no result within 2s");
    });
}

/// Whether what `/readyz` answers follows `is_well` within two seconds, for a check that takes as long as it may.
#[test]
fn probes_report_a_failure_and_a_recovery_within_two_seconds() {
    #[plugin(name = "changing", ports = [self as dyn HealthCheck], collect = never)]
    struct Changing {
        #[option]
        is_well: Arc<AtomicBool>,
    }
    impl Hooks for Changing {}
    #[async_trait]
    impl HealthCheck for Changing {
        async fn check(&self) -> Result<()> {
            let is_well = self.is_well.load(Ordering::Relaxed);
            let time = if is_well { 900 } else { 2_000 };
            tokio::time::sleep(Duration::from_millis(time)).await;
            Ok(())
        }
    }
    let is_well = Arc::new(AtomicBool::new(true));
    let changing = Changing::default().is_well(Arc::clone(&is_well));
    let app = App::new().with(Health::default()).with(changing);
    with_client(app, async |client| {
        client.get("/readyz").await.assert_status(200);
        for (now, status) in [(false, 503), (true, 200)] {
            is_well.store(now, Ordering::Relaxed);
            let changed = Instant::now();
            while client.get("/readyz").await.status() != status {
                advance(Duration::from_millis(10)).await;
            }
            assert!(
                changed.elapsed() <= Duration::from_secs(2),
                "{status}: {:?}",
                changed.elapsed()
            );
        }
    });
}

#[test]
fn checks_run_at_the_same_time() {
    let slow = Does::Takes(Duration::from_millis(900));
    with_client(app(slow, slow), async |client| {
        let began = Instant::now();
        client.get("/readyz").await.assert_status(200);
        assert_eq!(began.elapsed().as_millis(), 900);
    });
}

#[test]
fn results_are_kept_for_half_a_second_and_shared_by_probes_at_the_same_time() {
    run(async {
        let runs = Arc::new(AtomicUsize::new(0));
        let slow = Database::default().does(Does::Takes(Duration::from_millis(10)));
        let app = App::new()
            .with(Health::default())
            .with(slow.runs(Arc::clone(&runs)));
        let running = boot(app).await;
        let client = client(&running);
        let (first, second) = tokio::join!(
            client.get("/readyz").into_future(),
            client.get("/readyz").into_future()
        );
        first.assert_status(200);
        second.assert_status(200);
        advance(Duration::from_millis(400)).await;
        client.get("/readyz").await.assert_status(200);
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        advance(Duration::from_millis(200)).await;
        client.get("/readyz").await.assert_status(200);
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        running.close().await.unwrap();
    });
}

/// A check of one that blocks its thread, as a probe of a file system that hangs does.
#[test]
fn a_check_that_blocks_its_thread_is_not_started_again_while_it_does() {
    #[plugin(name = "blocking", ports = [self as dyn HealthCheck], collect = never)]
    struct Blocking {
        #[option]
        runs: Arc<AtomicUsize>,
        #[option]
        gate: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
    }
    impl Hooks for Blocking {}
    #[async_trait]
    impl HealthCheck for Blocking {
        async fn check(&self) -> Result<()> {
            self.runs.fetch_add(1, Ordering::Relaxed);
            // Until the sender is dropped.
            let _ = self.gate.lock().unwrap().as_ref().unwrap().recv();
            Ok(())
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let (held, gate) = mpsc::channel();
        let runs = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Mutex::new(Some(gate)));
        let blocking = Blocking::default().runs(Arc::clone(&runs)).gate(gate);
        let short = Duration::from_millis(20);
        let health = Health::default()
            .check_timeout(short)
            .cached_for(Duration::ZERO);
        let running = boot(App::new().with(health).with(blocking)).await;
        let client = client(&running);
        for _ in 0..3 {
            client.get("/readyz").await.assert_status(503);
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        drop(held);
        let limit = Instant::now() + Duration::from_secs(30);
        while client.get("/readyz").await.status() != 200 {
            assert!(Instant::now() < limit, "it does not become ready again");
        }
        running.close().await.unwrap();
    });
}

/// Probes while the app drains.
#[test]
fn an_app_is_not_ready_while_it_drains_but_live() {
    #[plugin(name = "drains", collect = never)]
    struct Drains {
        web: State<Web>,
        #[option]
        seen: Arc<Mutex<Vec<u16>>>,
    }
    impl Hooks for Drains {
        async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
            for path in ["/readyz", "/livez", "/startupz"] {
                let status = self.web.client().get(path).await.status().as_u16();
                self.seen.lock().unwrap().push(status);
            }
            Ok(())
        }
    }
    run(async {
        let seen = Arc::default();
        let drains = Drains::default().seen(Arc::clone(&seen));
        let running = boot(App::new().with(Health::default()).with(drains)).await;
        running.close().await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [503, 200, 200]);
    });
}

#[test]
fn a_reason_of_the_server_makes_the_app_not_ready_until_it_is_withdrawn() {
    run(async {
        let running = boot(App::new().with(Health::default())).await;
        let (web, client) = (running.try_get::<State<Web>>().unwrap(), client(&running));
        web.readiness().set_not_ready("out of file descriptors");
        client
            .get("/readyz")
            .await
            .assert_status(503)
            .assert_text("not ready");
        let details: Value = client.get("/readyz?verbose").await.json();
        let expected =
            json!({"status": "not ready", "reason": "out of file descriptors", "checks": []});
        assert_eq!(details, expected);
        client.get("/livez").await.assert_status(200);
        web.readiness().withdraw("out of file descriptors");
        client.get("/readyz").await.assert_status(200);
        running.close().await.unwrap();
    });
}

#[test]
fn hooks_of_global_sets_do_not_reject_probes() {
    #[routes(global, collect = never)]
    fn locked() -> impl RouteSet {
        Routes::new()
            .before_handle(|| Err::<(), _>(Problem::unauthorized()))
            .get("/", || async {})
    }
    with_client(
        App::new().with(Locked::default()).with(Health::default()),
        async |client| {
            client.get("/").await.assert_status(401);
            client.get("/livez").await.assert_status(200);
            client.get("/readyz").await.assert_status(200);
        },
    );
}

#[test]
fn an_app_that_collects_has_probes() {
    run(async {
        let running = App::collect().boot().await.unwrap();
        client(&running).get("/readyz").await.assert_status(200);
        running.close().await.unwrap();
    });
}

#[test]
fn a_key_of_the_configuration_disables_the_probes() {
    let configuration = bootstrap::Configuration::new().set("health.enabled", false);
    with_client(
        App::new().with(Health::default()).configure(configuration),
        async |client| {
            client.get("/livez").await.assert_status(404);
        },
    );
}
