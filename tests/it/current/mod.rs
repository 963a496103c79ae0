//! The app around code that nobody has handed it to.

use bootstrap::LookupError;
use bootstrap::prelude::*;
use support::Trace;

mod access;
mod carry;
mod hooks;
mod swap;

struct Config(&'static str);
bootstrap::supplied!(Config);

/// Code far away: what it reads of the app around.
fn config() -> Result<&'static str, LookupError> {
    Ok(State::<Config>::get_or_failed()?.0)
}

/// Notes whose hook runs, and which.
fn note_hook(trace: &Trace) {
    let current = bootstrap::current().unwrap();
    match (current.name(), current.phase()) {
        (Some(name), Some(phase)) => trace.add(format_args!("{name}: {phase}")),
        (name, phase) => trace.add(format_args!("{name:?}, {phase:?}")),
    }
}
