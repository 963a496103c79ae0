//! Why a service could not be read.

use std::error::Error;
use std::fmt;

use crate::base::key::StateKey;
use crate::base::text::{line, short_type_name};

/// Why a service could not be read, or set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceError {
    /// No service of this app is called so.
    Missing {
        /// The name.
        service: String,
        /// The services that there are.
        known: Vec<String>,
    },
    /// It has not started.
    NotStarted {
        /// The name.
        service: String,
    },
    /// Its factory has answered `None`.
    Disabled {
        /// The name.
        service: String,
    },
    /// It is of another type.
    OtherType {
        /// The name.
        service: String,
        /// Its type.
        is: StateKey,
        /// The type that was asked for.
        asked: StateKey,
    },
    /// The services of this app are gone.
    Closed {
        /// The name.
        service: String,
    },
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::Missing { service, known } => write!(
                f,
                "[{}] {}: register it, with `App::service`",
                line(service),
                others(known)
            ),
            ServiceError::NotStarted { service } => write!(
                f,
                "[{}] the service has not started: services start once every plugin has loaded, in \
                 the order of their registration; register it before the services that use it",
                line(service)
            ),
            ServiceError::Disabled { service } => write!(
                f,
                "[{}] the service is disabled: its factory returned `None`; do without it, or \
                 configure it",
                line(service)
            ),
            ServiceError::OtherType { service, is, asked } => write!(
                f,
                "[{}] the service is a `{}`, not a `{}`: ask for what it is",
                line(service),
                apart(is, asked),
                apart(asked, is)
            ),
            ServiceError::Closed { service } => write!(
                f,
                "[{}] the services of this app are gone: they are let go of before the first plugin \
                 closes; use them in `drain`, or in `App::on_close`",
                line(service)
            ),
        }
    }
}

impl Error for ServiceError {}

/// How many services a message lists.
const SHOWN: usize = 10;

fn others(known: &[String]) -> String {
    if known.is_empty() {
        return "this app has no services".to_owned();
    }
    let quoted = known
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", line(name)));
    let quoted: Vec<String> = quoted.collect();
    let more = if known.len() > SHOWN { ", .." } else { "" };
    let known = quoted.join(", ");
    format!("no service of this app has this name, only {known}{more}")
}

/// The name of a type, with its modules where it would read like that of the other.
fn apart(this: &StateKey, other: &StateKey) -> String {
    let short = short_type_name(this.type_name());
    if short == short_type_name(other.type_name()) {
        this.type_name().to_owned()
    } else {
        short
    }
}
