//! What can go wrong with a schedule.

use std::fmt;
use std::panic::Location;

use thiserror::Error;

use crate::cron::pattern::Wrong;

/// What is wrong with a schedule, or with its name. The last line of the message is what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CronError {
    /// The pattern can't be read, or none of its days is in the calendar.
    #[error("the schedule `{name}`: {wrong}\nhelp: {help}")]
    #[non_exhaustive]
    Pattern {
        /// The schedule.
        name: String,
        /// What is wrong.
        wrong: String,
        /// What to do.
        help: String,
    },
    /// There is no such time zone.
    #[error("the schedule `{name}`: {wrong}\nhelp: {help}")]
    #[non_exhaustive]
    Zone {
        /// The schedule.
        name: String,
        /// What is wrong.
        wrong: String,
        /// What to do.
        help: String,
    },
    /// An option of the schedule is outside of its limits.
    #[error("the schedule `{name}`: {wrong}\nhelp: {help}")]
    #[non_exhaustive]
    Option {
        /// The schedule.
        name: String,
        /// What is wrong.
        wrong: String,
        /// What to do.
        help: String,
    },
    /// There is a schedule with this name already.
    #[error(
        "there are two schedules called `{name}`: one at {first}, one at {second}\nhelp: rename one of them"
    )]
    #[non_exhaustive]
    Twice {
        /// The name.
        name: String,
        /// Where the first one is.
        first: Place,
        /// Where the second one is.
        second: Place,
    },
    /// No schedule has this name.
    #[error("there is no schedule called `{name}`\nhelp: {help}")]
    #[non_exhaustive]
    Unknown {
        /// The name.
        name: String,
        /// Near names.
        help: String,
    },
    /// The app has not started, or it stops.
    #[error("cron does not run the schedule `{name}` now: {wrong}\nhelp: {help}")]
    #[non_exhaustive]
    NotRunning {
        /// The schedule.
        name: String,
        /// Why not.
        wrong: String,
        /// What to do.
        help: String,
    },
}

impl CronError {
    pub(super) fn pattern(name: &str, Wrong { what: wrong, help }: Wrong) -> Self {
        let name = name.to_owned();
        Self::Pattern { name, wrong, help }
    }

    pub(super) fn zone(name: &str, Wrong { what: wrong, help }: Wrong) -> Self {
        let name = name.to_owned();
        Self::Zone { name, wrong, help }
    }

    pub(super) fn option(name: &str, wrong: &str, help: &str) -> Self {
        let (name, wrong, help) = (name.to_owned(), wrong.to_owned(), help.to_owned());
        Self::Option { name, wrong, help }
    }

    pub(super) fn not_running(name: &str, wrong: &str, help: &str) -> Self {
        let (name, wrong, help) = (name.to_owned(), wrong.to_owned(), help.to_owned());
        Self::NotRunning { name, wrong, help }
    }

    /// What is wrong and what to do, for an error of the configuration.
    pub(super) fn parts(&self) -> (String, String) {
        let text = self.to_string();
        match text.split_once("\nhelp: ") {
            Some((wrong, help)) => (wrong.to_owned(), help.to_owned()),
            None => (text, "correct it".to_owned()),
        }
    }
}

/// Where a schedule was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub(super) &'static Location<'static>);

impl Place {
    /// The file.
    pub fn file(self) -> &'static str {
        self.0.file()
    }

    /// The line, from 1.
    pub fn line(self) -> u32 {
        self.0.line()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.line())
    }
}
