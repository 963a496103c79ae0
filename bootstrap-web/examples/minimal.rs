//! The smallest service: one route.
//!
//! `cargo run -p bootstrap-web --example minimal --all-features`, and then `curl localhost:3000`.

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", || "Hello, World!")
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
    async fn says_hello() -> Result<()> {
        let app = App::only(Api::default()).with(WebPlugin::default());
        let running = app.boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        client
            .get("/")
            .await
            .assert_status(200)
            .assert_text("Hello, World!");
        client.get("/nowhere").await.assert_status(404);
        running.close().await?;
        Ok(())
    }
}
