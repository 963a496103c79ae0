//! Accepts connections, and ends each of them in time, whatever the client does.
//!
//! `axum::serve` has no limits, so this uses `hyper`, which limits the head of a request.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The pause after a failed accept, for example when the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The time between two warnings that connections have to wait.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The number of connections at a time. Further ones wait in the queue of the operating system.
    pub(crate) connections: usize,
    /// How long the head of a request may take, counted from the end of the request before it. So it
    /// also limits connections without a request.
    pub(crate) head: Duration,
    /// The age after which a connection takes no further request.
    pub(crate) age: Duration,
    /// How long a connection may continue after that, and after the server has stopped: for the current
    /// request, and for a client that still reads its answer.
    pub(crate) rest: Duration,
}

/// Serves until `stopped` is cancelled and every connection has ended.
///
/// # Cancel safety
///
/// All connections end at once if the future is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stopped: &CancellationToken,
) {
    let mut connections = JoinSet::new();
    let mut warned: Option<Instant> = None;
    let mut warn = |text: &str| {
        if warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
            warned = Some(Instant::now());
            tracing::warn!("new connections have to wait: {text}");
        }
    };
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, peer)) => {
                    let router = TowerToHyperService::new(router.clone());
                    connections.spawn(connection(stream, peer, router, limits, stopped.clone()));
                    if connections.len() == limits.connections {
                        warn(&format!("there are {} already", limits.connections));
                    }
                }
                // The client has closed the connection.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    warn(&error.to_string());
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped.cancelled() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: TowerToHyperService<Router>,
    limits: Limits,
    stopped: CancellationToken,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), router);
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Ok(ended),
        () = async { timeout(limits.age, stopped.cancelled()).await.unwrap_or(()) } => {
            served.as_mut().graceful_shutdown();
            timeout(limits.rest, served).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("the connection of {peer} failed: {error}"),
        Err(_) => {
            let rest = limits.rest;
            tracing::warn!(
                "the connection of {peer} was cut: its last request took longer than {rest:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_mins(10);
    const DEADLINE: Duration = Duration::from_mins(1);

    const LIMITS: Limits = Limits {
        connections: 8,
        head: LONG,
        age: LONG,
        rest: LONG,
    };

    struct Server {
        address: SocketAddr,
        stopped: CancellationToken,
        served: JoinHandle<()>,
    }

    async fn start(limits: Limits) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = CancellationToken::new();
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/large", get(async || "x".repeat(64 << 20)))
            .route("/never", get(pending::<()>));
        let stop = stopped.clone();
        let served = async move { serve(listener, router, limits, &stop).await };
        Server {
            address,
            stopped,
            served: tokio::spawn(served),
        }
    }

    impl Server {
        async fn ask(&self, path: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        }

        async fn has_stopped(self) {
            timeout(DEADLINE, self.served).await.unwrap().unwrap();
        }
    }

    /// Reads until the server closes the connection.
    async fn rest(mut stream: TcpStream) -> io::Result<String> {
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        timeout(DEADLINE, read).await.unwrap().map(|_| text)
    }

    async fn answer(stream: &mut TcpStream) {
        let mut text = Vec::new();
        while !text.ends_with(b"hello") {
            let read = stream.read_buf(&mut text);
            assert_ne!(timeout(DEADLINE, read).await.unwrap().unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn a_connection_without_a_whole_head_is_closed() {
        let server = start(Limits {
            head: SHORT,
            ..LIMITS
        })
        .await;
        for sent in ["", "GET / HTTP/1.1\r\nhost:"] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            assert_eq!(rest(stream).await.unwrap(), "");
        }
        let mut kept_alive = server.ask("/").await;
        answer(&mut kept_alive).await;
        assert_eq!(rest(kept_alive).await.unwrap(), "");
        // A head that arrives slowly is cut off as well.
        let mut slow = TcpStream::connect(server.address).await.unwrap();
        let trickle = async {
            while slow.write_all(b"a").await.is_ok() {
                sleep(SHORT / 4).await;
            }
        };
        timeout(DEADLINE, trickle).await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_hangs_is_cut_after_the_stop() {
        let server = start(Limits {
            rest: SHORT,
            ..LIMITS
        })
        .await;
        let hangs = server.ask("/never").await;
        let mut idle = server.ask("/").await;
        answer(&mut idle).await;
        server.stopped.cancel();
        assert_eq!(rest(hangs).await.unwrap(), "");
        assert_eq!(rest(idle).await.unwrap(), "");
        server.has_stopped().await;
    }

    #[tokio::test]
    async fn an_old_connection_is_closed_between_two_requests() {
        let server = start(Limits {
            age: SHORT,
            ..LIMITS
        })
        .await;
        let mut idle = server.ask("/").await;
        answer(&mut idle).await;
        assert_eq!(rest(idle).await.unwrap(), "");
    }

    /// The only connection is taken by a client that does not read.
    #[tokio::test]
    async fn a_client_that_does_not_read_makes_room_for_the_next() {
        let limits = Limits {
            connections: 1,
            age: SHORT,
            rest: SHORT,
            ..LIMITS
        };
        let server = start(limits).await;
        let silent = server.ask("/large").await;
        answer(&mut server.ask("/").await).await;
        assert!(rest(silent).await.is_ok_and(|it| it.len() < 64 << 20));
        server.stopped.cancel();
        server.has_stopped().await;
    }
}
