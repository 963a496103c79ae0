//! The OpenAPI document of all routes, and a page that shows it.

mod document;
mod parameters;
mod plugin;
mod schemas;

pub use plugin::OpenApi;
