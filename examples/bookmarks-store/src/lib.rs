//! The half of the example service that stores bookmarks.
//!
//! Four plugins: database, schema, cache, repository; and the settings, which the configuration
//! provides. Nothing in here knows about HTTP,
//! and whoever wants bookmarks asks for a `State<Bookmarks>`: the rest comes along.

mod cache;
mod database;
mod repository;
mod settings;

pub use repository::{AddError, Bookmark, Bookmarks, NewBookmark};
pub use settings::{CLOSE_LIMIT, DATABASE_LIMIT, Settings, configuration};
