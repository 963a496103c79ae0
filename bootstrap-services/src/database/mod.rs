//! The database: `SQLite`, with migrations for each plugin.
