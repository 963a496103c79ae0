//! Audit: who changed what.
