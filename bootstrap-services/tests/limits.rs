//! Rate limits.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::limits::{
    self, Decision, Limit, Limits, LimitsPlugin, MemoryRateStore, MemoryRateStorePlugin, Quota,
    QuotaError, WhenDown, conformance,
};
use bootstrap_services::testing::VirtualClock;
use bootstrap_web::ProxiesPlugin;
use bootstrap_web::prelude::*;
use bootstrap_web::testing::Client;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

struct Kit {
    time: VirtualClock,
    running: Running,
}

impl Kit {
    async fn new(limits: LimitsPlugin) -> Self {
        Self::of(App::new(), limits).await
    }

    async fn of(app: App, limits: LimitsPlugin) -> Self {
        let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
        let running = app.supply(time.clock()).with(limits).boot().await.unwrap();
        Self { time, running }
    }

    async fn storing(limits: LimitsPlugin) -> (Self, MemoryRateStore) {
        let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
        let store = MemoryRateStore::new(time.clock());
        let app = App::new().supply(time.clock()).with(limits);
        let app = app.with(MemoryRateStorePlugin::new(store.clone()));
        let running = app.boot().await.unwrap();
        (Self { time, running }, store)
    }

    fn limits(&self) -> State<Limits> {
        self.running.try_get().unwrap()
    }

    fn limit(&self, name: &str) -> Limit {
        self.limits().named(name).unwrap()
    }

    fn client(&self) -> Client {
        self.running.try_get::<State<Web>>().unwrap().client()
    }

    async fn close(self) {
        timeout(PATIENCE, self.running.close())
            .await
            .unwrap()
            .unwrap();
    }
}

fn login(quota: Quota) -> LimitsPlugin {
    LimitsPlugin::default().limit("login", quota)
}

async fn boot(configuration: Configuration, limits: LimitsPlugin) -> Result<Running, String> {
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let app = App::new()
        .supply(time.clock())
        .with(limits)
        .configure(configuration);
    app.boot().await.map_err(|error| error.render())
}

async fn refused(configuration: Configuration) -> String {
    boot(configuration, LimitsPlugin::default())
        .await
        .err()
        .unwrap()
}

async fn allowed(limit: &Limit, key: &str, checks: usize) -> usize {
    let mut allowed = 0;
    for _ in 0..checks {
        allowed += usize::from(limit.check(key).await.unwrap().allowed);
    }
    allowed
}

#[tokio::test]
async fn settings_that_allow_nothing_are_errors_of_the_plugin_with_their_place() {
    for (key, value, expected) in [
        ("rate", "0/m", "the rate limit `login` has a rate of zero"),
        ("rate", "5", "the rate limit `login`: `5` is not a rate"),
        (
            "rate",
            "many/m",
            "the rate limit `login`: `many/m` is not a rate",
        ),
        ("rate", "5/fortnight", "`5/fortnight` is not a rate"),
        ("rate", "-5/m", "`-5/m` is not a rate"),
        (
            "rate",
            "5/0s",
            "the rate limit `login` has a rate in a time of zero",
        ),
        (
            "rate",
            "4000000000/ms",
            "has a rate of more than one each nanosecond",
        ),
        ("rate", "1/999d", "gives a burst back in more than 366 days"),
    ] {
        let configuration = Configuration::new().set(&format!("limits.login.{key}"), value);
        let text = refused(configuration).await;
        assert!(text.contains(expected), "{value}: {text}");
        assert!(text.contains("[limits] Plugin load failed"), "{text}");
    }
    let configuration = Configuration::new().set("limits.login.rate", "5/m");
    let text = refused(configuration.set("limits.login.burst", 0)).await;
    assert!(
        text.contains("the rate limit `login` has a burst of zero"),
        "{text}"
    );
    let text = refused(Configuration::new().set("limits.login.burst", 7)).await;
    assert!(
        text.contains("the rate limit `login` has no rate"),
        "{text}"
    );
    assert!(
        text.contains("write `rate = \"5/m\"` into `[limits.login]`"),
        "{text}"
    );
    let text = boot(Configuration::new(), login(Quota::per_hour(0)))
        .await
        .err()
        .unwrap();
    assert!(
        text.contains("the rate limit `login` has a rate of zero"),
        "{text}"
    );
}

