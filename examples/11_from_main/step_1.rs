//! Step 1: one plugin around everything.

use std::sync::Arc;

use bootstrap::prelude::*;

use parts::{Config, Database, Queue, Server, poll};

#[path = "parts.rs"]
mod parts;

#[plugin]
struct Everything;

impl Hooks for Everything {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let config = Config::read()?;
        let database = Arc::new(Database::connect(&config.database).await?);
        let closing = Arc::clone(&database);
        cx.on_close(async move |_| {
            closing.close().await;
            Ok(())
        });

        let queue = Arc::new(Queue::connect(&config.queue).await?);
        let closing = Arc::clone(&queue);
        cx.on_close(async move |_| {
            closing.close().await;
            Ok(())
        });

        let server = Server::bind(config.port).await?;
        let for_server = Arc::clone(&database);
        cx.spawn("server", async move |cx| {
            server.serve(&for_server, &cx.stop_token()).await
        });
        cx.spawn("poller", async move |cx| {
            poll(&queue, &database, &cx.stop_token()).await
        });
        Ok(())
    }
}

/// `main` calls `App::collect().run().await`; this program boots the steps one after the other.
pub(super) fn app() -> App {
    App::new().with(Everything)
}
