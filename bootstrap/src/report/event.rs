//! One thing that happened in an app.

use std::fmt;

use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::report::record::Outcome;

/// A hook of a plugin has begun or ended.
///
/// Prints as one line: `database: load` when the hook begins, `database: load done`,
/// `database: load failed`, `database: close timed out` when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Whose hook it is: what messages call the plugin; `app` for hooks of the app itself,
    /// or `plugin/task` for what a plugin has spawned.
    pub plugin: PluginName,
    /// Which hook.
    pub phase: Phase,
    /// [`Outcome::Started`] when it begins, and else how it ended.
    pub outcome: Outcome,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.plugin, self.phase)?;
        match self.outcome {
            Outcome::Started => Ok(()),
            outcome => write!(f, " {outcome}"),
        }
    }
}