#[tokio::test]
async fn unknown_keys_and_values_of_a_limit_are_faults_of_the_configuration() {
    let rate = || Configuration::new().set("limits.login.rate", "5/m");
    let text = refused(rate().set("limits.login.brust", 7)).await;
    assert!(text.contains("BOOT017") && text.contains("brust"), "{text}");
    let text = refused(rate().set("limits.login.burst", "many")).await;
    assert!(text.contains("BOOT017") && text.contains("burst"), "{text}");
    let text = refused(rate().set("limits.login.when_down", "panic")).await;
    assert!(
        text.contains("BOOT017") && text.contains("when_down"),
        "{text}"
    );
    let text = refused(Configuration::new().set("limits.rate", "5/m")).await;
    assert!(
        text.contains("BOOT017") && text.contains("limits.rate"),
        "{text}"
    );
    assert!(
        text.contains("a table with `rate`, `burst` and `when_down`"),
        "{text}"
    );
}

#[tokio::test]
async fn the_configuration_outranks_the_code() {
    let variables = [
        ("APP_LIMITS__LOGIN__RATE", "6/m"),
        ("APP_LIMITS__API__RATE", "100/30s"),
    ];
    let configuration = Configuration::new().environment_from("APP", variables);
    let configuration = configuration.set("limits.login.when_down", "deny");
    let limits = login(Quota::per_minute(5).burst(10)).limit("other", Quota::per_second(1));
    let running = boot(configuration, limits).await.unwrap();
    let limits = running.try_get::<State<Limits>>().unwrap();
    let quota = |name| limits.named(name).unwrap().quota();
    let expected = Quota::per_minute(6).burst(10).when_down(WhenDown::Deny);
    assert_eq!(quota("login"), expected);
    assert_eq!(quota("api"), Quota::new(100, SECOND * 30));
    assert_eq!(quota("other"), Quota::per_second(1));
    running.close().await.unwrap();
}

#[tokio::test]
async fn an_unknown_name_is_an_error_with_near_words() {
    let kit = Kit::new(login(Quota::per_minute(5))).await;
    let text = kit.limits().named("logn").unwrap_err().to_string();
    assert!(
        text.starts_with("there is no rate limit `logn`: is `login` meant?"),
        "{text}"
    );
    kit.close().await;
}

#[test]
fn quotas_are_checked() {
    for (quota, expected) in [
        (Quota::per_minute(0), QuotaError::ZeroRate),
        (Quota::new(1, Duration::ZERO), QuotaError::ZeroPeriod),
        (Quota::per_minute(1).burst(0), QuotaError::ZeroBurst),
        (Quota::new(u32::MAX, SECOND), QuotaError::TooFast),
        (Quota::per_hour(1).burst(u32::MAX), QuotaError::TooSlow),
        (Quota::new(1, Duration::MAX), QuotaError::TooSlow),
    ] {
        assert_eq!(quota.check(), Err(expected));
    }
    assert_eq!(Quota::new(1, SECOND * 86_400 * 366).check(), Ok(()));
}

