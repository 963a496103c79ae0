//! What a job is, and how it is retried.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Work that is kept until it is done: its type is the payload, which is stored as JSON.
///
/// A plugin with [`#[job_handler]`](macro@crate::jobs::job_handler) does it, and [`Jobs::enqueue`](crate::jobs::Jobs::enqueue) stores it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use anyhow::Result;
/// use bootstrap_services::jobs::{Job, JobPolicy};
/// use serde::{Deserialize, Serialize};
/// use serde_json::{Value, json};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail {
///     to: String,
/// }
///
/// impl Job for SendMail {
///     const NAME: &'static str = "send-mail";
///     const VERSION: u16 = 2;
///
///     // Version 1 called the field `address`.
///     fn upgrade(_from: u16, old: Value) -> Result<Value> {
///         Ok(json!({ "to": old["address"] }))
///     }
///
///     fn policy() -> JobPolicy {
///         JobPolicy::new().attempts(8).timeout(Duration::from_secs(30)).queue("mail")
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    label = "`impl Job for {Self}` is missing",
    note = "help: derive `Serialize` and `Deserialize`, and write `impl Job for {Self} {{ const NAME: &'static str = \"..\"; }}`"
)]
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name under which jobs are stored, which stays if the type is renamed: 1 to 100 of `a-z`, `0-9`, `-` and `.`. It is also the
    /// name of the plugin that handles it.
    const NAME: &'static str;

    /// The version of the payload. Give it the next number when stored payloads can't be read by the new type, and write
    /// [`upgrade`](Self::upgrade). A process leaves payloads of later versions than its own to newer processes.
    const VERSION: u16 = 1;

    /// Turns a payload of an older version into one of this version.
    ///
    /// # Errors
    ///
    /// A payload that can't be upgraded: the job becomes a dead letter, with this error. By default that is so for each older payload.
    fn upgrade(from: u16, _old: Value) -> Result<Value> {
        let (name, version) = (Self::NAME, Self::VERSION);
        bail!(
            "the payload has version {from}, and `{name}` version {version} does not upgrade it: write `Job::upgrade`"
        )
    }

    /// How the job is run and retried.
    fn policy() -> JobPolicy {
        JobPolicy::new()
    }
}

/// How a job is run and retried.
///
/// The number of attempts, that of crashes, and the priority are stored with each job; the queue, the timeout and the backoff are those of the
/// process that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPolicy {
    pub(crate) queue: Cow<'static, str>,
    pub(crate) priority: i16,
    pub(crate) attempts: u32,
    pub(crate) crashes: u32,
    pub(crate) timeout: Duration,
    pub(crate) backoff: Duration,
    pub(crate) longest_backoff: Duration,
}

impl JobPolicy {
    /// The queue `default`, priority 0, 5 attempts, 3 crashes, a timeout of 5 minutes, and a backoff from 1 second to 1 hour.
    pub const fn new() -> Self {
        Self {
            queue: Cow::Borrowed("default"),
            priority: 0,
            attempts: 5,
            crashes: 3,
            timeout: Duration::from_mins(5),
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_hours(1),
        }
    }

    /// The queue, whose concurrency and rate are limited by `[jobs.queues.<name>]`: see
    /// [`JobWorkerPlugin`](crate::jobs::JobWorkerPlugin).
    #[must_use]
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Of the jobs that are ready, those with a higher priority begin first.
    #[must_use]
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// How many times a handler may fail; then the job is a dead letter. 0 counts as 1.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// After how many crashes of its process the job is a dead letter: 3 by default, at least 2. The first crash does not show which of the jobs that ran has
    /// caused it. Before the last crash that is allowed, the job runs alone.
    #[must_use]
    pub const fn crashes(mut self, crashes: u32) -> Self {
        self.crashes = if crashes > 2 { crashes } else { 2 };
        self
    }

    /// How long an attempt may take. Then its future is dropped, and the attempt has failed.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a job waits after its first failure, and how long at most. Each further failure doubles the time; of the result, half is
    /// random, so that jobs that failed together do not return together.
    #[must_use]
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = first;
        self.longest_backoff = longest;
        self
    }

    /// How long a job waits after `failures` failures; `random` is from 0 to 1.
    pub(crate) fn backoff_after(&self, failures: u32, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.backoff.saturating_mul(1 << doublings);
        let whole = whole.min(self.longest_backoff);
        whole.mul_f64(0.5 + random / 2.0)
    }
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_backoff_doubles_up_to_the_longest_and_half_of_it_is_random() {
        let policy = JobPolicy::new().backoff(SECOND, 10 * SECOND);
        let whole = |failures| policy.backoff_after(failures, 1.0);
        assert_eq!(
            [1, 2, 3, 4, 5, 4_000_000_000].map(whole),
            [1, 2, 4, 8, 10, 10].map(|it| it * SECOND)
        );
        assert_eq!(policy.backoff_after(2, 0.0), SECOND);
        assert_eq!(policy.backoff_after(2, 0.5), SECOND * 3 / 2);
    }

    #[test]
    fn the_least_number_of_crashes_is_two() {
        let crashes = |crashes| JobPolicy::new().crashes(crashes).crashes;
        assert_eq!([0, 1, 2, 3, 9].map(crashes), [2, 2, 2, 3, 9]);
    }

    #[test]
    fn a_backoff_that_is_too_long_for_a_duration_is_the_longest() {
        let policy = JobPolicy::new().backoff(Duration::MAX, 7 * SECOND);
        assert_eq!(policy.backoff_after(9, 1.0), 7 * SECOND);
    }
}
