//! External jobs.

use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Error, Process};

/// How long the end of a job waits for the service.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a program that has no job yet looks whether it is asked to end.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The job that this process was started for.
///
/// ```no_run
/// use bootstrap_process_client::Job;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let job = Job::from_env()?;
///     let width: u32 = job.payload()?;
///     job.progress("half")?;
///     job.complete(&(width / 2))?;
///     Ok(())
/// }
/// ```
///
/// A program that ends before it has called [`complete`](Self::complete) or [`fail`](Self::fail) has failed, whatever it returns.
#[derive(Debug)]
pub struct Job {
    process: Process,
    given: Value,
    is_cancelled: Mutex<bool>,
}

impl Job {
    /// Connects to the service that has started this process, and waits for the job.
    ///
    /// # Errors
    ///
    /// As [`Process::from_env`], and [`Error::Stopped`] if the process is asked to end before it has a job.
    pub fn from_env() -> Result<Self, Error> {
        let process = Process::from_env()?;
        loop {
            if let Some(command) = process.command(LOOK_AGAIN)
                && command.name == "job"
            {
                process.emit("started", &())?;
                return Ok(Self {
                    process,
                    given: command.data,
                    is_cancelled: Mutex::new(false),
                });
            }
            if process.wait_stopping(Duration::ZERO) {
                return Err(Error::Stopped);
            }
        }
    }

    /// Returns the id of the job.
    pub fn id(&self) -> &str {
        self.given["id"].as_str().unwrap_or_default()
    }

    /// Returns the name of the job.
    pub fn name(&self) -> &str {
        self.given["name"].as_str().unwrap_or_default()
    }

    /// Returns the number of this attempt, from 1 on.
    pub fn attempt(&self) -> u64 {
        self.given["attempt"].as_u64().unwrap_or_default()
    }

    /// Returns the trace that the job belongs to, as the header `traceparent` has it.
    pub fn traceparent(&self) -> Option<&str> {
        self.given["traceparent"].as_str()
    }

    /// Returns the payload of the job as a type.
    ///
    /// # Errors
    ///
    /// [`Error::NotJson`] if it is of another type.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(T::deserialize(&self.given["payload"])?)
    }

    /// Says how far the job is.
    ///
    /// # Errors
    ///
    /// As [`Process::emit`].
    pub fn progress(&self, text: &str) -> Result<(), Error> {
        self.process.emit("progress", &text).map(drop)
    }

    /// Writes to the log of the service: `debug`, `info`, `warn` or `error`.
    ///
    /// # Errors
    ///
    /// As [`Process::emit`].
    pub fn log(&self, level: &str, text: &str) -> Result<(), Error> {
        let line = json!({ "level": level, "text": text });
        self.process.emit("log", &line).map(drop)
    }

    /// Returns whether the job should end: it is not wanted any more, or the service stops.
    pub fn is_cancelled(&self) -> bool {
        let is_cancelled = self.is_cancelled.lock();
        let mut is_cancelled = is_cancelled.unwrap_or_else(std::sync::PoisonError::into_inner);
        while let Some(command) = self.process.command(Duration::ZERO) {
            *is_cancelled |= command.name == "cancel";
        }
        *is_cancelled || self.process.wait_stopping(Duration::ZERO)
    }

    /// The job is done, with a result. Returns whether the service has stored that within 30 seconds.
    ///
    /// # Errors
    ///
    /// As [`Process::emit`].
    pub fn complete(self, result: &impl Serialize) -> Result<bool, Error> {
        self.process.emit("completed", result)?;
        Ok(self.process.close(PATIENCE))
    }

    /// The job failed. `retry` is whether another attempt may help. Returns as [`complete`](Self::complete) does.
    ///
    /// # Errors
    ///
    /// As [`Process::emit`].
    pub fn fail(self, error: &str, retry: bool) -> Result<bool, Error> {
        let failure = json!({ "error": error, "retry": retry });
        self.process.emit("failed", &failure)?;
        Ok(self.process.close(PATIENCE))
    }
}
