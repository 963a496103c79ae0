//! What is known about a schedule.

use std::time::SystemTime;

use crate::cron::error::Place;

/// A schedule, as [`Cron::list`](crate::cron::Cron::list) shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScheduleInfo {
    /// Its name.
    pub name: String,
    /// Its pattern, as it is in force.
    pub pattern: String,
    /// Its time zone.
    pub zone: String,
    /// Where it was defined.
    pub defined_at: Place,
    /// When it occurs next; `None` if it is paused.
    pub next: Option<SystemTime>,
    /// The latest occurrence whose run has ended in this instance.
    pub last: Option<SystemTime>,
    /// How the run that ended last has ended.
    pub outcome: Option<Outcome>,
    /// Whether it is paused.
    pub is_paused: bool,
    /// How many runs have not ended.
    pub running: usize,
    /// How many occurrences wait for a run to end.
    pub waiting: usize,
    /// What this instance has counted since the schedule was added.
    pub counts: Counts,
}

/// What happened to the occurrences of a schedule in this instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Runs that began.
    pub fired: u64,
    /// Occurrences that did not run because a predecessor still ran.
    pub skipped: u64,
    /// Occurrences that another instance claimed.
    pub elsewhere: u64,
    /// Occurrences that no instance ran: they were too late, or the store was down. More than a thousand at once may
    /// be counted as fewer.
    pub missed: u64,
    /// Runs that did not succeed.
    pub failed: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned `Ok`.
    Succeeded,
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// Its timeout passed.
    TimedOut,
    /// The app stopped before it had ended.
    Cancelled,
    /// It did not begin, because a predecessor still ran.
    Skipped,
}
