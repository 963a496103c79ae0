//! Parameters in paths: as arguments, or read from the request.
//!
//! `cargo run -p bootstrap-web --example path_parameters --all-features`, and then `curl localhost:3000/users/7`.

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

async fn user(Path(id): Path<u32>) -> String {
    format!("user {id}")
}

async fn order(Path((user, order)): Path<(u32, String)>) -> String {
    format!("order {order} of user {user}")
}

/// Without arguments: for code that is far away from the handler.
async fn file() -> Result<String, Problem> {
    let request = RequestContext::current()?;
    Ok(format!("file {}", request.param("path")?))
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/users/{id}", user)
        .get("/users/{user}/orders/{order}", order)
        .get("/files/{*path}", file)
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
    async fn parameters_are_decoded() -> Result<()> {
        let app = App::only(Api::default()).with(WebPlugin::default());
        let running = app.boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        client.get("/users/7").await.assert_text("user 7");
        client.get("/users/seven").await.assert_status(400);
        let order = client.get("/users/7/orders/a%20b").await;
        order.assert_text("order a b of user 7");
        client
            .get("/files/a/b.txt")
            .await
            .assert_text("file a/b.txt");
        client.get("/files/").await.assert_status(404);
        running.close().await?;
        Ok(())
    }
}
