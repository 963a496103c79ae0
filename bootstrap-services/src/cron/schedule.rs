//! What is to run, and when.

use std::time::{Duration, SystemTime};

use crate::cron::CronError;
use crate::cron::pattern::{Pattern, zone};

/// The most missed occurrences that [`Missed::All`] can ask for.
pub(super) const MOST_MISSED: u32 = 1000;

/// What happens to an occurrence whose predecessor still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overlap {
    /// It is skipped, and counted.
    #[default]
    Skip,
    /// It waits, and runs once its predecessors have ended. At most 100 occurrences of a schedule wait; more are skipped.
    Queue,
    /// It runs at the same time.
    Allow,
}

/// What happens to occurrences that are more than a minute late: no instance ran, the machine slept, or the store was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// They are counted, and nothing runs.
    Skip,
    /// The last one runs, for all of them.
    #[default]
    Once,
    /// The last of them run, one after the other as [`Overlap`] has it: at most this many, and at most 1000.
    All(u32),
}

/// A name, a pattern, and how it runs.
///
/// The pattern has five fields (minute, hour, day of the month, month, day of the week), or six with the second
/// before them. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` stand for patterns. A pattern that restricts
/// both kinds of day matches a day that either matches, as POSIX says.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap_services::cron::{Missed, Overlap, Schedule};
///
/// let nightly = Schedule::new("nightly", "0 3 * * *")
///     .zone("Europe/Berlin")
///     .overlap(Overlap::Queue)
///     .missed(Missed::All(7))
///     .timeout(Duration::from_secs(600));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a schedule runs once it is added: `cron.add(schedule, task)`"]
pub struct Schedule {
    pub(super) name: String,
    pub(super) pattern: String,
    pub(super) zone: String,
    pub(super) overlap: Overlap,
    pub(super) missed: Missed,
    pub(super) timeout: Option<Duration>,
}

impl Schedule {
    /// A schedule in the zone `UTC` that skips overlaps, runs once for what was missed, and has no time limit.
    ///
    /// The name identifies the schedule in the store, which all instances share: it stays the same when the program
    /// changes.
    pub fn new(name: impl Into<String>, pattern: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            pattern: pattern.into(),
            zone: "UTC".to_owned(),
            overlap: Overlap::default(),
            missed: Missed::default(),
            timeout: None,
        }
    }

    /// The time zone of the pattern: a name of the IANA database, such as `Europe/Berlin`.
    ///
    /// A time that a zone skips when clocks go ahead runs at the end of the gap. A time that occurs twice when they go
    /// back runs once, at the first; a pattern for every hour or every minute runs in both.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// What happens to an occurrence whose predecessor still runs, in this instance of the app.
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// What happens to occurrences that were missed.
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// The longest time that a run may take. Its future is dropped then, and the run has failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The pattern, if everything is right, and its first occurrence after `now`.
    pub(super) fn check(&self, now: SystemTime) -> Result<(Pattern, SystemTime), CronError> {
        let Self { name, pattern, .. } = self;
        self.check_options()?;
        let zone = zone(&self.zone).map_err(|wrong| CronError::zone(name, wrong))?;
        let wrong = |wrong| CronError::pattern(name, wrong);
        let parsed = Pattern::new(pattern, zone).map_err(wrong)?;
        let first = parsed.first(pattern, now).map_err(wrong)?;
        Ok((parsed, first))
    }

    fn check_options(&self) -> Result<(), CronError> {
        let Self { name, .. } = self;
        if name.is_empty() || name.len() > 200 || name.contains(char::is_control) {
            let wrong = "its name is empty, longer than 200 bytes, or contains a control character";
            return Err(CronError::option(name, wrong, "name it with a word or two"));
        }
        if matches!(self.missed, Missed::All(most) if most == 0 || most > MOST_MISSED) {
            let wrong = "the number of `Missed::All` is not between 1 and 1000";
            return Err(CronError::option(
                name,
                wrong,
                "write `Missed::Skip` for none",
            ));
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(CronError::option(
                name,
                "its timeout is zero",
                "leave the timeout out for no limit",
            ));
        }
        Ok(())
    }
}
