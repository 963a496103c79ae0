//! Errors of requests, and how they are rendered.

use std::sync::{Arc, Mutex};

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{Format, axum};
use serde::Deserialize;
use serde_json::json;

use crate::support::{boot, client, run, with_set};

#[derive(Debug, thiserror::Error)]
#[error("disk full at /var/lib/secret")]
struct DiskFull;

/// Repeats the text of its source, as the errors of sqlx do.
#[derive(Debug, thiserror::Error)]
#[error("not saved: {source}")]
struct Unsaved {
    source: DiskFull,
}

#[derive(Deserialize)]
struct New {
    name: String,
}

#[routes(collect = never)]
fn failing() -> impl RouteSet {
    Routes::new()
        .get("/missing", || {
            Problem::not_found()
                .kind("https://example.com/no-row")
                .title("No such row")
                .detail("no row 7")
                .instance("/rows/7")
                .with("id", 7)
                .with("status", 200)
        })
        .get("/secret", || -> Result<(), Problem> {
            let problem = Problem::unavailable().detail("secret").with("secret", 1);
            Err(problem
                .cause(DiskFull)
                .header(header::RETRY_AFTER, HeaderValue::from_static("7")))
        })
        .get("/any", || -> Result<(), Problem> { Err(DiskFull)? })
        .get("/outer", || -> Result<(), Problem> {
            Err(Unsaved { source: DiskFull })?
        })
        .get("/wrapped", || -> Result<(), Problem> {
            let below = || -> Result<()> { Err(Problem::conflict().into_error()) };
            Ok(below()?)
        })
        .get("/panic", || {
            let is_fine = false;
            assert!(is_fine, "a secret");
        })
        .get("/number/{n}", |Path(n): Path<u8>| n.to_string())
        .post("/json", |Json(new): Json<New>| new.name)
        .get("/plain", || StatusCode::NOT_FOUND)
        .get("/redirect", |_: Login| "inside")
}

struct Login;

impl<S: Sync> axum::extract::FromRequestParts<S> for Login {
    type Rejection = axum::response::Redirect;

    async fn from_request_parts(
        _: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Err(axum::response::Redirect::to("/login"))
    }
}

/// All members are rendered, in one form.
#[test]
fn a_problem_is_rendered_with_its_members() {
    with_set(Failing::default(), async |client| {
        let response = client.get("/missing").await;
        response.assert_status(404);
        response.assert_header("content-type", "application/problem+json");
        response.assert_header("x-content-type-options", "nosniff");
        response.assert_json(json!({
            "type": "https://example.com/no-row",
            "title": "No such row",
            "status": 404,
            "detail": "no row 7",
            "instance": "/rows/7",
            "id": 7,
        }));
    });
}

/// The details of a 5xx stay in the service; its headers are sent.
#[test]
fn nothing_of_a_server_error_is_sent() {
    with_set(Failing::default(), async |client| {
        let response = client.get("/secret").await;
        response
            .assert_status(503)
            .assert_header("retry-after", "7");
        let title = "Service Unavailable";
        response.assert_json(json!({"type": "about:blank", "title": title, "status": 503}));
        let internal = json!({
            "type": "about:blank", "title": "Internal Server Error", "status": 500,
        });
        client
            .get("/any")
            .await
            .assert_status(500)
            .assert_json(&internal);
        client
            .get("/panic")
            .await
            .assert_status(500)
            .assert_json(&internal);
    });
}

/// A test sees why a request failed, which a client does not.
#[test]
#[should_panic(expected = "problem: Internal Server Error: disk full at /var/lib/secret")]
fn a_test_that_expects_another_status_shows_the_cause() {
    with_set(Failing::default(), async |client| {
        client.get("/any").await.assert_status(200);
    });
}

/// R45: a problem that went through `anyhow` is the same problem again.
#[test]
fn a_problem_survives_anyhow() {
    with_set(Failing::default(), async |client| {
        client.get("/wrapped").await.assert_status(409);
    });
}

/// Rejections of axum are problems that do not repeat values; an answer that is no error stays one.
#[test]
fn rejections_of_extractors_are_problems() {
    with_set(Failing::default(), async |client| {
        let response = client.get("/number/300").await;
        response
            .assert_status(400)
            .assert_header("content-type", "application/problem+json");
        let detail = response.json::<serde_json::Value>()["detail"].clone();
        assert_eq!(detail, "`n`: expected a whole number from 0 to 255");
        client
            .post("/json")
            .json(&json!({}))
            .await
            .assert_status(422);
        client.post("/json").body("{}").await.assert_status(415);
        let malformed = client
            .post("/json")
            .header("content-type", "application/json")
            .body("{");
        malformed.await.assert_status(400);
        client
            .get("/redirect")
            .await
            .assert_status(303)
            .assert_header("location", "/login");
    });
}

