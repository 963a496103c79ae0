//! Connections that end by the fault of their clients: counted, and logged at the level `debug`, because a client
//! may make as many as it likes.

use std::error::Error;
use std::io::{self, ErrorKind};

#[cfg(feature = "metrics")]
const CLOSED: &str = "http_connections_closed_total";

/// Describes the metric to the recorder.
#[cfg(feature = "metrics")]
pub(super) fn describe() {
    metrics::describe_counter!(
        CLOSED,
        metrics::Unit::Count,
        "Connections that were closed by the fault of their clients."
    );
}

/// What a client has done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What it sent was no request; it got 400.
    Malformed,
    /// The head of its request was too large; it got 431, or 414.
    HeadTooLarge,
    /// It sent nothing.
    FirstByteTimeout,
    /// It did not send the whole head of a request, or did not complete the handshake of TLS.
    HeaderTimeout,
    /// It did not read the response.
    WriteTimeout,
    /// The handshake of TLS failed.
    #[cfg(feature = "tls")]
    Handshake,
}

impl Fault {
    /// The fault behind an error, unless the connection broke off.
    pub(super) fn of(error: &hyper::Error) -> Option<Self> {
        if error.is_parse_too_large() {
            return Some(Self::HeadTooLarge);
        }
        if error.is_parse() {
            return Some(Self::Malformed);
        }
        let source = error.source()?.downcast_ref::<io::Error>()?;
        (source.kind() == ErrorKind::TimedOut).then_some(Self::WriteTimeout)
    }

    fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::HeadTooLarge => "head_too_large",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::HeaderTimeout => "header_timeout",
            Self::WriteTimeout => "write_timeout",
            #[cfg(feature = "tls")]
            Self::Handshake => "handshake",
        }
    }

    pub(super) fn report(self, error: Option<&(dyn Error + 'static)>) {
        let fault = self.label();
        #[cfg(feature = "metrics")]
        metrics::counter!(CLOSED, "fault" => fault).increment(1);
        tracing::debug!(fault, error, "a connection was closed");
    }
}
