//! Workflows that are written as a list of named steps.
