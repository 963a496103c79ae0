//! The address of the client, behind proxies that are trusted.

mod argument;
mod forwarded;
mod proxies;

pub use argument::ClientIp;
pub use proxies::{Proxies, ProxiesPlugin, TrustedProxy};

pub(super) use argument::peer;
