//! What code of users panicked with.

use std::any::Any;

/// Returns the text of a panic, if it has one.
pub(crate) fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}
