//! Where something was written.

use std::fmt;
use std::panic;

/// A place in the user's source code: where a plugin is declared, where it was registered, which
/// field asks for a state.
///
/// # Examples
///
/// ```
/// let here = bootstrap::plan::Location::caller();
/// assert!(here.to_string().contains(".rs:"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Location {
    file: &'static str,
    line: u32,
    column: u32,
}

impl Location {
    /// The place of a declaration; the macro writes these.
    #[doc(hidden)]
    pub const fn new(file: &'static str, line: u32, column: u32) -> Self {
        Self { file, line, column }
    }

    /// The place that called the function in which this is called, if that function is marked
    /// `#[track_caller]`, else this very place.
    #[track_caller]
    pub fn caller() -> Self {
        let caller = panic::Location::caller();
        Self::new(caller.file(), caller.line(), caller.column())
    }

    /// The file, as the compiler was given it (mostly relative to the workspace).
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// The line, counted from 1.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The column, counted from 1.
    pub const fn column(&self) -> u32 {
        self.column
    }

    /// The place in words, with its column if one of `others` is on the same line: calls may be chained.
    pub(crate) fn among(self, mut others: impl Iterator<Item = Self>) -> String {
        let is_beside = |it: Self| it != self && (it.file, it.line) == (self.file, self.line);
        if others.any(is_beside) {
            format!("{self}:{}", self.column)
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