/// D46: the third of two is refused; here the fourth of three.
#[tokio::test]
async fn a_burst_is_allowed_and_comes_back_evenly() {
    let kit = Kit::new(login(Quota::per_minute(5).burst(3))).await;
    let limit = kit.limit("login");
    let decision = |allowed, remaining, reset, retry_after| Decision {
        allowed,
        limit: 3,
        remaining,
        reset: SECOND * reset,
        retry_after: SECOND * retry_after,
    };
    let check = async || limit.check("ada").await.unwrap();
    assert_eq!(check().await, decision(true, 2, 12, 0));
    assert_eq!(check().await, decision(true, 1, 24, 0));
    assert_eq!(check().await, decision(true, 0, 36, 0));
    assert_eq!(check().await, decision(false, 0, 36, 12));
    kit.time.advance(SECOND * 11).await;
    assert_eq!(check().await, decision(false, 0, 25, 1));
    kit.time.advance(SECOND).await;
    assert_eq!(check().await, decision(true, 0, 36, 0));
    assert_eq!(limit.check("bob").await.unwrap(), decision(true, 2, 12, 0));
    let stats = limit.stats();
    assert_eq!((stats.allowed, stats.limited), (5, 2));
    kit.close().await;
}

/// A fault of the original: a fixed window that was called sliding allows twice the limit around its edge.
#[tokio::test]
async fn no_window_has_twice_the_limit_wherever_it_begins() {
    let kit = Kit::new(login(Quota::per_minute(60))).await;
    let limit = kit.limit("login");
    let mut times = Vec::new();
    for second in 0..240_u32 {
        // All at once in the last seconds of one minute and in the first ones of the next.
        let checks = if (55..65).contains(&(second % 120)) {
            30
        } else {
            0
        };
        for _ in 0..allowed(&limit, "ada", checks).await {
            times.push(second);
        }
        kit.time.advance(SECOND).await;
    }
    let most = times.iter().map(|start| {
        let window = times.iter().filter(|it| (*start..start + 10).contains(*it));
        window.count()
    });
    // The burst, and what comes back in ten seconds.
    assert_eq!(most.max(), Some(60 + 9));
    kit.close().await;
}

#[tokio::test]
async fn keys_that_have_their_burst_are_forgotten() {
    let kit = Kit::new(login(Quota::per_second(1))).await;
    let limit = kit.limit("login");
    for key in 0..1_000_u32 {
        limit.check(key.to_be_bytes()).await.unwrap();
    }
    assert_eq!(limit.stats().keys, 1_000);
    kit.time.advance(SECOND * 20).await;
    assert_eq!(limit.stats().keys, 0);
    kit.close().await;
}

#[tokio::test]
async fn a_limit_keeps_100_000_keys_and_forgets_those_that_have_used_least() {
    let kit = Kit::new(login(Quota::per_hour(4))).await;
    let limit = kit.limit("login");
    assert_eq!(allowed(&limit, "attacked", 5).await, 4);
    let mut most = 0;
    for key in 0..300_000_u32 {
        limit.check(key.to_be_bytes()).await.unwrap();
        if key % 1_000 == 0 {
            most = most.max(limit.stats().keys);
        }
    }
    assert!(most > 90_000 && limit.stats().keys <= 100_000, "{most}");
    // The flood of other keys gave the attacked one nothing back.
    assert_eq!(allowed(&limit, "attacked", 5).await, 0);
    kit.close().await;
}

#[tokio::test]
async fn a_store_that_fails_allows_or_denies_as_the_quota_says() {
    let limits = login(Quota::per_minute(5).when_down(WhenDown::Deny));
    let (kit, store) = Kit::storing(limits.limit("api", Quota::per_minute(5))).await;
    let health: Port<dyn HealthCheck> = kit.running.try_get().unwrap();
    health.check().await.unwrap();
    store.fail();
    let decision = kit.limit("api").check("ada").await.unwrap();
    assert!(decision.allowed);
    let error = kit.limit("login").check("ada").await.unwrap_err();
    assert_eq!(error.limit(), "login");
    health.check().await.unwrap_err();
    assert!(!health.critical());
    // It is left alone for a second.
    let calls = store.calls();
    kit.limit("api").check("ada").await.unwrap();
    assert_eq!(store.calls(), calls);
    store.recover();
    kit.time.advance(SECOND).await;
    assert_eq!(kit.limit("login").check("ada").await.unwrap().remaining, 4);
    assert_eq!(kit.limit("api").stats().failed, 2);
    kit.close().await;
}

