//! The app around code that nobody has handed it to.

use bootstrap::error::LookupError;
use bootstrap::prelude::*;
use support::Trace;

mod access;
mod carry;
mod hooks;
mod swap;

#[bootstrap::supplied]
struct Config(&'static str);

/// Code far away: what it reads of the app around.
fn config() -> Result<&'static str, LookupError> {
    Ok(State::<Config>::try_current()?.0)
}

/// Notes whose hook runs, and which.
fn note_hook(trace: &Trace) {
    let current = bootstrap::Current::try_current().unwrap();
    match (current.name(), current.phase()) {
        (Some(name), Some(phase)) => trace.add(format_args!("{name}: {phase}")),
        (name, phase) => trace.add(format_args!("{name:?}, {phase:?}")),
    }
}
