//! Why a service cannot be read, or set.

use thiserror::Error;

/// Why a service cannot be read, or set. `Display` is one line, whose end says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No service has this name.
    #[error(
        "[{}] {}: define it, with `ServicesPlugin::define`",
        line(service),
        others(known)
    )]
    #[non_exhaustive]
    Missing {
        /// The name that was looked up.
        service: String,
        /// The names of the services that exist.
        known: Vec<String>,
    },
    /// Its factory has not run yet.
    #[error(
        "[{}] the service does not exist yet: factories run once every plugin has loaded, in the order of their definitions; \
         define it before the services that use it",
        line(service)
    )]
    #[non_exhaustive]
    NotStarted {
        /// The name of the service.
        service: String,
    },
    /// Its factory returned `None`.
    #[error(
        "[{}] the service is disabled: its factory returned `None`; do without it, or configure it",
        line(service)
    )]
    #[non_exhaustive]
    Disabled {
        /// The name of the service.
        service: String,
    },
    /// It has another type.
    #[error(
        "[{}] the service is a `{actual}`, not a `{requested}`: request the type that it has",
        line(service)
    )]
    #[non_exhaustive]
    OtherType {
        /// The name of the service.
        service: String,
        /// The name of its type.
        actual: &'static str,
        /// The name of the type that was requested.
        requested: &'static str,
    },
    /// The services of the app have been dropped, because it closes.
    #[error(
        "[{}] the services of this app have been dropped: that is before the first plugin closes; use them in `drain`",
        line(service)
    )]
    #[non_exhaustive]
    Closed {
        /// The name of the service.
        service: String,
    },
}

/// How many services a message lists.
const SHOWN: usize = 10;

/// A name in a message of one line.
pub(super) fn line(name: &str) -> impl std::fmt::Display {
    name.escape_debug()
}

fn others(known: &[String]) -> String {
    if known.is_empty() {
        return "this app has no services".to_owned();
    }
    let quoted: Vec<String> = known
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", line(name)))
        .collect();
    let more = if known.len() > SHOWN { ", .." } else { "" };
    format!(
        "no service of this app has this name, only {}{more}",
        quoted.join(", ")
    )
}
