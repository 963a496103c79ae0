use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{AccessLog, Health, ProxiesPlugin, RequestId, axum};
use futures_util::StreamExt;
use futures_util::stream;
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{boot, client, run, with_client};

/// The lines of a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Logs what this thread does until the guard is dropped.
    fn begin(&self) -> tracing::subscriber::DefaultGuard {
        self.begin_with("debug")
    }

    /// The same of what passes a filter.
    fn begin_with(&self, filter: &str) -> tracing::subscriber::DefaultGuard {
        // With a single subscriber, `tracing` asks that of the thread which comes first to an event or a span, and keeps
        // the answer for all threads: of a test without a log, it is "never". With several it asks them all.
        static OTHERS: LazyLock<[Dispatch; 2]> =
            LazyLock::new(|| std::array::from_fn(|_| tracing_subscriber::registry().into()));
        LazyLock::force(&OTHERS);
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .with_env_filter(filter)
            .with_ansi(false)
            .without_time()
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The events of requests.
    fn requests(&self) -> Vec<String> {
        let text = self.text();
        let lines = text
            .lines()
            .filter(|it| it.contains("bootstrap_web::access:"));
        lines.map(|it| it.trim().to_owned()).collect()
    }
}

#[routes(collect = never)]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/users/{id}", |Path(id): Path<u32>| async move {
            tracing::info!("a user was read");
            format!("user {id}")
        })
        .get("/id", |id: RequestId| async move {
            assert_eq!(RequestId::current(), Some(id.clone()));
            id.to_string()
        })
        .get("/header", |headers: HeaderMap| async move {
            headers["x-request-id"].to_str().unwrap().to_owned()
        })
        .get("/panics", || async { panic!("a bug") as () })
        .get("/slow", || tokio::time::sleep(Duration::from_mins(1)))
        .get("/stream", || async {
            let parts = stream::iter([Ok::<_, io::Error>("a".repeat(1000)), Ok("b".repeat(1000))]);
            Body::from_stream(parts)
        })
        .get("/breaks", || async {
            let parts = [
                Ok(Bytes::from("abc")),
                Err(io::Error::other("the disk is gone")),
            ];
            Body::from_stream(stream::iter(parts))
        })
        .mount(axum::Router::new().route("/old/{name}", axum::routing::get(|| async { "old" })))
}

fn app() -> App {
    App::new()
        .with(Api::default())
        .with(AccessLog::default())
        .with(ProxiesPlugin::default())
}

