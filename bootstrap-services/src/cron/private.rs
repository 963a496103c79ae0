//! What the attribute `#[cron]` calls.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
pub use bootstrap;
use bootstrap::{LoadContext, Port, Result};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::cron::entry::Work;
use crate::cron::error::Place;
use crate::cron::keys;
use crate::cron::{Cron, CronContext, CronTask, Schedule};

/// The port at which a plugin `P` finds itself, for the runs that outlast a borrow.
// The words of `CronTask`: the expansion of `#[cron]` asks for this trait first.
#[diagnostic::on_unimplemented(
    message = "the plugin `{P}` has no cron task",
    label = "`impl CronTask for {P}` is missing",
    note = "help: write `impl CronTask for {P}` with `async fn run(&self, cx: &CronContext) -> Result<()>`"
)]
pub trait Task<P>: Send + Sync + 'static {
    #[doc(hidden)]
    fn run(self: Arc<Self>, cx: CronContext) -> BoxFuture<'static, Result<()>>;
}

impl<P: CronTask> Task<P> for P {
    fn run(self: Arc<Self>, cx: CronContext) -> BoxFuture<'static, Result<()>> {
        async move { CronTask::run(&*self, &cx).await }.boxed()
    }
}

/// A handle to a plugin itself.
pub type PortOf<P> = Port<dyn Task<P>>;

/// Checks the schedule in `load`: only the configuration can have changed it.
///
/// # Errors
///
/// An error of the configuration.
pub fn check(cron: &Cron, schedule: &Schedule, cx: &LoadContext, key: &str) -> Result<()> {
    keys::of_task(&schedule.name, cx)?;
    cron.0.names().insert(schedule.name.clone());
    let checked = schedule.check(cron.0.clock.now());
    checked.map(drop).map_err(|error| {
        let (wrong, help) = error.parts();
        cx.config_error(key, wrong, help).into()
    })
}

/// Adds the schedule of a plugin.
///
/// # Errors
///
/// An error if there is another one with its name.
#[track_caller]
pub fn enter<P: 'static>(cron: &Cron, schedule: Schedule, plugin: &PortOf<P>) -> Result<()> {
    let place = Place(Location::caller());
    let plugin = Port::to_arc(plugin).context("the plugin is not bound")?;
    let task = Work::Task(Arc::new(move |cx| Arc::clone(&plugin).run(cx)));
    Ok(cron.insert(schedule, task, place)?)
}

/// Stops the schedule of a plugin.
pub async fn leave(cron: &Cron, name: &str, limit: Option<Duration>) {
    cron.leave(name, limit).await;
}
