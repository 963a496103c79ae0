//! Services by name: values that factories create once every plugin has loaded.
//!
//! [`ServicesPlugin`] holds the definitions, and the state [`Services`] finds the values. The guide page `named` shows
//! when a plugin is better.

mod context;
mod error;
mod plugin;
mod service;
mod services;

pub use context::ServiceContext;
pub use error::ServiceError;
pub use plugin::ServicesPlugin;
pub use service::Service;
pub use services::Services;
