//! What is wrong with a level.

use thiserror::Error;

/// Why a level can't be set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoggerError {
    /// The text is neither a level nor a list of directives.
    #[error("`{directive}` is not a level of the log: {problem}\nhelp: {HELP}")]
    #[non_exhaustive]
    Level {
        /// The directive that can't be read, or the whole text.
        directive: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Another crate has installed the subscriber of this process.
    #[error(
        "the level can't be set: this process has a subscriber of `tracing` that is not that of the logger\n\
         help: call `bootstrap_services::logger::start` in the first line of `main`, and install no other subscriber"
    )]
    NotInstalled,
}

/// What to do about a level that can't be read.
pub(super) const HELP: &str =
    "write a level, `info`, or directives with commas between them, `info,sqlx=warn`";
