//! What is built in: plugins like the user's own, on the public parts of the other rooms.

mod access;
mod client;
mod health;
#[cfg(feature = "openapi")]
mod openapi;

pub use access::{AccessLog, RequestId};
pub use client::{ClientIp, Proxies, ProxiesPlugin, TrustedProxy};
pub use health::{Health, HealthCheck, Verbose};
#[cfg(feature = "openapi")]
pub use openapi::OpenApi;
