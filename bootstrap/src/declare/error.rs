//! Why something of an app could not be read.

use std::borrow::Cow;

use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::base::text::{line, short_type_name};

/// Why a state could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// No plugin of this app provides it.
    #[error("no plugin of this app provides the {}: register the one that does", .state.described())]
    Missing {
        /// The state.
        state: StateKey,
    },
    /// Several plugins, or several instances of one, provide it.
    #[error(
        "several plugins provide the {} ({}): take the one you mean from its registration, with `{}()`",
        .state.described(),
        list(.plugins),
        .state.noun()
    )]
    Ambiguous {
        /// The state.
        state: StateKey,
        /// Who provides it.
        plugins: Vec<PluginName>,
    },
    /// Only plugins in scopes that are not seen from here provide it.
    #[error(
        "the {} is only provided in other scopes ({}): take it from its registration, with `{}()`, or `export` it",
        .state.described(),
        list(.plugins),
        .state.noun()
    )]
    Hidden {
        /// The state.
        state: StateKey,
        /// Who provides it.
        plugins: Vec<PluginName>,
    },
    /// Its plugin has closed, or has not loaded.
    #[error(
        "the {} is not there: plugin `{plugin}`, which provides it, is not loaded",
        .state.described()
    )]
    NotLoaded {
        /// The state.
        state: StateKey,
        /// Who provides it.
        plugin: PluginName,
    },
    /// It is looked up while the app still loads.
    #[error(
        "the {} of plugin `{plugin}` is looked up too early: the app still loads; read a `Lazy` from \
         `ready` on, or make the field a `{}`",
        .state.described(),
        .state.handle()
    )]
    TooEarly {
        /// The state.
        state: StateKey,
        /// Who provides it.
        plugin: PluginName,
    },
    /// The handle belongs to a plugin that no app has loaded.
    #[error(
        "the {} is not bound: this handle belongs to a plugin that no app has loaded",
        .state.described()
    )]
    Unbound {
        /// The state.
        state: StateKey,
    },
    /// The app has ended.
    #[error("the {} is gone: its app has ended", .state.described())]
    AppGone {
        /// The state.
        state: StateKey,
    },
    /// No app is around the code that asks for the state of the current one.
    #[error("the {} is not initialized: {}", .state.described(), NoApp {})]
    NoApp {
        /// The state.
        state: StateKey,
    },
    /// The `load` of a plugin asks for a state of the current app.
    #[error(
        "[{plugin}] the {} can't be read in `load`, where it would be a race with its provider: make \
         it a field, `{}`",
        .state.described(),
        .state.handle()
    )]
    InLoad {
        /// The state.
        state: StateKey,
        /// Whose `load` it is.
        plugin: PluginName,
    },
}

/// No app is around the code that asks for the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no app is around this code: it runs outside of hooks, or was spawned by hand; enter one, with \
     `Current::enter` or `RequestScope::enter`"
)]
#[non_exhaustive]
pub struct NoApp {}

/// Why a state could not be set.
///
/// States of an app are made by `load` alone; what may be set later is the content of a
/// [`Swap`](crate::Swap), and a [`RequestState`](crate::RequestState).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The state of the app that holds the content can't be read.
    #[error("Cannot set value for state `{state}`: {source}")]
    NotRead {
        /// The state.
        state: StateKey,
        /// Why it can't be read.
        source: StateError,
    },
    /// No request scope is entered where a request state is set.
    #[error(
        "Cannot set value for state `{}`: no request scope is entered here; open one, with \
         `request_scope`, and `enter` it",
        line(.state)
    )]
    NoScope {
        /// The state, as messages call it.
        state: Cow<'static, str>,
    },
    /// The request scope has ended.
    #[error(
        "Cannot set value for state `{}`: its request scope has ended; set it before, or in a \
         scope of its own",
        line(.state)
    )]
    Ended {
        /// The state, as messages call it.
        state: Cow<'static, str>,
    },
}

fn list(plugins: &[PluginName]) -> String {
    let quoted: Vec<String> = plugins.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Why a service could not be read, or set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No service of this app is called so.
    #[error("[{}] {}: register it, with `App::service`", line(.service), others(.known))]
    Missing {
        /// The name.
        service: String,
        /// The services that there are.
        known: Vec<String>,
    },
    /// It has not started.
    #[error(
        "[{}] the service has not started: services start once every plugin has loaded, in \
         the order of their registration; register it before whoever uses it",
        line(.service)
    )]
    NotStarted {
        /// The name.
        service: String,
    },
    /// Its factory has answered `None`.
    #[error(
        "[{}] the service is disabled: its factory returned `None`; do without it, or \
         configure it",
        line(.service)
    )]
    Disabled {
        /// The name.
        service: String,
    },
    /// It is of another type.
    #[error(
        "[{}] the service is a `{}`, not a `{}`: ask for what it is",
        line(.service),
        apart(.is, .asked),
        apart(.asked, .is)
    )]
    OtherType {
        /// The name.
        service: String,
        /// Its type.
        is: StateKey,
        /// The type that was asked for.
        asked: StateKey,
    },
    /// The services of this app are gone.
    #[error(
        "[{}] the services of this app are gone: they are let go of before the first plugin \
         closes; use them in `drain`, or in `App::on_close`",
        line(.service)
    )]
    Closed {
        /// The name.
        service: String,
    },
}

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
