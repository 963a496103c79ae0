//! `Exit`: how a run ended, as an exit code and a diagnosis.

use std::fmt;
use std::process::{ExitCode, Termination};
use std::sync::Arc;

use crate::app::guard::{Diagnosis, NOT_FINISHED, Returned, print};
use crate::app::not_installed::NotInstalled;
use crate::app::threads::Waiter;
use crate::boot::{BootError, BootErrorKind};
use crate::life::ShutdownReason;
use crate::report::{CloseError, EndedBy, HookError, HookFailure, Report};

/// How [`App::run`](crate::App::run) ended. Returned from `main`, it prints the diagnosis of what
/// went wrong to the standard error, and carries the exit code.
///
/// | exit code | cause | code in the diagnosis |
/// |---|---|---|
/// | 0 | the app was asked to stop, and everything has closed | |
/// | 1 | the boot failed, and was rolled back; a plugin that was refused when it joined has the code of its mistake | `BOOT010`, `BOOT011`, `BOOT013`, `BOOT014`, `BOOT024`, and those of mistakes up to `BOOT025` |
/// | 70 | a task failed, or a part of the app was restarted and did not load again | `STOP002`, `RUN001` |
/// | 74 | a `drain` or `close` hook failed; or the app asked itself to stop while it booted, and a hook failed after that | `STOP001`, `BOOT012` |
/// | 75 | stopping did not finish in time: a hook was cut short, left behind, or never begun | `STOP004`, `STOP005`, `BOOT012` |
/// | 75, or the code from above if that is not 0 | the app has closed, and something that blocks held up the end of the process | `STOP004` |
/// | 78 | the app can't be planned; nothing was started | the others from `BOOT001` to `BOOT019` |
/// | 130, 143 | SIGINT or SIGTERM interrupted the boot; or a second one cut the closing short | `BOOT012`, `STOP006` |
///
/// The numbers from 70 are those of BSD's `sysexits.h`. If several apply, the first cause in time
/// decides: a failed task over the hooks that failed because of it, and a signal over the hooks of the boot
/// that fail after it.
///
/// Printing waits half a second for a reader of the standard error that has stopped, and a standard
/// error that is closed or full changes nothing.
///
/// While the tokio runtime around `run` shuts down, a guard watches over the process: see
/// [`App::run`](crate::App::run).
#[must_use = "return it from `main`"]
pub struct Exit {
    code: u8,
    diagnosis: Arc<Diagnosis>,
    report: Report,
    abandoned: bool,
    /// The hooks that were cut short.
    cut: Vec<String>,
}

const OK: u8 = 0;
const BOOT_FAILED: u8 = 1;
const TASK_FAILED: u8 = 70;
const CLOSE_FAILED: u8 = 74;
const NOT_PLANNED: u8 = 78;

impl Exit {
    pub(super) fn closed(result: Result<Report, CloseError>) -> Self {
        match result {
            Ok(report) => Self::new(OK, None, report),
            Err(error) => {
                let code = code_of(error.errors().iter());
                Self {
                    abandoned: error.abandoned().next().is_some(),
                    cut: cut(error.errors()),
                    ..Self::new(code, Some(error.render_with(code)), error.report().clone())
                }
            }
        }
    }

    pub(super) fn unbooted(error: &BootError) -> Self {
        let code = match error.kind() {
            BootErrorKind::Plan(_) => NOT_PLANNED,
            BootErrorKind::Interrupted {
                reason: ShutdownReason::Signal(signal),
            } => 128 + signal.number(),
            BootErrorKind::Interrupted { .. } => {
                let failures = error.failures().iter();
                code_of(failures.chain(error.rollback_errors()))
            }
            _ => BOOT_FAILED,
        };
        // A program that stops itself while it boots has nothing to explain.
        let diagnosis = (code != OK).then(|| error.render_with(code));
        let errors = error.failures().iter().chain(error.rollback_errors());
        let cancelled = error.cancelled().iter().map(|name| format!("`{name}`"));
        Self {
            abandoned: error.is_abandoned(),
            cut: cut(errors).into_iter().chain(cancelled).collect(),
            ..Self::new(code, diagnosis, error.report().clone())
        }
    }

    pub(super) fn no_signals(failed: &NotInstalled) -> Self {
        let diagnosis = failed
            .diagnostic()
            .note("exit code", BOOT_FAILED.to_string());
        Self::new(BOOT_FAILED, Some(diagnosis.to_string()), Report::default())
    }

    fn new(code: u8, diagnosis: Option<String>, report: Report) -> Self {
        Self {
            code,
            diagnosis: Diagnosis::new(diagnosis),
            report,
            abandoned: false,
            cut: Vec::new(),
        }
    }

    /// What the guard needs to know of it.
    pub(super) fn returned(&self) -> Returned {
        Returned {
            code: self.code,
            cut: self.cut.clone(),
            diagnosis: Arc::downgrade(&self.diagnosis),
            thread: Waiter::this(),
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Whether everything went well.
    pub fn is_success(&self) -> bool {
        self.code == OK
    }

    /// What went wrong, if something did, on several lines.
    pub fn diagnosis(&self) -> Option<&str> {
        self.diagnosis.text.as_deref()
    }

    /// What every plugin did.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Whether a hook was left behind that would keep the runtime from ending.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned
    }
}

/// The hooks among these that were cut short.
fn cut<'a>(errors: impl IntoIterator<Item = &'a HookError>) -> Vec<String> {
    let is_cut = |error: &&HookError| {
        matches!(
            error.failure(),
            HookFailure::TimedOut { .. } | HookFailure::Cancelled | HookFailure::Abandoned { .. }
        )
    };
    let cut = errors.into_iter().filter(is_cut);
    cut.map(|error| format!("{} of `{}`", error.phase(), error.plugin()))
        .collect()
}

fn code_of<'a>(errors: impl Iterator<Item = &'a HookError>) -> u8 {
    match errors.map(EndedBy::of).min() {
        Some(EndedBy::Failure) => TASK_FAILED,
        Some(EndedBy::Time) => NOT_FINISHED,
        Some(EndedBy::Hook) => CLOSE_FAILED,
        None => OK,
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        print(self.diagnosis.take().unwrap_or_default());
        ExitCode::from(self.code)
    }
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exit")
            .field("code", &self.code)
            .field("diagnosis", &self.diagnosis())
            .finish_non_exhaustive()
    }
}
