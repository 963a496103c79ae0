//! What is observed of each request: an id, a span, one event, metrics.

mod body;
mod id;
mod layer;
#[cfg(feature = "metrics")]
mod metrics;
mod plugin;
mod record;

pub use id::RequestId;
pub use plugin::AccessLog;
