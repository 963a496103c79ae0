//! The metrics of an app, as an operator reads them. All tests share the recorder of the process.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::audit::AuditPlugin;
use bootstrap_services::cache::CachePlugin;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::cron::{CronPlugin, MemoryCronStore};
use bootstrap_services::database::DatabasePlugin;
use bootstrap_services::events::EventsPlugin;
use bootstrap_services::leases::{LeasesPlugin, MemoryLeasesPlugin};
use bootstrap_services::limits::LimitsPlugin;
use bootstrap_services::logger::LoggerPlugin;
use bootstrap_services::metrics::{Metrics, MetricsPlugin, MetricsRoutes};
use bootstrap_services::sse::SseHubPlugin;
use bootstrap_services::testing::VirtualClock;
use bootstrap_web::prelude::*;
use bootstrap_web::{AccessLog, ProxiesPlugin};
use metrics::counter;
use tokio::time::timeout;

#[routes(name = "greetings", collect = never)]
fn greetings() -> impl RouteSet {
    Routes::new().get("/hello/{name}", async || "hello")
}

fn app() -> App {
    let app = App::new().with(ClockPlugin).with(MetricsPlugin::default());
    let app = app
        .with(WebPlugin::default())
        .with(ProxiesPlugin::default())
        .with(AccessLog::default());
    app.with(Greetings::default())
        .with(MetricsRoutes::default())
}

async fn boot(app: App) -> Running {
    app.boot().await.unwrap()
}

fn client(running: &Running) -> bootstrap_web::testing::Client {
    running.try_get::<State<Web>>().unwrap().client()
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|it| it.starts_with(line))
}

#[tokio::test]
async fn requests_are_counted_by_their_route_and_described() {
    let running = boot(app()).await;
    let client = client(&running);
    client.get("/hello/one").await.assert_status(200);
    client.get("/hello/two").await.assert_status(200);
    let response = client.get("/metrics").await;
    response.assert_status(200);
    response.assert_header("content-type", "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text();
    for line in [
        "# HELP http_requests_total Requests that have ended.",
        "# TYPE http_requests_total counter",
        "http_requests_total{method=\"GET\",route=\"/hello/{name}\",status=\"200\"} 2",
        "# TYPE http_request_duration_seconds histogram",
        "http_request_duration_seconds_bucket{method=\"GET\",route=\"/hello/{name}\",status=\"200\",le=\"10\"} 2",
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
    running.close().await.unwrap();
}

#[tokio::test]
async fn labels_are_escaped() {
    let running = boot(app()).await;
    counter!("odd_labels_total", "of" => "a \"b\"\nc\\d").increment(1);
    let text = running.try_get::<State<Metrics>>().unwrap().render();
    assert!(
        has(&text, "odd_labels_total{of=\"a \\\"b\\\"\\nc\\\\d\"} 1"),
        "{text}"
    );
    running.close().await.unwrap();
}

#[tokio::test]
async fn the_times_of_the_boot_and_the_process_are_gauges() {
    let running = boot(app()).await;
    let text = running.try_get::<State<Metrics>>().unwrap().render();
    for line in [
        "# TYPE bootstrap_boot_seconds gauge",
        "bootstrap_boot_seconds 0.",
        "bootstrap_plugin_load_seconds{plugin=\"greetings\"} ",
        "bootstrap_plugin_load_seconds{plugin=\"metrics\"} ",
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
    if cfg!(target_os = "linux") {
        assert!(has(&text, "process_resident_memory_bytes "), "{text}");
        assert!(has(&text, "process_open_fds "), "{text}");
    }
    assert!(!has(&text, "bootstrap_close_seconds"), "{text}");
    running.close().await.unwrap();
}

/// Services describe theirs when they are ready: after any plugin that installs a recorder in its `load`.
#[tokio::test]
async fn metrics_of_services_are_described_also_if_they_load_first() {
    let running = boot(
        App::new()
            .with(LoggerPlugin::default())
            .with(ClockPlugin)
            .with(DatabasePlugin::memory())
            .with(AuditPlugin::default())
            .with(CachePlugin::default())
            .with(LimitsPlugin::default())
            .with(EventsPlugin::default())
            .with(SseHubPlugin::default())
            .with(MemoryCronStore::default())
            .with(CronPlugin::default())
            .with(MemoryLeasesPlugin::default())
            .with(LeasesPlugin::default())
            .with(MetricsPlugin::default()),
    )
    .await;
    let names = [
        "audit_recorded_total",
        "cache_hits_total",
        "cron_fired_total",
        "database_busy_total",
        "events_published_total",
        "leases_acquired_total",
        "limits_allowed_total",
        "log_lines_dropped_total",
        "sse_sent_total",
    ];
    for name in names {
        counter!(name).increment(0);
    }
    let text = running.try_get::<State<Metrics>>().unwrap().render();
    for name in names {
        assert!(has(&text, &format!("# HELP {name} ")), "{name}: {text}");
    }
    running.close().await.unwrap();
}

#[tokio::test]
async fn two_apps_of_a_process_share_counters_and_have_times_of_their_own() {
    let first = boot(app()).await;
    let second = boot(App::new().with(ClockPlugin).with(MetricsPlugin::default())).await;
    counter!("shared_total").increment(1);
    for (running, has_routes) in [(&first, true), (&second, false)] {
        let text = running.try_get::<State<Metrics>>().unwrap().render();
        assert!(has(&text, "shared_total 1"), "{text}");
        let of_routes = "bootstrap_plugin_load_seconds{plugin=\"greetings\"}";
        assert_eq!(has(&text, of_routes), has_routes, "{text}");
    }
    first.close().await.unwrap();
    counter!("shared_total").increment(1);
    let text = second.try_get::<State<Metrics>>().unwrap().render();
    assert!(has(&text, "shared_total 2"), "{text}");
    second.close().await.unwrap();
}

#[tokio::test]
async fn only_operators_read_them() {
    let running = boot(app()).await;
    let far: SocketAddr = "203.0.113.7:4000".parse().unwrap();
    client(&running)
        .peer(far)
        .get("/metrics")
        .await
        .assert_status(404);
    let proxied = client(&running)
        .get("/metrics")
        .header("x-forwarded-for", "203.0.113.7");
    proxied.await.assert_status(404);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_key_disables_the_route() {
    let configuration = Configuration::new().set("metrics.enabled", false);
    let running = boot(app().configure(configuration)).await;
    client(&running).get("/metrics").await.assert_status(404);
    running.close().await.unwrap();
}

#[tokio::test]
async fn the_upkeep_waits_on_the_clock_of_the_services() {
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let app = App::new()
        .supply(time.clock())
        .with(MetricsPlugin::default());
    let running = boot(app).await;
    let hour = time.advance(Duration::from_hours(1));
    timeout(Duration::from_secs(30), hour).await.unwrap();
    running.close().await.unwrap();
}
