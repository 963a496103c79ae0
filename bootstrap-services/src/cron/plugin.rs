//! The plugin `cron`.

use std::sync::Arc;

use anyhow::Context as _;
use bootstrap::Current;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::cron::engine::Engine;
use crate::cron::{Cron, CronStore};
use crate::cron::{keys, metrics};
use crate::draining::draining;

/// Provides [`Cron`]. It joins a collected app in which a plugin requires it, as each with `#[cron]` does.
///
/// Schedules run once the app is ready. When it stops, nothing more is claimed, and what runs may go on
/// for three quarters of the limit of the hook, 10 seconds unless it is set. Then [`CronContext::cancelled`] is ready,
/// and what still runs is reported, and dropped before the limit ends.
///
/// [`CronContext::cancelled`]: crate::cron::CronContext::cancelled
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::cron::{Cron, CronPlugin, MemoryCronStore, Outcome, Schedule};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(MemoryCronStore::default()).with(CronPlugin::default());
/// let running = app.boot().await?;
/// let cron = running.try_get::<State<Cron>>()?;
/// cron.add(Schedule::new("hourly", "@hourly"), async |_| Ok(()))?;
/// assert_eq!(cron.trigger("hourly")?.outcome().await, Outcome::Succeeded);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "cron",
    states = [Cron],
    ports = [self as dyn HealthCheck],
    collect = needed
)]
#[derive(Debug)]
pub struct CronPlugin {
    clock: State<Clock>,
    store: Port<dyn CronStore>,
    #[local]
    cron: Option<Cron>,
}

impl Hooks for CronPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Cron> {
        let store = Port::to_arc(&self.store).context("its store is not bound")?;
        let cron = Cron(Arc::new(Engine::new(Clock::clone(&self.clock), store)));
        self.cron = Some(cron.clone());
        Ok(cron)
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        keys::of_cron(&cx.states().0, cx)?;
        metrics::describe();
        cx.states().0.start(Current::try_current()?);
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let engine = Arc::clone(&cx.states().0);
        let (clock, app) = (engine.clock.clone(), cx.handle());
        tokio::select! {
            () = clock.work(engine.run()) => {}
            // Before the plugin's own turn to drain: others may take long.
            () = draining(&app) => engine.stops.closing.cancel(),
            () = cx.stopped() => {}
        }
        Ok(())
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        let engine = &cx.states().0;
        engine.drain(&engine.stops, cx.remaining()).await;
        Ok(())
    }
}

#[async_trait]
impl HealthCheck for CronPlugin {
    async fn check(&self) -> Result<()> {
        match &self.cron {
            Some(cron) => cron.check().await,
            None => Ok(()),
        }
    }
}
