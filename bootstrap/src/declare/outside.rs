//! What the app is told from outside, as plugins are given it.

#[cfg(feature = "config")]
use std::sync::Arc;

#[cfg(feature = "config")]
use serde::de::DeserializeOwned;

#[cfg(feature = "config")]
use crate::base::apart::Doing;
#[cfg(feature = "config")]
use crate::base::location::Location;
#[cfg(feature = "config")]
use crate::base::name::PluginName;
#[cfg(feature = "config")]
use crate::values::{ConfigFault, Configuration, Fault, Key, Known, Layers, Reads, read};

/// What the configuration says at one time; nothing without the feature `config`, and in an app
/// without a configuration.
#[derive(Clone, Default)]
pub struct Outside {
    #[cfg(feature = "config")]
    layers: Option<Arc<Layers>>,
}

impl Outside {
    /// Whether there is a configuration.
    #[cfg_attr(
        not(feature = "config"),
        allow(clippy::unused_self, reason = "there is none to ask for")
    )]
    pub(crate) fn is_there(&self) -> bool {
        #[cfg(feature = "config")]
        return self.layers.is_some();
        #[cfg(not(feature = "config"))]
        false
    }
}

#[cfg(feature = "config")]
impl Outside {
    /// Reads every source. Runs the user's code, if a source is the user's.
    pub(crate) fn read(configuration: Option<&Configuration>, doing: &Doing) -> Self {
        Self {
            layers: configuration.map(|it| Arc::new(Layers::of(it, doing))),
        }
    }

    /// The same sources, read anew.
    pub(crate) fn again(&self, doing: &Doing) -> Self {
        Self {
            layers: self.layers.as_ref().map(|it| Arc::new(it.again(doing))),
        }
    }

    pub(crate) fn layers(&self) -> Option<&Layers> {
        self.layers.as_deref()
    }
}

/// Reads a value that no declaration tells of. Runs the user's code.
#[cfg(feature = "config")]
pub(super) fn read_value<T: DeserializeOwned>(
    outside: &Outside,
    key: &str,
    plugin: PluginName,
    at: Location,
) -> Result<T, ConfigFault> {
    let reads = Reads {
        plugin,
        field: None,
        declared: at,
    };
    let key = Key::parse(key);
    let read = match outside.layers() {
        Some(layers) => read(layers, &key, &mut Known::default()),
        None => Err(vec![Fault::no_configuration(key)]),
    };
    read.map_err(|faults| Fault::first(faults).read_by(Some(&reads)))
}

/// What is wrong with the value of a key, and where it is set.
#[cfg(feature = "config")]
pub(super) fn value_error(
    outside: &Outside,
    key: &str,
    wrong: String,
    help: String,
) -> ConfigFault {
    Fault::of_value(Key::parse(key), wrong, help, outside.layers()).read_by(None)
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}
