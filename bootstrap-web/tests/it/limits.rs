//! Limits of bodies and of time.

use std::time::Duration;

use bootstrap_web::axum::body::{Bytes, to_bytes};
use bootstrap_web::prelude::*;

use crate::support::with_set;

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

async fn ambient() -> Result<String, Problem> {
    Ok(RequestContext::current()?.body().await?.len().to_string())
}

/// Reads a stream that no extractor limits.
async fn stream(body: Body) -> Result<String, Problem> {
    let bytes = to_bytes(body, usize::MAX).await;
    bytes
        .map(|it| it.len().to_string())
        .map_err(|_| Problem::payload_too_large())
}

#[routes(collect = never)]
fn bodies() -> impl RouteSet {
    Routes::new()
        .post("/default", length)
        .post("/default/ambient", ambient)
        .group(|group| {
            let group = group.body_limit(2 << 20);
            let group = group.post("/two", length).post("/two/ambient", ambient);
            group.post("/two/stream", stream)
        })
        .body_limit(10)
        .post("/small", length)
        .post("/small/ambient", ambient)
        .post("/small/stream", stream)
        .group(|group| group.body_limit(3 << 20).post("/large", length))
}

#[test]
fn a_body_is_as_long_as_its_route_allows() {
    with_set(Bodies::default(), async |client| {
        let post = async |path: &str, length: usize| {
            client
                .post(path)
                .body("x".repeat(length))
                .await
                .status()
                .as_u16()
        };
        for path in ["/small", "/small/ambient", "/small/stream"] {
            assert_eq!(post(path, 10).await, 200, "{path}");
            assert_eq!(post(path, 11).await, 413, "{path}");
        }
        let two = 2 << 20;
        // Which is the limit of axum's extractors as well.
        for path in [
            "/default",
            "/default/ambient",
            "/two",
            "/two/ambient",
            "/two/stream",
        ] {
            assert_eq!(post(path, two).await, 200, "{path}");
            assert_eq!(post(path, two + 1).await, 413, "{path}");
        }
        assert_eq!(post("/large", two + 1).await, 200);
        assert_eq!(post("/large", (3 << 20) + 1).await, 413);
    });
}

#[routes(collect = never)]
fn slow() -> impl RouteSet {
    let wait = async |Path(seconds): Path<u64>| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        "done"
    };
    Routes::new()
        .get("/free/{seconds}", wait)
        .timeout(Duration::from_secs(5))
        .get("/limited/{seconds}", wait)
        .group(|group| {
            group
                .timeout(Duration::from_secs(50))
                .get("/longer/{seconds}", wait)
        })
        .before_handle(async || tokio::time::sleep(Duration::from_secs(9)).await)
        .get("/hook/{seconds}", wait)
}

#[test]
fn a_route_takes_as_long_as_it_may() {
    with_set(Slow::default(), async |client| {
        client.get("/limited/4").await.assert_status(200);
        client.get("/limited/6").await.assert_status(503);
        client.get("/longer/40").await.assert_status(200);
        client.get("/longer/60").await.assert_status(503);
        client.get("/free/600").await.assert_status(200);
        client.get("/hook/0").await.assert_status(503);
    });
}
