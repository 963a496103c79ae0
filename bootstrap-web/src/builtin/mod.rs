//! What is built in: plugins like the user's own, on the public parts of the other rooms.

mod access;
mod bearer;
mod client;
#[cfg(feature = "compression")]
mod compression;
#[cfg(feature = "cors")]
mod cors;
mod created;
#[cfg(feature = "files")]
mod files;
mod health;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(any(feature = "cors", all(feature = "server", feature = "ws")))]
mod origin;

pub use access::{AccessLog, RequestId};
pub use bearer::Bearer;
pub use client::{ClientIp, Proxies, ProxiesPlugin, TrustedProxy};
#[cfg(feature = "compression")]
pub use compression::Compression;
#[cfg(feature = "cors")]
pub use cors::Cors;
pub use created::Created;
#[cfg(feature = "files")]
pub use files::Files;
pub use health::{Health, Verbose};
#[cfg(feature = "openapi")]
pub use openapi::OpenApi;

#[cfg(feature = "server")]
pub(crate) use health::answer_without_routes;
#[cfg(all(feature = "server", feature = "ws"))]
pub(crate) use origin::{HELP as HELP_WITH_ORIGIN, origin};
