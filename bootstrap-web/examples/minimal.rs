//! The smallest service: one route.
//!
//! `cargo run -p bootstrap-web --example minimal --all-features`, and then `curl localhost:3000`.

use bootstrap::prelude::*;
use bootstrap_web::axum;
use bootstrap_web::prelude::*;
use tokio::net::TcpListener;

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", || "Hello, World!")
}

/// Serves the routes until the app stops, and then ends what has begun.
#[plugin]
struct Server {
    web: State<Web>,
}

impl Hooks for Server {
    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:3000").await?;
        println!("listening on http://{}", listener.local_addr()?);
        let stopped = cx.stop_token().cancelled_owned();
        let server = axum::serve(listener, Web::clone(&self.web));
        Ok(server.with_graceful_shutdown(stopped).await?)
    }
}

#[tokio::main]
async fn main() -> bootstrap::Exit {
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
