//! The log of a process, for `main`.

use std::io::{self, IsTerminal as _};
use std::mem;

use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Writes the log to stderr until it is dropped: from [`log_to_stderr`].
#[derive(Debug)]
#[must_use = "the log is written until this is dropped: keep it in a variable, `let _log = ..`"]
pub struct Log {
    /// Nothing, if the process has a subscriber of its own.
    writer: Option<(WorkerGuard, ErrorCounter)>,
}

/// Writes the log of this process, events of [`tracing`](https://docs.rs/tracing), to stderr. For the first line of
/// `main`; keep what it returns until the end, so that the last lines are written.
///
/// `filter` says what is written unless the variable `RUST_LOG` does: a level, `"info"`, or
/// [directives](https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html#directives),
/// `"info,sqlx=warn"`. Mistakes in either are logged and ignored.
///
/// A thread writes the lines, so that the process continues if nothing reads its stderr: it keeps 128,000 lines, and
/// drops further ones. A stderr that is closed or full changes nothing. On a terminal levels are in colour, unless
/// `NO_COLOR` is set.
///
/// A process that wants another format installs a subscriber itself. If there is one already, this does nothing but
/// log a warning.
///
/// # Examples
///
/// ```no_run
/// use bootstrap::prelude::*;
///
/// #[tokio::main]
/// async fn main() -> bootstrap::Exit {
///     let _log = bootstrap::log_to_stderr("info");
///     App::collect().run().await
/// }
/// ```
pub fn log_to_stderr(filter: &str) -> Log {
    let (stderr, guard) = tracing_appender::non_blocking(io::stderr());
    let dropped = stderr.error_counter();
    let variable = std::env::var("RUST_LOG").ok();
    let (filter, faults) = filters(filter, variable.as_deref());
    let installed = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        // They would be printed to stderr, which panics if that is closed or full.
        .log_internal_errors(false)
        .with_ansi(has_colour())
        .try_init();
    for fault in faults {
        tracing::warn!(target: "bootstrap", "{fault}");
    }
    if installed.is_err() {
        tracing::warn!(
            target: "bootstrap",
            "`log_to_stderr` does nothing: this process has a subscriber of `tracing` already; remove one of them"
        );
        return Log { writer: None };
    }
    Log {
        writer: Some((guard, dropped)),
    }
}

/// As <https://no-color.org> says: any value but an empty one turns colours off.
fn has_colour() -> bool {
    let is_off = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_off
}

/// What is written, and what is wrong with the directives.
fn filters(own: &str, variable: Option<&str>) -> (EnvFilter, Vec<String>) {
    let mut faults = Vec::new();
    let sources = [
        ("the variable `RUST_LOG`", variable),
        ("the filter of `log_to_stderr`", Some(own)),
    ];
    for (source, text) in sources {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            continue;
        };
        match text.parse() {
            Ok(filter) => return (filter, faults),
            Err(error) => faults.push(format!(
                "{source} is ignored: `{text}`: {error}; write a level, `info`, or directives, `info,sqlx=warn`"
            )),
        }
    }
    (EnvFilter::new("info"), faults)
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some((guard, dropped)) = self.writer.take() else {
            return;
        };
        if dropped.dropped_lines() > 0 {
            // Its drop would print to stdout that it can't write, and that may be the same pipe.
            mem::forget(guard);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(own: &str, variable: Option<&str>) -> (String, usize) {
        let (filter, faults) = filters(own, variable);
        (filter.to_string(), faults.len())
    }

    #[test]
    fn the_variable_outranks_the_filter_of_the_call() {
        assert_eq!(read("warn", None), ("warn".into(), 0));
        assert_eq!(read("warn", Some("debug")), ("debug".into(), 0));
        assert_eq!(read("warn", Some(" ")), ("warn".into(), 0));
    }

    #[test]
    fn directives_that_cannot_be_read_are_a_fault_and_ignored() {
        assert_eq!(read("warn", Some("a=b=c")), ("warn".into(), 1));
        assert_eq!(read("a=b=c", Some("a=b=c")), ("info".into(), 2));
        let (_, faults) = filters("warn", Some("a=b=c"));
        assert!(faults[0].starts_with("the variable `RUST_LOG` is ignored: `a=b=c`: "));
    }
}
