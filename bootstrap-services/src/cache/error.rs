//! What can go wrong with a region.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A region that can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The name is empty, too long, or has letters that it may not have.
    #[error(
        "`{region}` can't be the name of a cache region\nuse 1 to 64 letters, digits, `-`, `_` and `.`"
    )]
    Name {
        /// The name.
        region: String,
    },
    /// The time to live is zero.
    #[error(
        "the cache region `{region}` has a time to live of zero, so it could keep nothing\nset a longer `ttl`, or leave it out for 5 minutes"
    )]
    ZeroTtl {
        /// The name of the region.
        region: String,
    },
    /// The capacity is zero.
    #[error(
        "the cache region `{region}` has a capacity of zero, so it could keep nothing\nset a higher `capacity`, or leave it out for 10,000 entries"
    )]
    ZeroCapacity {
        /// The name of the region.
        region: String,
    },
    /// There is a region with this name that differs in its types or its settings.
    #[error(
        "the cache region `{region}` was made before with {differs}\nuse the same types and settings in both places, or another name"
    )]
    Conflict {
        /// The name of the region.
        region: String,
        /// What differs: `another capacity`.
        differs: &'static str,
    },
    /// There are 1,000 regions.
    #[error(
        "the cache region `{region}` would be one more than 1,000 regions, and none of them is ever removed\nmake a region for each kind of value, not for each value"
    )]
    TooMany {
        /// The name of the region.
        region: String,
    },
}

/// A value that could not be loaded. All callers that waited for the value get the same error.
///
/// The loader's own error is its [`source`](Error::source), and [`error`](Self::error) with its type.
#[derive(Clone, Debug)]
pub struct LoadError {
    region: Arc<str>,
    error: Arc<anyhow::Error>,
}

impl LoadError {
    pub(super) fn new(region: &Arc<str>, error: anyhow::Error) -> Self {
        Self {
            region: Arc::clone(region),
            error: Arc::new(error),
        }
    }

    /// The name of the region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The error of the loader.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_services::cache::LoadError;
    ///
    /// fn is_not_found(error: &LoadError) -> bool {
    ///     let error = error.error().downcast_ref::<std::io::Error>();
    ///     error.is_some_and(|it| it.kind() == std::io::ErrorKind::NotFound)
    /// }
    /// ```
    pub fn error(&self) -> &anyhow::Error {
        &self.error
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a value of the cache region `{}` can't be loaded",
            self.region
        )
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let error: &(dyn Error + Send + Sync + 'static) = (*self.error).as_ref();
        Some(error)
    }
}
