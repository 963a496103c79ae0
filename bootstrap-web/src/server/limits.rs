//! The limits of a server, checked.

use std::time::Duration;

#[cfg(feature = "ws")]
use crate::server::websocket::Origins;
use crate::values::KeyFault;

/// The least that `http.max_header_bytes` may be.
const LEAST_HEADER: usize = 1 << 10;

/// The limits of connections and of their requests.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) first_byte: Duration,
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) request: Duration,
    pub(super) write: Duration,
    pub(super) body: usize,
    pub(super) header_bytes: usize,
    pub(super) headers: usize,
    pub(super) drain_delay: Duration,
    pub(super) drain: Duration,
    pub(super) stream_grace: Duration,
    /// The most bytes of a message and of a frame of a websocket.
    #[cfg(feature = "ws")]
    pub(super) websocket: (usize, usize),
    #[cfg(feature = "ws")]
    pub(super) origins: Origins,
    #[cfg(feature = "http2")]
    pub(super) h2c: bool,
    #[cfg(feature = "http2")]
    pub(super) streams: u32,
}

impl Limits {
    /// Refuses what would serve nothing, or wait without a limit.
    pub(super) fn check(&self) -> Result<(), KeyFault> {
        let times = [
            ("http.first_byte_timeout", self.first_byte),
            ("http.header_timeout", self.header),
            ("http.idle_timeout", self.idle),
            ("http.request_timeout", self.request),
            ("http.write_timeout", self.write),
            ("http.drain_timeout", self.drain),
        ];
        if let Some((key, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            let wrong = format!("`{key}` is a limit, which can't be zero");
            return Err(KeyFault::new(key, wrong, "set a duration, as \"10s\""));
        }
        let numbers = [
            ("http.max_connections", self.connections),
            ("http.max_headers", self.headers),
            #[cfg(feature = "http2")]
            ("http.http2.max_streams", self.streams as usize),
            #[cfg(feature = "ws")]
            ("http.websocket.max_message_bytes", self.websocket.0),
            #[cfg(feature = "ws")]
            ("http.websocket.max_frame_bytes", self.websocket.1),
        ];
        if let Some((key, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            let wrong = format!("`{key}` is zero, so nothing could be answered");
            return Err(KeyFault::new(key, wrong, "set a number"));
        }
        if self.header_bytes < LEAST_HEADER {
            let wrong = format!(
                "`http.max_header_bytes` is {}, which is too little for a request",
                self.header_bytes
            );
            let help = format!("set at least {LEAST_HEADER}");
            return Err(KeyFault::new("http.max_header_bytes", wrong, help));
        }
        Ok(())
    }
}

/// Raises the limit of file descriptors, so that all connections have one, and returns a warning if that is not
/// possible.
#[cfg(unix)]
pub(super) fn raise_descriptors(connections: usize) -> Option<String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // Each request may have one of its own: a file, a connection to a database.
    let wanted = (connections as u64).saturating_mul(2).saturating_add(64);
    let limit = getrlimit(Resource::Nofile);
    let now = limit.current.unwrap_or(u64::MAX);
    if now >= wanted {
        return None;
    }
    let raised = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let set = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(raised.max(now)),
            maximum: limit.maximum,
        },
    );
    let have = if set.is_ok() { raised.max(now) } else { now };
    (have <= connections as u64).then(|| {
        format!(
            "this process may open {have} files, and `http.max_connections` is {connections}: raise the limit \
             (`ulimit -n`, `LimitNOFILE`), or lower the key"
        )
    })
}

#[cfg(not(unix))]
pub(super) fn raise_descriptors(_: usize) -> Option<String> {
    None
}
