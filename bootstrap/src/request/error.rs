//! Why a value of a request could not be read.

use std::borrow::Cow;

use crate::base::text::line;

/// Why a request state could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestStateError {
    /// No request scope is entered where it is read.
    #[error(
        "the request state `{}` is not initialized: no request scope is entered here; open one, \
         with `request_scope`, and `enter` it",
        line(.state)
    )]
    NoScope {
        /// The state, as messages call it.
        state: Cow<'static, str>,
    },
    /// Nothing has set it in this scope, nor in those around it.
    #[error(
        "the request state `{}` is not initialized: nothing has set it in this request scope; \
         set it before it is read",
        line(.state)
    )]
    NotSet {
        /// The state, as messages call it.
        state: Cow<'static, str>,
    },
    /// The scope has ended, and its values are gone.
    #[error(
        "the request state `{}` is gone: its request scope has ended; read it before, and keep \
         what is needed longer",
        line(.state)
    )]
    Ended {
        /// The state, as messages call it.
        state: Cow<'static, str>,
    },
}
