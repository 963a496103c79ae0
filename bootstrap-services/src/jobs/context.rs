//! What a handler may know about the job that it does.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::jobs::JobId;
use crate::jobs::error::JobError;

/// The most bytes of a payload and of a result.
pub(crate) const LARGEST: usize = 1 << 20;
/// The most bytes of a progress.
const LONGEST_PROGRESS: usize = 1_000;

/// What a handler may know about the job that it does. Clones are handles to the same run.
#[derive(Clone)]
pub struct JobContext {
    pub(crate) id: JobId,
    pub(crate) name: &'static str,
    pub(crate) attempt: u32,
    pub(crate) attempts: u32,
    pub(crate) traceparent: Option<Arc<str>>,
    pub(crate) notes: Notes,
}

impl JobContext {
    /// The id of the job.
    pub const fn id(&self) -> &JobId {
        &self.id
    }

    /// The name of the job.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The number of this attempt, from 1 on. Attempts that a stop or a crash of the process ended are not counted.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the job is a dead letter if this attempt fails.
    pub const fn is_last_attempt(&self) -> bool {
        self.attempt >= self.attempts
    }

    /// The trace that the job was enqueued in, as the header `traceparent` has it. Jobs that the handler enqueues have it as well.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// Waits until the handler should end: the job was cancelled, the app stops, or another process has taken over the job. A second later the handler is
    /// dropped. A job whose handler returns `Ok` is done even then, so return an error if the work is not.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again, as in a `select!`.
    pub async fn cancelled(&self) {
        self.notes.cancelled.cancelled().await;
    }

    /// Whether the handler should end.
    pub fn is_cancelled(&self) -> bool {
        self.notes.cancelled.is_cancelled()
    }

    /// Says how far the job is. Others see it within a second, in [`JobInfo::progress`](crate::jobs::JobInfo::progress). At most 1,000 bytes are kept.
    pub fn progress(&self, text: impl fmt::Display) {
        let mut text = text.to_string();
        text.truncate(text.floor_char_boundary(LONGEST_PROGRESS));
        self.notes.lock().progress = Some(text);
    }

    /// Sets the result, which is stored when the handler returns `Ok`. Read it with [`Jobs::result`](crate::jobs::Jobs::result).
    ///
    /// # Errors
    ///
    /// An error if it can't be written as JSON, or is larger than 1 MiB.
    pub fn set_result(&self, result: &impl Serialize) -> Result<(), JobError> {
        let result = encode(self.name, "result", result)?;
        self.notes.lock().result = Some(result);
        Ok(())
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// Writes a payload or a result as JSON.
pub(crate) fn encode(
    name: &str,
    what: &'static str,
    value: &impl Serialize,
) -> Result<String, JobError> {
    let text = serde_json::to_string(value).map_err(|source| JobError::Unserializable {
        name: name.to_owned(),
        what,
        source,
    })?;
    if text.len() > LARGEST {
        return Err(JobError::TooLarge {
            name: name.to_owned(),
            what,
            bytes: text.len(),
        });
    }
    Ok(text)
}

/// What passes between a run and its engine: the progress and the result one way, the wish to cancel it the other.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    pub(crate) cancelled: CancellationToken,
    written: Arc<Mutex<Written>>,
}

#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) progress: Option<String>,
    pub(crate) result: Option<String>,
}

impl Notes {
    /// Asks the handler to end.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// The progress since the last call, if there is any.
    pub fn take_progress(&self) -> Option<String> {
        self.lock().progress.take()
    }

    /// Keeps a progress that could not be stored, unless there is a newer one.
    pub fn put_back(&self, progress: String) {
        self.lock().progress.get_or_insert(progress);
    }

    pub(crate) fn take_result(&self) -> Option<String> {
        self.lock().result.take()
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
