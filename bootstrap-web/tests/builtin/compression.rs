use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{Compression, axum};
use futures_util::stream;

use crate::support::with_client;

#[routes(collect = never)]
fn api() -> impl RouteSet {
    let long = || "all work and no play ".repeat(1000);
    Routes::new()
        .get("/long", move || async move { long() })
        .get("/short", || async { "short" })
        .get("/encoded", move || async move {
            ([(header::CONTENT_ENCODING, "identity")], long())
        })
        .get("/image", move || async move {
            ([(header::CONTENT_TYPE, "image/png")], long())
        })
        .get("/stream", move || async move {
            let parts = (0..10).map(move |_| Ok::<_, std::io::Error>(long()));
            Body::from_stream(stream::iter(parts))
        })
        .get("/events", || async {
            let events = stream::iter([Ok::<_, std::io::Error>(
                axum::response::sse::Event::default().data("a".repeat(2000)),
            )]);
            axum::response::Sse::new(events)
        })
}

fn app() -> App {
    App::new().with(Api::default()).with(Compression::default())
}

#[test]
fn a_long_body_is_compressed_for_a_client_that_accepts_it() {
    with_client(app(), async |client| {
        let plain = client.get("/long").await;
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.bytes().len(), 21_000);
        let response = client
            .get("/long")
            .header("accept-encoding", "br, gzip;q=0.5")
            .await;
        response
            .assert_header("content-encoding", "gzip")
            .assert_header("vary", "accept-encoding");
        assert!(response.bytes().len() < 1000);
        assert_eq!(response.bytes()[..2], [0x1f, 0x8b]);
    });
}

#[test]
fn streams_short_bodies_images_and_what_is_encoded_are_not_compressed() {
    with_client(app(), async |client| {
        for path in ["/stream", "/events", "/short", "/image"] {
            let response = client.get(path).header("accept-encoding", "gzip").await;
            assert_eq!(
                response.assert_status(200).header("content-encoding"),
                None,
                "{path}"
            );
        }
        let response = client
            .get("/encoded")
            .header("accept-encoding", "gzip")
            .await;
        response.assert_header("content-encoding", "identity");
    });
}

#[test]
fn a_key_disables_it() {
    let configuration = Configuration::new().set("compression.enabled", false);
    with_client(app().configure(configuration), async |client| {
        let response = client.get("/long").header("accept-encoding", "gzip").await;
        assert_eq!(response.header("content-encoding"), None);
    });
}