#[tokio::test]
async fn a_store_that_hangs_is_left_after_its_timeout() {
    let (kit, store) = Kit::storing(login(Quota::per_minute(5))).await;
    store.hang();
    let limit = kit.limit("login");
    let check = tokio::spawn(async move { limit.check("ada").await.unwrap() });
    let called = async {
        while store.calls() == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, called).await.unwrap();
    kit.time.advance(Duration::from_millis(250)).await;
    assert!(timeout(PATIENCE, check).await.unwrap().unwrap().allowed);
    kit.close().await;
}

#[tokio::test]
async fn a_memory_engine_passes_the_conformance_of_rate_stores() {
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let store = MemoryRateStore::new(time.clock());
    let run = conformance::rate_store(&store, async |duration| time.advance(duration).await);
    timeout(PATIENCE, run).await.unwrap();
}

#[routes]
fn pages() -> impl RouteSet {
    let token = |Bearer(token): Bearer| token;
    Routes::new()
        .get("/free", async || "free")
        .layer(limits::headers())
        .before_handle(limits::per_client("login"))
        .get("/login", async || "welcome")
        .get("/missing", async || Err::<(), _>(Problem::not_found()))
        .group(|exports| {
            exports
                .before_handle(limits::per("exports", token))
                .get("/exports", async || "..")
        })
        .group(|wrong| {
            wrong
                .before_handle(limits::per_client("logn"))
                .get("/wrong", async || "..")
        })
}

async fn web(proxies: ProxiesPlugin) -> Kit {
    let limits = login(Quota::per_minute(5).burst(3)).limit("exports", Quota::per_minute(1));
    let app = App::new()
        .with(Pages::default())
        .with(WebPlugin::default())
        .with(proxies);
    Kit::of(app, limits).await
}

fn peer(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 1234)
}

