//! How a field asks for what it holds.

/// How a field asks.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Somebody has to provide it, and load before.
    Required,
    /// If somebody in the app provides it, that loads before.
    Optional,
    /// Everybody who provides it loads before, if anybody does.
    All,
    /// Somebody has to provide it, and may load before or after.
    Later,
}

impl Asks {
    /// Whether somebody has to provide it.
    pub(crate) const fn is_required(self) -> bool {
        matches!(self, Asks::Required | Asks::Later)
    }

    /// Whether whoever asks waits for those that provide it.
    pub(crate) const fn waits(self) -> bool {
        !matches!(self, Asks::Later)
    }
}
