//! What is built in: plugins like the user's own, on the public parts of the other rooms.

mod client;
mod health;

pub use client::{ClientIp, Proxies, ProxiesPlugin, TrustedProxy};
pub use health::{Health, HealthCheck, Verbose};