#[tokio::test]
async fn requests_over_the_limit_are_429_problems_and_all_answers_have_headers() {
    let kit = web(ProxiesPlugin::default()).await;
    let client = kit.client().peer(peer("192.0.2.1"));
    for remaining in ["2", "1"] {
        let answer = client.get("/login").await;
        answer
            .assert_status(200)
            .assert_header("ratelimit-limit", "3");
        answer.assert_header("ratelimit-remaining", remaining);
    }
    let answer = client.get("/missing").await;
    answer
        .assert_status(404)
        .assert_header("ratelimit-remaining", "0");
    answer.assert_header("ratelimit-reset", "36");
    let answer = client.get("/login").await;
    answer.assert_status(429).assert_header("retry-after", "12");
    answer.assert_header("ratelimit-remaining", "0");
    assert_eq!(
        answer.headers().get_all("ratelimit-limit").iter().count(),
        1
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    kit.time.advance(SECOND * 12).await;
    client.get("/login").await.assert_status(200);
    let answer = client.get("/free").await;
    assert_eq!(answer.header("ratelimit-limit"), None);
    kit.close().await;
}

#[tokio::test]
async fn a_client_can_not_choose_its_address_with_a_header() {
    let kit = web(ProxiesPlugin::default()).await;
    let mut answers = Vec::new();
    for number in 0..4 {
        let client = kit.client().peer(peer("192.0.2.1"));
        let client = client.header("x-forwarded-for", &format!("203.0.113.{number}"));
        answers.push(client.get("/login").await.status().as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 429]);
    kit.close().await;
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_counted_apart() {
    let trusted = vec!["10.0.0.0/8".parse().unwrap()];
    let kit = web(ProxiesPlugin::default().trusted_proxies(trusted)).await;
    let mut answers = Vec::new();
    for number in [1, 1, 1, 1, 2] {
        let client = kit.client().peer(peer("10.0.0.1"));
        let list = format!("198.51.100.{}, 203.0.113.{number}", answers.len());
        let client = client.header("x-forwarded-for", &list);
        answers.push(client.get("/login").await.status().as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 429, 200]);
    kit.close().await;
}

#[tokio::test]
async fn addresses_of_one_64_network_are_one_client() {
    let kit = web(ProxiesPlugin::default()).await;
    let mut answers = Vec::new();
    for address in [
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::3",
        "2001:db8::4",
        "2001:db8:0:1::1",
    ] {
        let client = kit.client().peer(peer(address));
        answers.push(client.get("/login").await.status().as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 429, 200]);
    kit.close().await;
}

#[tokio::test]
async fn a_key_can_be_any_argument_and_the_tightest_limit_is_shown() {
    let kit = web(ProxiesPlugin::default()).await;
    let client = kit.client().peer(peer("192.0.2.1"));
    client.get("/exports").await.assert_status(401);
    let ada = client.clone().header("authorization", "Bearer ada");
    let answer = ada.get("/exports").await;
    answer
        .assert_status(200)
        .assert_header("ratelimit-limit", "1");
    let answer = ada.get("/exports").await;
    answer.assert_status(429).assert_header("retry-after", "60");
    kit.close().await;
}

#[tokio::test]
async fn a_limit_that_does_not_exist_is_an_error_of_the_service() {
    let kit = web(ProxiesPlugin::default()).await;
    let client = kit.client().peer(peer("192.0.2.1"));
    client.get("/wrong").await.assert_status(500);
    kit.close().await;
}

#[tokio::test]
async fn a_store_that_fails_is_a_503_if_it_denies() {
    #[routes]
    fn vault() -> impl RouteSet {
        Routes::new()
            .before_handle(limits::per_client("login"))
            .get("/vault", async || "open")
    }
    let limits = login(Quota::per_minute(5).when_down(WhenDown::Deny));
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let store = MemoryRateStore::new(time.clock());
    let app = App::new()
        .supply(time.clock())
        .with(limits)
        .with(Vault::default());
    let app = app.with(MemoryRateStorePlugin::new(store.clone()));
    let app = app
        .with(WebPlugin::default())
        .with(ProxiesPlugin::default());
    let running = app.boot().await.unwrap();
    let kit = Kit { time, running };
    let client = kit.client().peer(peer("192.0.2.1"));
    client.get("/vault").await.assert_status(200);
    store.fail();
    client
        .get("/vault")
        .await
        .assert_status(503)
        .assert_header("retry-after", "1");
    kit.close().await;
}

#[tokio::test]
async fn routes_with_a_limit_require_the_limits() {
    let app = App::new().with(Pages::default()).with(WebPlugin::default());
    let errors = app.with(ProxiesPlugin::default()).plan().unwrap_err();
    let text = errors.to_string();
    assert!(text.contains("`Limits`"), "{text}");
}

#[tokio::test]
async fn a_store_without_time_to_answer_is_an_error_of_the_boot() {
    let limits = login(Quota::per_minute(5)).store_timeout(Duration::ZERO);
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let store = MemoryRateStorePlugin::new(MemoryRateStore::new(time.clock()));
    let app = App::new().supply(time.clock()).with(store).with(limits);
    let text = app.boot().await.unwrap_err().render();
    assert!(text.contains("[limits] Plugin load failed"), "{text}");
    assert!(text.contains("`store_timeout` is zero"), "{text}");
}

#[tokio::test]
async fn the_limits_are_as_healthy_as_their_store() {
    let kit = Kit::new(login(Quota::per_minute(5))).await;
    kit.limits().check().await.unwrap();
    kit.close().await;
    let (kit, store) = Kit::storing(login(Quota::per_minute(5))).await;
    kit.limits().check().await.unwrap();
    store.fail();
    kit.limits().check().await.unwrap_err();
    kit.close().await;
}
