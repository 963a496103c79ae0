//! The state `Cron`.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use bootstrap::{Current, Result};
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::cron::engine::Engine;
use crate::cron::entry::{Entry, Occurrence, Work};
use crate::cron::error::Place;
use crate::cron::pattern::nearest;
use crate::cron::{CronContext, CronError, Outcome, Schedule, ScheduleInfo};

/// The schedules of an app. Clones are the same.
///
/// Schedules run from the time when the app is ready until it stops.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::cron::{Cron, Schedule};
///
/// #[plugin]
/// struct Cleanup {
///     cron: State<Cron>,
/// }
///
/// impl Hooks for Cleanup {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         let schedule = Schedule::new("cleanup", "*/5 * * * *");
///         self.cron.add(schedule, async |cx| {
///             println!("cleaning at {:?}", cx.scheduled_at());
///             Ok(())
///         })?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Cron(pub(super) Arc<Engine>);

impl Cron {
    /// Adds a schedule, from `load` on or while the app runs. If the store has a claim for its name, what was missed
    /// since then runs as [`Schedule::missed`] has it.
    ///
    /// Errors of the task are reported as those of the plugin whose hook calls this.
    ///
    /// # Errors
    ///
    /// An error if the pattern, the zone or an option is wrong, the pattern never comes, or the name is taken.
    #[track_caller]
    pub fn add<F, Fut>(&self, schedule: Schedule, task: F) -> Result<(), CronError>
    where
        F: Fn(CronContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let place = Place(Location::caller());
        let task = Work::Task(Arc::new(move |cx| task(cx).boxed()));
        self.insert(schedule, task, place)
    }

    pub(super) fn insert(
        &self,
        schedule: Schedule,
        work: Work,
        place: Place,
    ) -> Result<(), CronError> {
        let now = self.0.clock.now();
        let pattern = schedule.check(now)?;
        self.is_open(&schedule.name)?;
        let source = source(&schedule.name);
        let stops = self.0.stops.child();
        let entry = Entry::new(schedule, pattern, work, (place, source), stops, now);
        let name = entry.name().to_owned();
        let inserted = self.0.insert(entry);
        inserted.map_err(|first| {
            let (first, second) = (first.place, place);
            CronError::Twice {
                name,
                first,
                second,
            }
        })
    }

    /// Removes a schedule. Runs that have begun go on to their end.
    ///
    /// # Errors
    ///
    /// An error if no schedule has this name.
    pub fn remove(&self, name: &str) -> Result<(), CronError> {
        let removed = self.0.remove(name);
        removed.map(drop).ok_or_else(|| self.unknown(name))
    }

    /// Pauses a schedule in this instance: until [`resume`](Self::resume), it does not occur. A restart of the
    /// app forgets it.
    ///
    /// # Errors
    ///
    /// An error if no schedule has this name.
    pub fn pause(&self, name: &str) -> Result<(), CronError> {
        self.entry(name).map(|entry| entry.pause())
    }

    /// Continues a schedule that was paused. What would have occurred meanwhile was not missed.
    ///
    /// # Errors
    ///
    /// An error if no schedule has this name.
    pub fn resume(&self, name: &str) -> Result<(), CronError> {
        self.entry(name).map(|entry| self.0.resume(&entry))
    }

    /// Runs a schedule now, also one that is paused, as its [`Overlap`](crate::cron::Overlap) has it. The store is not
    /// asked, and the next occurrence stays.
    ///
    /// # Errors
    ///
    /// An error if no schedule has this name, the app is not ready yet, or it stops.
    pub fn trigger(&self, name: &str) -> Result<Triggered, CronError> {
        let entry = self.entry(name)?;
        self.is_open(name)?;
        if self.0.app().is_none() {
            let help = "trigger it from `on_ready` on, or in a `run` hook";
            return Err(CronError::not_running(
                name,
                "the app is not ready yet",
                help,
            ));
        }
        let (reply, outcome) = oneshot::channel();
        let (at, reply) = (self.0.clock.now(), Some(reply));
        self.0.begin_run(&entry, Occurrence { at, reply });
        Ok(Triggered(outcome))
    }

    /// The schedules, by name.
    pub fn list(&self) -> Vec<ScheduleInfo> {
        let entries = self.0.entries();
        entries.iter().map(|entry| entry.info()).collect()
    }

    /// Returns an error if a schedule is more than a minute late, or the store fails. Once a call of the store has failed, each check makes a
    /// claim of its own, until one succeeds.
    ///
    /// # Errors
    ///
    /// See above.
    ///
    /// # Cancel safety
    ///
    /// The check can be dropped at any time.
    pub async fn check(&self) -> Result<()> {
        self.0.check().await
    }

    /// Stops one schedule, within a limit.
    pub(super) async fn leave(&self, name: &str, limit: Option<Duration>) {
        if let Some(entry) = self.0.entry(name) {
            self.0.drain(&entry.stops, limit).await;
            self.0.remove(name);
        }
    }

    fn is_open(&self, name: &str) -> Result<(), CronError> {
        if self.0.stops.closing.is_cancelled() {
            return Err(CronError::not_running(
                name,
                "the app stops",
                "run it in the next start",
            ));
        }
        Ok(())
    }

    fn entry(&self, name: &str) -> Result<Arc<Entry>, CronError> {
        self.0.entry(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> CronError {
        let entries = self.0.entries();
        let near = nearest(name, entries.iter().map(|entry| entry.name()));
        let help = match near {
            Some(near) => format!("there is a schedule `{near}`: was that meant?"),
            None => "add it with `Cron::add` or `#[cron]`; `Cron::list` has all of them".to_owned(),
        };
        let name = name.to_owned();
        CronError::Unknown { name, help }
    }
}

/// The plugin whose hook runs, and the schedule.
fn source(schedule: &str) -> String {
    let plugin = Current::current().and_then(|app| app.name());
    match plugin.map(|name| name.to_string()) {
        Some(plugin) if plugin == schedule => plugin,
        Some(plugin) => format!("{plugin}/{schedule}"),
        None => format!("cron/{schedule}"),
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.entries();
        let names = names.iter().map(|entry| entry.name());
        f.debug_set().entries(names).finish()
    }
}

/// A run that was triggered. It goes on if this is dropped.
#[derive(Debug)]
pub struct Triggered(oneshot::Receiver<Outcome>);

impl Triggered {
    /// Waits for the end of the run.
    ///
    /// # Cancel safety
    ///
    /// The run goes on when the future is dropped.
    pub async fn outcome(self) -> Outcome {
        self.0.await.unwrap_or(Outcome::Cancelled)
    }
}
