//! Bodies of every kind, as axum reads and writes them.

use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::Multipart;
use bootstrap_web::axum;
use bootstrap_web::prelude::*;
use futures_util::stream;
use serde_json::{Value, json};

use crate::support::with_set;

async fn upload(mut parts: Multipart) -> Result<String, Problem> {
    let mut seen = Vec::new();
    while let Some(part) = parts.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        seen.push(format!("{name}={}", part.bytes().await?.len()));
    }
    Ok(seen.join(","))
}

async fn form(Form(pairs): Form<Vec<(String, String)>>) -> Json<Value> {
    Json(json!(pairs))
}

async fn counted() -> Body {
    let numbers = stream::unfold(0, async |number| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        (number < 3).then(|| (Ok::<_, std::io::Error>(format!("{number};")), number + 1))
    });
    Body::from_stream(numbers)
}

async fn length(body: Body) -> Result<String, Problem> {
    let bytes = to_bytes(body, usize::MAX).await?;
    Ok(bytes.len().to_string())
}

#[routes(collect = never)]
fn kinds() -> impl RouteSet {
    Routes::new()
        .post("/json", |Json(value): Json<Value>| Json(json!([value])))
        .post("/form", form)
        .post("/raw", |bytes: Bytes| bytes)
        .post("/upload", upload)
        .group(|group| group.body_limit(4).post("/length", length))
        .get("/html", || Html("<p>hello</p>"))
        .timeout(Duration::from_secs(2))
        .get("/stream", counted)
}

/// D54: typed, form, multipart, HTML, raw and streamed bodies.
#[test]
fn every_kind_of_body_is_read_and_written() {
    with_set(Kinds::default(), async |client| {
        client.post("/json").json(&1).await.assert_json([1]);
        client
            .post("/form")
            .form([("a", "1"), ("b", "x y")])
            .await
            .assert_json([["a", "1"], ["b", "x y"]]);
        client.post("/raw").body("raw").await.assert_text("raw");
        let html = client.get("/html").await;
        html.assert_text("<p>hello</p>")
            .assert_header("content-type", "text/html; charset=utf-8");
        let parts = "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n123\r\n--x--\r\n";
        let upload = client
            .post("/upload")
            .header("content-type", "multipart/form-data; boundary=x");
        upload.body(parts).await.assert_text("a=3");
        // The limit of a route is for the time until there is a response.
        client.get("/stream").await.assert_text("0;1;2;");
    });
}

#[test]
fn a_body_that_a_handler_can_not_read_to_its_end_is_the_fault_of_the_client() {
    with_set(Kinds::default(), async |client| {
        client.post("/length").body("four").await.assert_text("4");
        client
            .post("/length")
            .body("five!")
            .await
            .assert_status(413);
        let broken = stream::iter([Ok("a"), Err(std::io::Error::other("broken off"))]);
        let answer = client.post("/length").body(Body::from_stream(broken)).await;
        answer.assert_status(400);
        assert_eq!(
            answer.json::<Value>()["detail"],
            "the body of the request can't be read"
        );
    });
}