#[test]
fn each_request_is_one_event_within_a_span_that_names_its_route() {
    let log = Log::default();
    let guard = log.begin();
    with_client(app(), async |client| {
        client
            .get("/users/7?token=secret")
            .await
            .assert_text("user 7");
    });
    drop(guard);
    let [line] = &*log.requests() else {
        panic!("one event: {}", log.text());
    };
    let start = "INFO http_request{method=GET request_id=";
    assert!(line.starts_with(start), "{line}");
    for part in [
        r#"route="/users/{id}"}"#,
        "GET /users/7 status=200 latency_ms=",
        "duration_ms=",
        "bytes=6 client=127.0.0.1",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for part in ["secret", "cancelled", "broken"] {
        assert!(!line.contains(part), "{part}: {line}");
    }
    let text = log.text();
    let inner = text
        .lines()
        .find(|line| line.contains("a user was read"))
        .unwrap();
    assert!(
        inner.contains(r#"route="/users/{id}"}"#),
        "the handler is in the span: {inner}"
    );
}

#[test]
fn filters_may_keep_the_event_without_the_span_or_the_span_without_the_event() {
    let filtered = |filter: &str| {
        let log = Log::default();
        let guard = log.begin_with(filter);
        with_client(app(), async |client| {
            let response = client.get("/users/7").await;
            assert_eq!(response.header("x-request-id").map(str::len), Some(32));
            let id = client.get("/id").await;
            let header = id.header("x-request-id").map(str::to_owned);
            assert_eq!(header, Some(id.text()));
        });
        drop(guard);
        log
    };
    let event = filtered("bootstrap_web::access=info").requests();
    assert_eq!(event.len(), 2, "{event:#?}");
    let start = "INFO bootstrap_web::access: GET /users/7 status=200";
    assert!(event[0].starts_with(start), "{event:#?}");

    let span = filtered("info,bootstrap_web::access=off");
    assert!(span.requests().is_empty(), "{}", span.text());
    let start = "INFO http_request{method=GET request_id=";
    let inner = span.text();
    let inner = inner.lines().find(|it| it.contains("a user was read"));
    assert!(
        inner.is_some_and(|it| it.trim().starts_with(start)),
        "{}",
        span.text()
    );

    assert_eq!(filtered("off").text(), "");
}

#[test]
fn the_query_is_logged_if_a_key_permits_it() {
    let log = Log::default();
    let guard = log.begin();
    let app = app().configure(Configuration::new().set("access_log.query", true));
    with_client(app, async |client| {
        client.get("/users/7?page=2").await.assert_status(200);
    });
    drop(guard);
    assert!(
        log.requests()[0].contains("GET /users/7?page=2"),
        "{}",
        log.text()
    );
}

#[test]
fn requests_without_a_route_panics_and_mounted_routers_are_logged() {
    let log = Log::default();
    let guard = log.begin();
    with_client(app(), async |client| {
        client.get("/nowhere").await.assert_status(404);
        client.post("/id").await.assert_status(405);
        client.get("/panics").await.assert_status(500);
        client.get("/old/ada").await.assert_status(200);
    });
    drop(guard);
    let lines = log.requests();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(
        lines[0].contains("GET /nowhere status=404") && !lines[0].contains("route="),
        "{lines:#?}"
    );
    assert!(lines[1].contains("POST /id status=405"), "{lines:#?}");
    assert!(
        lines[2].contains(r#"route="/panics""#) && lines[2].contains("status=500"),
        "{lines:#?}"
    );
    assert!(lines[3].contains(r#"route="/old/{name}""#), "{lines:#?}");
    let text = log.text();
    let error = text
        .lines()
        .find(|line| line.contains("ERROR") && line.contains("a bug"))
        .unwrap();
    assert!(
        error.contains("request_id="),
        "the error is in the span: {error}"
    );
}

#[test]
fn a_request_whose_client_has_gone_is_cancelled() {
    let log = Log::default();
    let guard = log.begin();
    with_client(app(), async |client| {
        let slow = client.get("/slow").into_future();
        let gone = tokio::time::timeout(Duration::from_secs(1), slow).await;
        assert!(gone.is_err());
    });
    drop(guard);
    let [line] = &*log.requests() else {
        panic!("one event: {}", log.text());
    };
    assert!(line.contains(r#"route="/slow""#), "{line}");
    assert!(
        line.contains("GET /slow latency_ms=") && line.contains("cancelled=true"),
        "{line}"
    );
}

#[test]
fn a_stream_is_logged_at_its_end_with_its_bytes() {
    let log = Log::default();
    let guard = log.begin();
    run(async {
        let running = boot(app()).await;
        client(&running).get("/stream").await.assert_status(200);
        let web = running.try_get::<State<Web>>().unwrap();
        // One that is read to its middle.
        let request = Request::get("/stream").body(Body::empty()).unwrap();
        let mut body = web.handle(request).await.into_body().into_data_stream();
        assert_eq!(body.next().await.unwrap().unwrap().len(), 1000);
        assert_eq!(log.requests().len(), 1, "the second is not at its end");
        drop(body);
        // And one that fails.
        let request = Request::get("/breaks").body(Body::empty()).unwrap();
        let body = web.handle(request).await.into_body();
        axum::body::to_bytes(body, 10_000).await.unwrap_err();
        running.close().await.unwrap();
    });
    drop(guard);
    let lines = log.requests();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[0].contains("bytes=2000") && !lines[0].contains("cancelled"),
        "{lines:#?}"
    );
    assert!(
        lines[1].contains("bytes=1000") && lines[1].contains("cancelled=true"),
        "{lines:#?}"
    );
    assert!(
        lines[2].contains("bytes=3") && lines[2].contains("broken=true"),
        "{lines:#?}"
    );
}

#[test]
fn probes_are_logged_as_details() {
    let log = Log::default();
    let guard = log.begin();
    with_client(app().with(Health::default()), async |client| {
        client.get("/livez").await.assert_status(200);
    });
    drop(guard);
    assert!(log.requests()[0].starts_with("DEBUG"), "{}", log.text());
}

#[test]
fn each_response_has_an_id_of_its_own() {
    with_client(app(), async |client| {
        let (first, second) = (client.get("/id").await, client.get("/id").await);
        assert_eq!(first.header("x-request-id"), Some(&*first.text()));
        assert_ne!(first.text(), second.text());
        assert_eq!(first.text().len(), 32);
        for path in ["/nowhere", "/panics", "/old/ada"] {
            assert!(
                client.get(path).await.header("x-request-id").is_some(),
                "{path}"
            );
        }
    });
}

#[test]
fn the_id_of_a_trusted_proxy_is_kept_and_that_of_a_client_is_not() {
    let trusted =
        || app().configure(Configuration::new().set("http.trusted_proxies", vec!["127.0.0.1"]));
    with_client(trusted(), async |client| {
        let response = client.get("/id").header("x-request-id", "abc-7").await;
        response
            .assert_text("abc-7")
            .assert_header("x-request-id", "abc-7");
        for odd in ["", "two words", &"a".repeat(129)] {
            let response = client.get("/id").header("x-request-id", odd).await;
            assert_eq!(response.text().len(), 32, "{odd}");
        }
    });
    with_client(app(), async |client| {
        let response = client.get("/header").header("x-request-id", "abc-7").await;
        assert_ne!(response.text(), "abc-7");
    });
}

#[test]
fn an_app_without_the_plugin_has_no_ids() {
    with_client(app().disable::<AccessLog>("this test"), async |client| {
        let response = client.get("/id").await;
        response.assert_status(500);
        assert_eq!(response.header("x-request-id"), None);
    });
}

#[cfg(feature = "metrics")]
mod metrics {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use bootstrap_web::prelude::Method;

    use super::{app, client};
    use crate::support::{boot, run};

    /// The metrics of requests, as text.
    fn of(test: impl FnOnce()) -> Vec<String> {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, test);
        let all = snapshotter.snapshot().into_vec().into_iter();
        let mut lines: Vec<String> = all
            .map(|(key, _, _, value)| {
                let labels = key
                    .key()
                    .labels()
                    .map(|it| format!("{}={}", it.key(), it.value()));
                let labels: Vec<String> = labels.collect();
                let value = match value {
                    DebugValue::Counter(count) => count.to_string(),
                    DebugValue::Gauge(value) => value.to_string(),
                    DebugValue::Histogram(values) => format!("{} values", values.len()),
                };
                format!("{}{{{}}} {value}", key.key().name(), labels.join(","))
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn requests_are_counted_by_route_and_not_by_path() {
        let lines = of(|| {
            run(async {
                let running = boot(app()).await;
                let client = client(&running);
                client.get("/users/1").await.assert_status(200);
                client.get("/users/2").await.assert_status(200);
                client.get("/nowhere/1").await.assert_status(404);
                client.get("/nowhere/2").await.assert_status(404);
                let odd = Method::from_bytes(b"INVENTED").unwrap();
                client.request(odd, "/id").await.assert_status(405);
                running.close().await.unwrap();
            });
        });
        assert_eq!(
            lines,
            [
                "http_request_duration_seconds{method=GET,route=/users/{id},status=200} 2 values",
                "http_request_duration_seconds{method=GET,route=none,status=404} 2 values",
                "http_request_duration_seconds{method=other,route=none,status=405} 1 values",
                "http_requests_in_flight{method=GET} 0",
                "http_requests_in_flight{method=other} 0",
                "http_requests_total{method=GET,route=/users/{id},status=200} 2",
                "http_requests_total{method=GET,route=none,status=404} 2",
                "http_requests_total{method=other,route=none,status=405} 1",
            ]
        );
    }

    #[test]
    fn a_cancelled_request_is_counted_as_such_and_not_in_flight_any_more() {
        let lines = of(|| {
            run(async {
                let running = boot(app()).await;
                let slow = client(&running).get("/slow").into_future();
                let limit = std::time::Duration::from_secs(1);
                tokio::time::timeout(limit, slow).await.unwrap_err();
                running.close().await.unwrap();
            });
        });
        assert!(
            lines.contains(&"http_requests_in_flight{method=GET} 0".to_owned()),
            "{lines:#?}"
        );
        let counter = "http_requests_total{method=GET,route=/slow,status=cancelled} 1";
        assert!(lines.contains(&counter.to_owned()), "{lines:#?}");
    }
}
