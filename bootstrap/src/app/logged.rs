//! What is logged of the outcome of an app: once, with the code as a field, for subscribers that
//! nothing else reaches. What went wrong while the app ran and closed was logged as it happened.

use std::fmt::Debug;

use crate::base::diagnostic::Code;
use crate::base::log::log;
use crate::boot::{BootError, BootErrorKind};
use crate::life::ShutdownReason;

/// Logs a boot that has failed, and what each plugin did in it.
pub(super) fn boot_error(error: &BootError) {
    if is_as_asked(error) {
        log(|| tracing::info!(target: "bootstrap", code = error.code().as_str(), "{error}"));
    } else {
        failure(error.code(), error);
    }
    let report = error.report();
    if !report.plugins.is_empty() {
        log(|| tracing::info!(target: "bootstrap", "{}", report.failed_boot_tree()));
    }
}

/// Whether the program has stopped its own boot, and nothing else is wrong.
fn is_as_asked(error: &BootError) -> bool {
    let by_itself = matches!(
        error.kind(),
        BootErrorKind::Interrupted {
            reason: ShutdownReason::Requested | ShutdownReason::Dropped
        }
    );
    by_itself && error.rollback_errors().is_empty()
}

/// Logs a diagnosis, which is what `Debug` of an error shows.
pub(super) fn failure(code: Code, diagnosis: impl Debug) {
    log(|| tracing::error!(target: "bootstrap", code = code.as_str(), "{diagnosis:?}"));
}
