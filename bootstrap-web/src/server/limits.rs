//! The limits of a server, checked.

use std::time::Duration;

use anyhow::bail;

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
    #[cfg(feature = "http2")]
    pub(super) h2c: bool,
    #[cfg(feature = "http2")]
    pub(super) streams: u32,
}

impl Limits {
    /// Refuses what would serve nothing, or wait without a limit.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let times = [
            ("first_byte_timeout", self.first_byte),
            ("header_timeout", self.header),
            ("idle_timeout", self.idle),
            ("request_timeout", self.request),
            ("write_timeout", self.write),
            ("drain_timeout", self.drain),
        ];
        for (key, time) in times {
            if time.is_zero() {
                bail!("`http.{key}` is a limit, which can't be zero: set a duration, as \"10s\"");
            }
        }
        let numbers = [
            ("max_connections", self.connections),
            ("max_headers", self.headers),
        ];
        for (key, number) in numbers {
            if number == 0 {
                bail!("`http.{key}` is zero, so no request could be answered: set a number");
            }
        }
        if self.header_bytes < LEAST_HEADER {
            bail!(
                "`http.max_header_bytes` is {}, which is too little for a request: set at least {LEAST_HEADER}",
                self.header_bytes
            );
        }
        #[cfg(feature = "http2")]
        if self.streams == 0 {
            bail!(
                "`http.http2.max_streams` is zero, so no request could be answered: set a number"
            );
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
