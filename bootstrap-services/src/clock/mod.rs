//! The clock that all services read.
