//! How a field asks for what it holds.

/// How a field asks.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// A provider is necessary, and loads before.
    Required,
    /// If the app has a provider, that loads before.
    Optional,
    /// All providers load before, if there are any.
    All,
    /// A provider is necessary, and may load before or after.
    Later,
}

impl Asks {
    /// Whether a provider is necessary.
    pub(crate) const fn is_required(self) -> bool {
        matches!(self, Asks::Required | Asks::Later)
    }

    /// Whether the dependent waits for the providers.
    pub(crate) const fn waits(self) -> bool {
        !matches!(self, Asks::Later)
    }
}
