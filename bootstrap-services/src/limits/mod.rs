//! Rate limits by name.
