//! `Exit`: how a run ended, as an exit code and a diagnosis.

use std::fmt;
use std::io::{self, Write as _};
use std::process::{ExitCode, Termination};

use crate::boot::{BootError, BootErrorKind};
use crate::life::ShutdownReason;
use crate::report::{CloseError, EndedBy, PluginError, Report};

/// How [`App::run`](crate::App::run) ended. Returned from `main`, it prints the diagnosis of what
/// went wrong to the standard error, and carries the exit code.
///
/// | exit code | cause | code in the diagnosis |
/// |---|---|---|
/// | 0 | the app was asked to stop, and everything has closed | |
/// | 1 | the boot failed, and was rolled back | `BOOT010`, `BOOT011`, `BOOT013`, `BOOT014` |
/// | 70 | a task failed, or a part of the app was restarted and did not load again | `STOP002`, `RUN001` |
/// | 74 | a `drain` or `close` hook failed; or the app asked itself to stop while it booted, and a hook failed after that | `STOP001`, `BOOT012` |
/// | 75 | stopping did not finish in time: a hook was cut short, left behind, or never begun | `STOP004`, `STOP005`, `BOOT012` |
/// | 78 | the app can't be planned; nothing was started | the others from `BOOT001` to `BOOT018` |
/// | 130, 143 | SIGINT or SIGTERM interrupted the boot; or a second one cut the closing short | `BOOT012`, `STOP006` |
///
/// The numbers from 70 are those of BSD's `sysexits.h`. If several apply, the first cause in time
/// decides: a failed task over the hooks that failed because of it, and a signal over the hooks of the boot
/// that fail after it.
#[must_use = "return it from `main`"]
pub struct Exit {
    code: u8,
    diagnosis: Option<String>,
    report: Report,
    abandoned: bool,
}

const OK: u8 = 0;
const BOOT_FAILED: u8 = 1;
const TASK_FAILED: u8 = 70;
const CLOSE_FAILED: u8 = 74;
pub(super) const NOT_FINISHED: u8 = 75;
const NOT_PLANNED: u8 = 78;

impl Exit {
    pub(super) fn closed(result: Result<Report, CloseError>) -> Self {
        match result {
            Ok(report) => Self {
                code: OK,
                diagnosis: None,
                report,
                abandoned: false,
            },
            Err(error) => {
                let code = code_of(error.errors().iter());
                Self {
                    code,
                    diagnosis: Some(error.render_with(code)),
                    report: error.report().clone(),
                    abandoned: error.abandoned().next().is_some(),
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
        Self {
            code,
            // A program that stops itself while it boots has nothing to explain.
            diagnosis: (code != OK).then(|| error.render_with(code)),
            report: error.report().clone(),
            abandoned: error.is_abandoned(),
        }
    }

    pub(super) fn no_signals(error: &io::Error) -> Self {
        Self {
            code: BOOT_FAILED,
            diagnosis: Some(format!(
                "error: the signal handlers can't be installed: {error}\n  help: use `boot` and \
                 `close` where there are no signals"
            )),
            report: Report::default(),
            abandoned: false,
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
        self.diagnosis.as_deref()
    }

    /// What every plugin did.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Whether a hook was left behind that would keep the runtime from ending.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Prints the diagnosis, if there is one.
    pub(super) fn print(&self) {
        if let Some(diagnosis) = &self.diagnosis {
            // Nobody is left to be told that the standard error is closed.
            let _ = writeln!(io::stderr(), "{diagnosis}");
        }
    }
}

fn code_of<'a>(errors: impl Iterator<Item = &'a PluginError>) -> u8 {
    match errors.map(EndedBy::of).min() {
        Some(EndedBy::Failure) => TASK_FAILED,
        Some(EndedBy::Time) => NOT_FINISHED,
        Some(EndedBy::Hook) => CLOSE_FAILED,
        None => OK,
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.print();
        ExitCode::from(self.code)
    }
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exit")
            .field("code", &self.code)
            .field("diagnosis", &self.diagnosis)
            .finish_non_exhaustive()
    }
}
