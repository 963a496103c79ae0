//! The half of the example service that stores bookmarks.
//!
//! It has four plugins (database, schema, cache, repository) and the settings, which are a section of
//! the configuration. Nothing in here depends on HTTP. A plugin that requires `State<Bookmarks>` links
//! all of it.

mod cache;
mod database;
mod repository;
mod settings;

pub use repository::{AddError, Bookmark, Bookmarks, NewBookmark};
pub use settings::{DATABASE_LIMIT, Settings, configuration};