/// Only a problem is an error: another response with such a status is an answer.
#[test]
fn a_response_that_is_no_problem_is_an_answer() {
    with_set(Failing::default(), async |client| {
        let response = client.get("/plain").await;
        response.assert_status(404).assert_text("");
        assert_eq!(response.header("content-type"), None);
    });
}

/// The form with a message alone.
#[test]
fn problems_are_rendered_as_a_message_if_the_option_says_so() {
    run(async {
        let web = WebPlugin::default().errors(Format::Message);
        let running = App::new()
            .with(Failing::default())
            .with(web)
            .boot()
            .await
            .unwrap();
        let client = client(&running);
        client
            .get("/missing")
            .await
            .assert_json(json!({"message": "no row 7"}));
        client
            .get("/any")
            .await
            .assert_json(json!({"message": "Internal Server Error"}));
        client
            .get("/nowhere")
            .await
            .assert_json(json!({"message": "Not Found"}));
        running.close().await.unwrap();
    });
}

/// R46: the cause can be found again by its type; other properties can be read.
#[test]
fn a_hook_finds_the_cause_of_a_problem() {
    #[routes(collect = never)]
    fn hooked() -> impl RouteSet {
        Routes::new()
            .on_error(|problem: Arc<Problem>| {
                let cause = problem.cause_ref()?.downcast_ref::<DiskFull>()?;
                Some((StatusCode::INSUFFICIENT_STORAGE, cause.to_string()).into_response())
            })
            .get("/", || -> Result<(), Problem> { Err(DiskFull)? })
            .get("/other", Problem::gone)
    }
    with_set(Hooked::default(), async |client| {
        client
            .get("/")
            .await
            .assert_status(507)
            .assert_text("disk full at /var/lib/secret");
        client.get("/other").await.assert_status(410);
    });
}

/// D22: errors of the service that no hook has answered reach the app, with the route.
#[test]
fn errors_of_requests_are_reported_to_the_app() {
    run(async {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let app = App::new().with(Failing::default());
        let app = app.on_error(move |cx| {
            kept.lock().unwrap().push(cx.error().to_string());
            async { Ok(()) }
        });
        let running = boot(app).await;
        let client = client(&running);
        client.get("/any").await.assert_status(500);
        client.get("/missing").await.assert_status(404);
        client.get("/panic").await.assert_status(500);
        client.get("/outer").await.assert_status(500);
        running.close().await.unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3, "{seen:#?}");
        assert!(seen[0].contains("GET /any of `failing`"), "{seen:#?}");
        assert!(seen[0].contains("disk full"), "{seen:#?}");
        assert!(
            seen[1].contains("the handler panicked: a secret"),
            "{seen:#?}"
        );
        let once = ": Internal Server Error: not saved: disk full at /var/lib/secret";
        assert!(seen[2].ends_with(once), "{seen:#?}");
    });
}

#[test]
fn a_value_that_is_not_there_is_a_404_with_the_sentence() {
    assert_eq!(Some(7).or_not_found("no such row").unwrap(), 7);
    let problem = None::<u32>.or_not_found("no such row").unwrap_err();
    let expected = json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such row"});
    assert_eq!(problem.to_json(), expected);
    let id = 7;
    let problem = None::<u32>
        .or_not_found(format!("no row {id}"))
        .unwrap_err();
    assert_eq!(problem.detail_ref(), Some("no row 7"));
}

/// D47: a constructor for each of the common kinds.
#[test]
fn every_kind_has_its_status_and_title() {
    let kinds = [
        (Problem::bad_request(), 400, "Bad Request"),
        (Problem::unauthorized(), 401, "Unauthorized"),
        (Problem::payment_required(), 402, "Payment Required"),
        (Problem::forbidden(), 403, "Forbidden"),
        (Problem::not_found(), 404, "Not Found"),
        (Problem::method_not_allowed(), 405, "Method Not Allowed"),
        (Problem::conflict(), 409, "Conflict"),
        (Problem::gone(), 410, "Gone"),
        (Problem::payload_too_large(), 413, "Payload Too Large"),
        (
            Problem::unsupported_media_type(),
            415,
            "Unsupported Media Type",
        ),
        (Problem::unprocessable(), 422, "Unprocessable Entity"),
        (Problem::too_many_requests(), 429, "Too Many Requests"),
        (Problem::internal(), 500, "Internal Server Error"),
        (Problem::not_implemented(), 501, "Not Implemented"),
        (Problem::bad_gateway(), 502, "Bad Gateway"),
        (Problem::unavailable(), 503, "Service Unavailable"),
        (Problem::gateway_timeout(), 504, "Gateway Timeout"),
    ];
    for (problem, status, title) in kinds {
        assert_eq!(problem.status().as_u16(), status);
        assert_eq!(problem.to_json()["title"], title);
    }
    assert_eq!(
        Problem::new(StatusCode::OK).status(),
        500,
        "200 is no error"
    );
}
