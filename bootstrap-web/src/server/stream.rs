//! The stream of a connection, with limits that hold for hyper and for what upgrades it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::server::phase::Phase;
use crate::server::socket::Socket;

/// How long the server reads on after the end of what it has written.
const LINGER: Duration = Duration::from_secs(2);

/// A stream that ends if its client does not read, and when what has upgraded it has to end.
///
/// It counts as a connection until it is dropped, also by what has upgraded it.
pub(super) struct Stream {
    socket: Socket,
    /// Bytes that were read to find out the protocol, and how many of them were given on.
    read_ahead: Option<ReadAhead>,
    phase: Arc<Phase>,
    write_timeout: Duration,
    /// Since a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Until when what the client still sends is read, after the end of what is written to it.
    lingers: Option<Pin<Box<Sleep>>>,
    /// The end of an upgraded connection.
    ends: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    _counted: (OwnedSemaphorePermit, TaskTrackerToken),
}

#[derive(Default)]
struct ReadAhead {
    bytes: [u8; PREFACE.len()],
    len: usize,
    given: usize,
}

/// What a client sends first that knows that the server speaks HTTP/2.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Stream {
    pub(super) fn new(
        socket: Socket,
        phase: Arc<Phase>,
        write_timeout: Duration,
        counted: (OwnedSemaphorePermit, TaskTrackerToken),
    ) -> Self {
        Self {
            socket,
            read_ahead: None,
            phase,
            write_timeout,
            stalled: None,
            lingers: None,
            ends: None,
            _counted: counted,
        }
    }

    /// Reads as much as tells HTTP/2 from HTTP/1. The next read gets it.
    #[cfg(feature = "http2")]
    pub(super) async fn is_http2(&mut self) -> io::Result<bool> {
        use tokio::io::AsyncReadExt as _;

        let mut ahead = ReadAhead::default();
        let is_http2 = loop {
            let (bytes, len) = (&ahead.bytes, ahead.len);
            if bytes[..len] != PREFACE[..len] {
                break false;
            }
            if len == PREFACE.len() {
                break true;
            }
            match self.socket.read(&mut ahead.bytes[len..]).await? {
                0 => break false,
                read => ahead.len += read,
            }
            self.phase.received();
        };
        self.read_ahead = Some(ahead);
        Ok(is_http2)
    }

    /// An error once a write has waited for too long, or what has upgraded the connection has to end.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        if self.has_to_end(cx) {
            return Poll::Ready(Err(ended()));
        }
        let limit = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        match stalled.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                ErrorKind::TimedOut,
                "the client does not read",
            ))),
        }
    }

    fn count(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = polled {
            self.phase.written(*bytes);
        }
    }

    /// Reads what the client still sends, and drops it. If a socket is closed before all that has arrived was read, the
    /// system resets the connection, and the client loses the end of the response. Without anything to read there is
    /// nothing to wait for.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4 << 10];
        loop {
            let mut buf = ReadBuf::new(&mut bytes);
            let polled = Pin::new(&mut self.socket).poll_read(cx, &mut buf);
            let has_more = matches!(polled, Poll::Ready(Ok(()))) && !buf.filled().is_empty();
            match &mut self.lingers {
                lingers if has_more => {
                    let lingers = lingers.get_or_insert_with(|| Box::pin(sleep(LINGER)));
                    // It sends without a pause.
                    if lingers.deadline() <= Instant::now() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Some(lingers) if polled.is_pending() => return lingers.as_mut().poll(cx).map(Ok),
                _ => return Poll::Ready(Ok(())),
            }
        }
    }

    fn has_to_end(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(end) = self.phase.upgraded() else {
            return false;
        };
        let ends = self
            .ends
            .get_or_insert_with(|| Box::pin(end.clone().cancelled_owned()));
        ends.as_mut().poll(cx).is_ready()
    }
}

fn ended() -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, "the server drains")
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(ahead) = &mut this.read_ahead {
            let left = &ahead.bytes[ahead.given..ahead.len];
            let given = left.len().min(buf.remaining());
            buf.put_slice(&left[..given]);
            ahead.given += given;
            if ahead.given == ahead.len {
                this.read_ahead = None;
            }
            if given > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.socket).poll_read(cx, buf);
        if polled.is_pending() && this.has_to_end(cx) {
            return Poll::Ready(Err(ended()));
        }
        if buf.filled().len() > before {
            this.phase.received();
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.count(&polled);
        this.written(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write_vectored(cx, slices);
        this.count(&polled);
        this.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(cx);
        this.written(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingers.is_none() {
            let polled = Pin::new(&mut this.socket).poll_shutdown(cx);
            ready!(this.written(cx, polled))?;
        }
        this.linger(cx)
    }
}
