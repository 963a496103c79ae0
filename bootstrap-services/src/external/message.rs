//! What a program says about its job.

use anyhow::{Context as _, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jobs::JobFailure;
use crate::processes::ChildEvent;

/// What a process of an external job was spawned with: it finds its job again after the service has died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) job: String,
}

/// What a program gets to do, as the data of the command `job`.
#[derive(Debug, Serialize)]
pub(super) struct Task<'a, J> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) attempt: u32,
    pub(super) traceparent: Option<&'a str>,
    pub(super) payload: &'a J,
}

/// What a program says about its job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// The program has begun.
    Started,
    Progress(String),
    Log(String, String),
    /// The job is done, with a result unless it is null.
    Completed(Value),
    /// The job failed. `retry`: whether another attempt may help.
    Failed {
        error: String,
        retry: bool,
    },
}

#[derive(Deserialize)]
struct Line {
    #[serde(default = "info")]
    level: String,
    text: String,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    #[serde(default = "yes")]
    retry: bool,
}

fn info() -> String {
    "info".to_owned()
}

const fn yes() -> bool {
    true
}

impl Said {
    /// Reads an event of a program.
    pub(super) fn read(event: &ChildEvent) -> Result<Self> {
        let said = match event.event.as_str() {
            "started" => Ok(Self::Started),
            "progress" => event.data().map(Self::Progress),
            "log" => event
                .data()
                .map(|Line { level, text }| Self::Log(level, text)),
            "completed" => Ok(Self::Completed(event.data.clone())),
            "failed" => event
                .data()
                .map(|Failure { error, retry }| Self::Failed { error, retry }),
            other => {
                return Err(anyhow!(
                    "the program said `{other}`, which is not a message about a job"
                ));
            }
        };
        said.with_context(|| {
            format!(
                "the program said `{}` with other data than expected",
                event.event
            )
        })
    }
}

/// The error of a job whose program says that it failed.
pub(super) fn failure(error: String, retry: bool) -> anyhow::Error {
    if retry {
        anyhow!(error)
    } else {
        JobFailure::fatal(anyhow!(error))
    }
}
