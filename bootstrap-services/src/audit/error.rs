//! What can go wrong with the audit log.

use crate::database::DatabaseError;

/// An error of [`Audit`](crate::audit::Audit).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The action is empty or too long.
    #[error("`{}` can't be the action of an audit entry: use 1 to 200 bytes, as `user.delete`", action.escape_debug())]
    InvalidAction {
        /// The action.
        action: String,
    },
    /// The entry is too large.
    #[error(
        "an audit entry `{action}` has {bytes} bytes, more than {limit}: record what changed, and not the whole value"
    )]
    TooLarge {
        /// The action of the entry.
        action: String,
        /// Its size.
        bytes: usize,
        /// The largest size.
        limit: usize,
    },
    /// A detail can't be written as JSON.
    #[error("the detail `{detail}` of an audit entry `{action}` can't be written as JSON")]
    NotJson {
        /// The action of the entry.
        action: String,
        /// The name of the detail.
        detail: String,
        /// The reason.
        source: serde_json::Error,
    },
    /// The database failed, or a transaction of another database was passed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for AuditError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
