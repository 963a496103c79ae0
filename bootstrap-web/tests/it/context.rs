//! The request, for code that is far away from the arguments.

use std::sync::Arc;

use bootstrap::RequestScope;
use bootstrap_web::axum::extract::FromRequestParts;
use bootstrap_web::axum::http::request::Parts;
use bootstrap_web::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::support::with_set;

#[derive(Deserialize)]
struct New {
    name: String,
}

async fn seen() -> Result<String, Problem> {
    let request = RequestContext::current()?;
    let params: Vec<_> = request
        .params()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(format!(
        "{} {} {:?} {:?} [{}]",
        request.method(),
        request.uri(),
        request.query("a"),
        request.header("x-a"),
        params.join(","),
    ))
}

#[routes(collect = never)]
fn contexts() -> impl RouteSet {
    Routes::new()
        .get("/seen/{id}", seen)
        .get(
            "/typed/{id}",
            async |Path(_): Path<String>, headers: HeaderMap| {
                drop(headers);
                seen().await
            },
        )
        .post(
            "/body/{id}",
            async |_: Path<String>, Json(new): Json<New>| {
                Ok::<_, Problem>(format!("{} {}", new.name, seen().await?))
            },
        )
        .post("/json", async || {
            let request = RequestContext::current()?;
            let new: New = request.json().await?;
            // It can be read again, as what it is.
            let bytes = RequestContext::current()?.body().await?;
            Ok::<_, Problem>(format!("{} {}", new.name, bytes.len()))
        })
        .post("/taken", async |Json(_): Json<New>| {
            RequestContext::current()?.body().await.map(drop)
        })
        .group(|group| {
            let group = group.before_handle(async || {
                let bytes = RequestContext::current()?.body().await?;
                Ok::<_, Problem>(Give(bytes.len()))
            });
            group.post("/hook", |length: Given<usize>, Json(new): Json<New>| {
                format!("{} {}", new.name, *length)
            })
        })
        .get("/task/{id}", async || {
            let scope = RequestScope::current().ok_or_else(Problem::internal)?;
            scope.spawn(seen()).await?
        })
        .get("/param", async || {
            RequestContext::current()?.param("id").map(str::to_owned)
        })
}

const SEEN: &str = r#"GET /seen/a%20b?a=1&a=2 Some("2") Some("x") [id=a b]"#;

/// R28, R29, R30, R31, R35, R40, R42: a handler without arguments sees the whole request.
#[test]
fn the_request_is_read_from_its_surroundings() {
    with_set(Contexts::default(), async |client| {
        client
            .get("/seen/a%20b?a=1&a=2")
            .header("X-A", "x")
            .await
            .assert_text(SEEN);
        client
            .get("/typed/7")
            .await
            .assert_text("GET /typed/7 None None [id=7]");
    });
}

/// Also if an argument has taken the body, and with it the head.
#[test]
fn the_head_can_be_read_after_the_body_was_taken() {
    with_set(Contexts::default(), async |client| {
        let response = client.post("/body/7").json(&json!({"name": "ada"})).await;
        response.assert_text("ada POST /body/7 None None [id=7]");
    });
}

/// R32, R33: JSON of a request that says that it is JSON.
#[test]
fn the_body_is_read_as_json_if_it_says_so() {
    with_set(Contexts::default(), async |client| {
        client
            .post("/json")
            .json(&json!({"name": "ada"}))
            .await
            .assert_text("ada 14");
        client
            .post("/json")
            .body(r#"{"name": "ada"}"#)
            .await
            .assert_status(415);
        client
            .post("/json")
            .form([("name", "ada")])
            .await
            .assert_status(415);
        let json = |body: &str| {
            let request = client
                .post("/json")
                .header("content-type", "application/json");
            request.body(body.to_owned())
        };
        json("{").await.assert_status(400);
        json("{}").await.assert_status(422);
        client
            .post("/taken")
            .json(&json!({"name": "ada"}))
            .await
            .assert_status(500);
    });
}

/// What a hook has read, the handler's last argument reads again.
#[test]
fn a_body_that_a_hook_has_read_is_there_for_the_handler() {
    with_set(Contexts::default(), async |client| {
        let response = client.post("/hook").json(&json!({"name": "ada"})).await;
        response.assert_text("ada 14");
    });
}

/// R25: it follows what is awaited, and a task that is spawned in the scope.
#[test]
fn a_task_in_the_scope_sees_the_request() {
    with_set(Contexts::default(), async |client| {
        client
            .get("/task/7")
            .await
            .assert_text("GET /task/7 None None [id=7]");
    });
}

#[test]
fn a_parameter_that_the_path_does_not_have_is_an_error_of_the_service() {
    with_set(Contexts::default(), async |client| {
        client.get("/param").await.assert_status(500);
    });
}

#[test]
fn there_is_no_request_outside() {
    assert_eq!(RequestContext::current().unwrap_err().status(), 500);
}

/// An extractor that panics.
struct Panics;

impl<S: Sync> FromRequestParts<S> for Panics {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        panic!("an extractor of the test panics");
    }
}

async fn path_of_problem(_: Arc<Problem>) -> Option<Response> {
    let request = RequestContext::current();
    request
        .ok()
        .map(|it| it.uri().path().to_owned().into_response())
}

#[routes(collect = never)]
fn panicking() -> impl RouteSet {
    Routes::new()
        .on_error(path_of_problem)
        .get("/handler/{id}", async |_: Path<u32>, _: Panics| "made")
        .before_handle(async |_: HeaderMap, _: Panics| {})
        .get("/hook", async || "made")
}

#[test]
fn a_request_can_be_read_after_an_extractor_has_panicked() {
    with_set(Panicking::default(), async |client| {
        for path in ["/handler/7", "/hook"] {
            assert_eq!(client.get(path).await.text(), path);
        }
    });
}
