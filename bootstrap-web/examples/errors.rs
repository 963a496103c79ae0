//! Errors: handlers return problems, and a hook sees all of them.
//!
//! `cargo run -p bootstrap-web --example errors --all-features`, and then `curl localhost:3000/items/x`.

use std::sync::Arc;

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

async fn item(Path(id): Path<String>) -> Result<String, Problem> {
    // An error of the client, with words for it.
    let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Problem::bad_request().detail("`id` must be numeric"));
    }
    // Any other error is a 500. Its text is logged, and not sent.
    let id: u8 = id.parse()?;
    Ok(format!("item {id}"))
}

/// The first hook that returns a response has answered; `None` passes the problem on.
async fn out_of_service(problem: Arc<Problem>) -> Option<Response> {
    let cause = problem.cause_ref()?;
    let error = cause.downcast_ref::<std::num::ParseIntError>()?;
    println!("an item does not fit: {error}");
    Some((StatusCode::NOT_FOUND, "there is no such item").into_response())
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new()
        .on_error(out_of_service)
        .get("/items/{id}", item)
        .get("/broken", || {
            Err::<(), _>(Problem::internal().detail("is not sent"))
        })
}

#[tokio::main]
async fn main() -> bootstrap::Exit {
    let _log = bootstrap::log_to_stderr("info");
    App::collect().run().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn problems_are_rendered_or_answered_by_a_hook() -> Result<()> {
        let app = App::only(Api::default()).with(WebPlugin::default());
        let running = app.boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        client.get("/items/7").await.assert_text("item 7");
        let response = client.get("/items/x").await;
        response
            .assert_status(400)
            .assert_header("content-type", "application/problem+json");
        assert_eq!(
            response.json::<serde_json::Value>()["detail"],
            "`id` must be numeric"
        );
        let response = client.get("/items/300").await;
        response
            .assert_status(404)
            .assert_text("there is no such item");
        let response = client.get("/broken").await;
        response.assert_status(500);
        assert!(!response.text().contains("is not sent"));
        running.close().await?;
        Ok(())
    }
}
