//! `StateError`: why a state could not be read.

use crate::base::key::StateKey;
use crate::base::name::PluginName;

/// Why a state could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// No plugin of this app provides it.
    #[error("no plugin of this app provides the state `{state}`: register the one that does")]
    Missing {
        /// The state.
        state: StateKey,
    },
    /// Several plugins, or several instances of one, provide it.
    #[error(
        "several plugins provide the state `{state}` ({}): take the one you mean from its registration, with `state()`",
        list(.plugins)
    )]
    Ambiguous {
        /// The state.
        state: StateKey,
        /// Who provides it.
        plugins: Vec<PluginName>,
    },
    /// Only plugins in scopes that are not seen from here provide it.
    #[error(
        "the state `{state}` is only provided in other scopes ({}): take it from its registration, with `state()`, or `publish` it",
        list(.plugins)
    )]
    Hidden {
        /// The state.
        state: StateKey,
        /// Who provides it.
        plugins: Vec<PluginName>,
    },
    /// Its plugin has closed, or has not loaded.
    #[error(
        "the state `{state}` is not there: plugin `{plugin}`, which provides it, is not loaded"
    )]
    NotLoaded {
        /// The state.
        state: StateKey,
        /// Who provides it.
        plugin: PluginName,
    },
}

fn list(plugins: &[PluginName]) -> String {
    let quoted: Vec<String> = plugins.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
