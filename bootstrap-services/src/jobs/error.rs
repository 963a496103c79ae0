//! What can go wrong with jobs.

use std::fmt;
use std::time::Duration;

/// An error of [`Jobs`](crate::jobs::Jobs).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A payload or a result can't be written as JSON.
    #[error("a {what} of the job `{name}` can't be written as JSON: correct its `Serialize`")]
    Unserializable {
        /// The name of the job.
        name: String,
        /// `payload` or `result`.
        what: &'static str,
        /// The error of `serde_json`.
        source: serde_json::Error,
    },
    /// A stored result is not of the type that was asked for.
    #[error(
        "the result of the job `{id}` is not of this type: read it as the type that the handler set"
    )]
    Unreadable {
        /// The id of the job.
        id: String,
        /// The error of `serde_json`.
        source: serde_json::Error,
    },
    /// A payload or a result is larger than 1 MiB.
    #[error(
        "a {what} of the job `{name}` has {bytes} bytes: keep at most 1 MiB in it, and large data elsewhere"
    )]
    TooLarge {
        /// The name of the job.
        name: String,
        /// `payload` or `result`.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A unique key is empty or too long.
    #[error("a unique key of the job `{name}` has {bytes} bytes: use 1 to 500")]
    InvalidKey {
        /// The name of the job.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A job would run too far in the future.
    #[error("a job `{name}` can't wait until the given time: choose one before the year 9999")]
    TooLate {
        /// The name of the job.
        name: String,
    },
    /// The job can't be part of a transaction that it was enqueued in.
    #[error(
        "can't enqueue the job `{name}` in this transaction: begin it on the database of the jobs"
    )]
    OtherDatabase {
        /// The name of the job.
        name: String,
        /// The error of the database.
        source: anyhow::Error,
    },
    /// The engine failed.
    #[error("can't {doing}: check the engine of the jobs")]
    Engine {
        /// What was attempted.
        doing: String,
        /// The error of the engine.
        source: anyhow::Error,
    },
}

/// What a handler returns as its error if the policy of the job is not to decide how it is retried.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use anyhow::{Result, anyhow};
/// use bootstrap_services::jobs::JobFailure;
///
/// fn check(status: u16) -> Result<()> {
///     match status {
///         200 => Ok(()),
///         // The attempts that are left would fail as well.
///         400 => Err(JobFailure::fatal(anyhow!("the server refuses this mail"))),
///         429 => Err(JobFailure::retry_after(Duration::from_secs(30), anyhow!("the server is busy"))),
///         _ => Err(anyhow!("the server answers {status}")),
///     }
/// }
/// # assert!(check(200).is_ok() && check(400).is_err() && check(429).is_err() && check(500).is_err());
/// ```
#[derive(Debug)]
pub struct JobFailure {
    /// `None`: not at all.
    after: Option<Duration>,
    source: anyhow::Error,
}

impl JobFailure {
    /// The job is a dead letter at once, however many attempts are left.
    pub fn fatal(error: impl Into<anyhow::Error>) -> anyhow::Error {
        let source = error.into();
        anyhow::Error::new(Self {
            after: None,
            source,
        })
    }

    /// The next attempt begins after this time, if an attempt is left.
    pub fn retry_after(time: Duration, error: impl Into<anyhow::Error>) -> anyhow::Error {
        let (after, source) = (Some(time), error.into());
        anyhow::Error::new(Self { after, source })
    }

    /// What an error wants, also below contexts.
    pub(crate) fn of(error: &anyhow::Error) -> Again {
        match error.downcast_ref::<Self>() {
            None => Again::ByPolicy,
            Some(Self { after: None, .. }) => Again::Never,
            Some(Self {
                after: Some(time), ..
            }) => Again::After(*time),
        }
    }
}

/// When a job that failed runs again, if an attempt is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    ByPolicy,
    After(Duration),
    Never,
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for JobFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}
