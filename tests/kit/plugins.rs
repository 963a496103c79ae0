//! Plugins that the tests have in common: a clock, a database over it, a server over that.

use std::time::Duration;

use bootstrap::plugin_fn;
use bootstrap::prelude::*;
use bootstrap::testing::{self, Resource};
use tokio::time::sleep;

pub struct Clock(pub u32);

/// What no test wants to load.
#[plugin(states = [Clock], collect = never)]
pub struct SystemClock {
    time_server: State<TimeServer>,
}

impl Hooks for SystemClock {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> {
        let _ = &self.time_server;
        unreachable!("no test may depend on the time of day")
    }
}

pub struct TimeServer;

#[plugin(states = [TimeServer], collect = never)]
pub struct TimeServerPlugin;

impl Hooks for TimeServerPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<TimeServer> {
        unreachable!("only the real clock needs it")
    }
}

/// The clock of a test.
#[plugin(states = [Clock], replaces = SystemClock)]
pub struct StoppedClock;

impl Hooks for StoppedClock {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> {
        Ok(Clock(8))
    }
}

pub struct Pool(pub Resource);

/// Opens a connection, which takes a while, and closes it.
#[plugin(states = [Pool], collect = never, load_timeout = "5s")]
pub struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        let connection = testing::resource("connection");
        sleep(Duration::from_millis(10)).await;
        Ok(Pool(connection))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().0.close();
        Ok(())
    }
}

/// Has every hook.
#[plugin(name = "http", collect = never)]
pub struct Http {
    pool: State<Pool>,
    #[local]
    listener: Option<Resource>,
}

impl Hooks for Http {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.pool.0.name();
        self.listener = Some(testing::resource("listener"));
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        sleep(Duration::from_millis(1)).await;
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        cx.stopped().await;
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        sleep(Duration::from_millis(5)).await;
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        Ok(())
    }
}

/// A service without mistakes: `database` and `http`, and a `metrics` that nobody needs.
pub fn service() -> App {
    let mut app = App::new().with(Database).with(Http::default());
    app.register(plugin_fn("metrics", async |_| Ok(())));
    app
}
