//! Step 3: the others.

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

#[plugin(states = [Queue], retry = 3)]
struct QueuePlugin {
    settings: State<Settings>,
}

impl Hooks for QueuePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Queue> {
        Queue::connect(&self.settings.0.queue).await
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().close().await;
        Ok(())
    }
}

#[plugin]
struct Poller {
    queue: State<Queue>,
    database: State<Database>,
}

impl Hooks for Poller {
    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        poll(&self.queue, &self.database, &cx.stop_token()).await
    }
}

#[plugin(name = "http")]
struct Http {
    settings: State<Settings>,
    database: State<Database>,
    #[local]
    server: Option<Server>,
}

impl Hooks for Http {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.server = Some(Server::bind(self.settings.0.port).await?);
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let Some(server) = &self.server else {
            return Ok(());
        };
        server.serve(&self.database, &cx.stop_token()).await
    }
}

pub(super) fn app() -> Result<App> {
    let settings = Settings(Config::read()?);
    let app = App::new().supply(settings);
    let app = app
        .with(DatabasePlugin::default())
        .with(QueuePlugin::default());
    Ok(app.with(Poller::default()).with(Http::default()))
}
