//! Changes to a registration after it was made.

#[cfg(feature = "config")]
use std::sync::Arc;

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::declare::retry::Retry;
use crate::declare::supervision::Supervision;

/// One change.
pub(crate) enum Adjust {
    Name(PluginName),
    Retry(Retry),
    Supervision(Supervision),
    /// It loads after this entry.
    After(u32),
    /// Its states are seen in the scope around its own as well.
    Export,
    /// Fields that ask for one provider get this one.
    Primary,
    /// It does not load, for this reason.
    Disable(String, Location),
    /// The key below which it is configured.
    #[cfg(feature = "config")]
    ConfigPrefix(Arc<str>),
}
