//! Step 2: the first component.

use std::sync::Arc;

use bootstrap::prelude::*;

use parts::{Config, Database, Queue, Server, poll};

#[path = "parts.rs"]
mod parts;

#[supplied]
struct Settings(Config);

#[plugin(states = [Database])]
struct DatabasePlugin {
    settings: State<Settings>,
}

impl Hooks for DatabasePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Database> {
        Database::connect(&self.settings.0.database).await
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().close().await;
        Ok(())
    }
}

#[plugin]
struct Rest {
    settings: State<Settings>,
    database: State<Database>,
}

impl Hooks for Rest {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let config = self.settings.0.clone();
        let database = self.database.clone();
        let queue = Arc::new(Queue::connect(&config.queue).await?);
        let closing = Arc::clone(&queue);
        cx.on_close(async move |_| {
            closing.close().await;
            Ok(())
        });
        let server = Server::bind(config.port).await?;
        let for_server = database.clone();
        cx.spawn("server", async move |cx| {
            server.serve(&for_server, &cx.stop_token()).await
        });
        cx.spawn("poller", async move |cx| {
            poll(&queue, &database, &cx.stop_token()).await
        });
        Ok(())
    }
}

pub(super) fn app() -> Result<App> {
    let settings = Settings(Config::read()?);
    let app = App::new().supply(settings);
    Ok(app.with(DatabasePlugin::default()).with(Rest::default()))
}
