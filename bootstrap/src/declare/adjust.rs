//! What is said of a registration after it was made.

use crate::base::name::PluginName;
use crate::declare::precedence::Precedence;
use crate::declare::retry::Retry;
use crate::declare::supervision::Supervision;

/// One thing that is said.
pub(crate) enum Adjust {
    Name(PluginName),
    Retry(Retry),
    Supervision(Supervision),
    /// It loads after this entry.
    After(u32),
    /// Its states are seen in the scope around its own as well.
    Export,
    /// Who is meant where several provide the same.
    Precedence(Precedence),
}
