//! The half of the example service that stores bookmarks.
//!
//! Five plugins: settings, database, schema, cache, repository. Nothing in here knows about HTTP,
//! and whoever wants bookmarks asks for a `State<Bookmarks>`: the rest comes along.

mod cache;
mod database;
mod repository;
mod settings;

pub use repository::{AddError, Bookmark, Bookmarks, NewBookmark};
pub use settings::{FILE, Settings};
