//! Drives one connection until it ends, or has to.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::{Request, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
#[cfg(feature = "ws")]
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::OwnedSemaphorePermit;
#[cfg(feature = "tls")]
use tokio::time::timeout;
use tokio::time::{Instant, sleep_until};

use crate::builtin::answer_without_routes;
use crate::handle::ByServer;
use crate::server::answer::{self, Answer};
use crate::server::faulty::Fault;
use crate::server::phase::{Answers, Phase};
use crate::server::request;
use crate::server::shared::Shared;
use crate::server::socket::Socket;
use crate::server::stream::Stream;

/// How many requests in front of the present one a client may send, and how much of a response is kept
/// until the client reads.
const BUFFER: usize = 64 << 10;

/// How many bytes a client has to take within the limit for writing, so that pings alone are not enough.
const LEAST: u64 = 1 << 10;

/// How long a connection on which nothing is going on has to send the first byte of a request when the server closes: it
/// may be on its way.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// How long such a connection may then take to close, as TLS does with a message.
const FAREWELL: Duration = Duration::from_secs(2);

/// Waits until a connection that has sent nothing waits for nothing.
#[cfg(any(feature = "http2", feature = "tls"))]
async fn last_look(shared: &Shared) {
    shared.closing.raised().await;
    tokio::time::sleep(LAST_LOOK).await;
}

/// Serves a connection until it ends. Its permit is held as long, also by what upgrades it.
pub(super) async fn serve(
    shared: Arc<Shared>,
    socket: Socket,
    peer: Option<SocketAddr>,
    permit: OwnedSemaphorePermit,
) {
    let counted = (permit, shared.connections.token());
    #[cfg(feature = "tls")]
    let Some((socket, protocol)) = tls(&shared, socket).await else {
        return;
    };
    #[cfg(not(feature = "tls"))]
    let protocol = Protocol::Plain;
    let limits = &shared.limits;
    let phase = Phase::new(&shared);
    let stream = Stream::new(socket, Arc::clone(&phase), limits.write, counted);
    match protocol {
        #[cfg(feature = "http2")]
        Protocol::Plain if limits.h2c => http2::serve(&shared, stream, &phase, peer).await,
        #[cfg(all(feature = "http2", feature = "tls"))]
        Protocol::Http2 => http2::serve_http2(&shared, stream, &phase, peer).await,
        _ => serve_http1(&shared, stream, &phase, peer).await,
    }
}

/// What is known of the protocol before the first request.
enum Protocol {
    /// Nothing.
    Plain,
    #[cfg(feature = "tls")]
    Http1,
    #[cfg(all(feature = "http2", feature = "tls"))]
    Http2,
}

/// Makes a TCP connection one of TLS, if that is set.
#[cfg(feature = "tls")]
async fn tls(shared: &Shared, socket: Socket) -> Option<(Socket, Protocol)> {
    let (tls, stream) = match (&shared.tls, socket) {
        (Some(tls), Socket::Tcp(stream)) => (tls, stream),
        (_, socket) => return Some((socket, Protocol::Plain)),
    };
    // `readable` is ready at once for a new socket, without a byte.
    let mut byte = [0];
    let begins = tokio::select! {
        begins = timeout(shared.limits.first_byte, stream.peek(&mut byte)) => begins,
        () = last_look(shared) => return None,
    };
    match begins {
        Ok(Ok(1..)) => {}
        // The client has left.
        Ok(_) => return None,
        Err(_) => {
            Fault::FirstByteTimeout.report(None);
            return None;
        }
    }
    let handshake = timeout(shared.limits.header, tls.0.accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = shared.cut.raised() => return None,
    };
    let stream = match accepted {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            Fault::Handshake.report(Some(&error));
            return None;
        }
        Err(_) => {
            Fault::HeaderTimeout.report(None);
            return None;
        }
    };
    #[cfg(feature = "http2")]
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        return Some((Socket::Tls(Box::new(stream)), Protocol::Http2));
    }
    Some((Socket::Tls(Box::new(stream)), Protocol::Http1))
}

async fn serve_http1(
    shared: &Arc<Shared>,
    stream: Stream,
    phase: &Arc<Phase>,
    peer: Option<SocketAddr>,
) {
    let limits = &shared.limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // `drive` has limits for what comes before the first byte as well.
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(BUFFER.max(limits.header_bytes));
    // 100 is the limit without a setting, which costs nothing.
    if limits.headers != 100 {
        builder.max_headers(limits.headers);
    }
    let service = service_fn(|request| answer(shared, request, phase, peer));
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    drive(pin!(connection), phase, shared).await;
}

/// Hands a request to the present `Web`.
fn answer(
    shared: &Shared,
    request: Request<Incoming>,
    phase: &Arc<Phase>,
    peer: Option<SocketAddr>,
) -> impl Future<Output = Result<hyper::Response<answer::Served>, std::convert::Infallible>> + use<>
{
    let answers = phase.answers(request.version() == Version::HTTP_2);
    if !names_one_host(&request) {
        return Answer::without_routes(answer::without_host(), answers);
    }
    let Some((web, ticket)) = shared.web() else {
        return without_routes(shared, request, peer, answers);
    };
    let is_foreign = is_foreign(shared, &request);
    let mut request = request::request(request, shared.limits.idle);
    if let Some(peer) = peer {
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    let draining = web.traffic().draining();
    let by_server = ByServer::new(draining, shared.of_requests, is_foreign);
    let web = web.serve(request, Arc::clone(&by_server));
    Answer::of_web(web, ticket, answers, by_server)
}

/// Whether a request has the headers `host` that its version wants. HTTP/2 has a pseudo header instead.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let first = hosts.next();
    if request.version() > Version::HTTP_11 {
        return true;
    }
    hosts.next().is_none()
        && match first {
            Some(host) => host.as_bytes().iter().copied().all(is_of_host),
            None => request.version() < Version::HTTP_11,
        }
}

/// Whether a byte may be part of a host with its port: RFC 3986, 3.2.2.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

/// Whether a page of another origin asks for a websocket.
#[cfg(feature = "ws")]
fn is_foreign(shared: &Shared, request: &Request<Incoming>) -> bool {
    // A look at the extensions costs nothing where there are none.
    let upgrades = request.extensions().get::<OnUpgrade>().is_some();
    upgrades && shared.limits.origins.refuse(request.headers())
}

#[cfg(not(feature = "ws"))]
fn is_foreign(_: &Shared, _: &Request<Incoming>) -> bool {
    false
}

/// Answers probes, and any other request with 503.
fn without_routes(
    shared: &Shared,
    request: Request<Incoming>,
    peer: Option<SocketAddr>,
    answers: Answers,
) -> Answer {
    let (mut parts, _) = request.into_parts();
    if let Some(peer) = peer {
        parts.extensions.insert(ConnectInfo(peer));
    }
    let listener = shared.of_requests.listener;
    let probe = answer_without_routes(&shared.app, listener, &parts);
    Answer::without_routes(probe.unwrap_or_else(answer::unavailable), answers)
}

/// A connection that can be asked to end after the present requests.
trait Connection: Future<Output = hyper::Result<()>> {
    fn finish(self: Pin<&mut Self>);
}

impl<S, B> Connection for http1::UpgradeableConnection<TokioIo<Stream>, S>
where
    Self: Future<Output = hyper::Result<()>>,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Polls a connection until it ends, its time is up, or the server cuts it.
async fn drive(mut connection: Pin<&mut impl Connection>, phase: &Phase, shared: &Shared) {
    let mut closing = pin!(shared.closing.raised());
    let mut cut = pin!(shared.cut.raised());
    let mut is_closing = false;
    let mut is_asked = false;
    let mut waker: Option<Waker> = None;
    let mut timer = pin!(sleep_until(next_look(phase, shared)));
    // What the client had taken when all requests began to wait for it.
    let mut taken = None;
    poll_fn(|cx| {
        // These two and the timer wake this task, once they know it. Apart from that a look at them is cheaper than a
        // poll.
        let is_known = waker
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()));
        if !is_known {
            waker = Some(cx.waker().clone());
            let _ = closing.as_mut().poll(cx);
            let _ = cut.as_mut().poll(cx);
        }
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                if let Err(error) = ended {
                    if let Some(fault) = Fault::of(&error) {
                        fault.report(Some(&error));
                    } else {
                        tracing::debug!("a connection ended: {error}");
                    }
                }
                return Poll::Ready(());
            }
            if !is_closing && shared.closing.is_raised() {
                is_closing = true;
                phase.end_if_unused(LAST_LOOK);
            }
            if is_closing && !is_asked && !phase.is_unused() {
                is_asked = true;
                connection.as_mut().finish();
                continue;
            }
            break;
        }
        if shared.cut.is_raised() {
            return Poll::Ready(());
        }
        let next = next_look(phase, shared);
        if timer.deadline() > next {
            timer.as_mut().reset(next);
        } else if is_known && !timer.is_elapsed() {
            return Poll::Pending;
        }
        while timer.as_mut().poll(cx).is_ready() {
            if phase.deadline().is_some_and(|it| it <= Instant::now()) {
                if is_closing && !is_asked {
                    is_asked = true;
                    phase.end_if_unused(FAREWELL);
                    connection.as_mut().finish();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // One that the server closes early is not at fault.
                if let (Some(fault), false) = (phase.fault(), is_closing) {
                    fault.report(None);
                }
                return Poll::Ready(());
            }
            let now = phase.waits_for_client();
            if now
                .zip(taken)
                .is_some_and(|(now, before)| now < before + LEAST)
            {
                Fault::WriteTimeout.report(None);
                return Poll::Ready(());
            }
            taken = now;
            timer.as_mut().reset(next_look(phase, shared));
        }
        Poll::Pending
    })
    .await;
}

/// The next time to look at the clock: a deadline, or, while requests are answered, whenever the connection may have
/// become idle, or its client may have stopped reading, without a poll of this task.
fn next_look(phase: &Phase, shared: &Shared) -> Instant {
    let limits = &shared.limits;
    let later = || Instant::now() + limits.idle.min(limits.write);
    phase.deadline().unwrap_or_else(later)
}

#[cfg(feature = "http2")]
mod http2 {
    use std::net::SocketAddr;
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::time::Duration;

    use hyper::body::Incoming;
    use hyper::server::conn::http2;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
    use tokio::time::timeout;

    use super::{Connection, answer, drive, last_look};
    use crate::server::faulty::Fault;
    use crate::server::phase::Phase;
    use crate::server::shared::Shared;
    use crate::server::stream::Stream;

    /// How much of a request body a client may send before a handler reads it: of one stream, and of all.
    const WINDOWS: (u32, u32) = (64 << 10, 1 << 20);

    /// How often a silent client is asked whether it is there, and how long it has for the answer.
    const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

    /// Finds out which protocol the client speaks.
    pub(super) async fn serve(
        shared: &Arc<Shared>,
        mut stream: Stream,
        phase: &Arc<Phase>,
        peer: Option<SocketAddr>,
    ) {
        let limits = &shared.limits;
        let is_http2 = tokio::select! {
            is_http2 = timeout(limits.first_byte, stream.is_http2()) => is_http2,
            () = last_look(shared) => return,
        };
        match is_http2 {
            Ok(Ok(true)) => serve_http2(shared, stream, phase, peer).await,
            Ok(Ok(false)) => super::serve_http1(shared, stream, phase, peer).await,
            Ok(Err(_)) => {}
            Err(_) => phase.fault().unwrap_or(Fault::HeaderTimeout).report(None),
        }
    }

    pub(super) async fn serve_http2(
        shared: &Arc<Shared>,
        stream: Stream,
        phase: &Arc<Phase>,
        peer: Option<SocketAddr>,
    ) {
        let limits = &shared.limits;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .max_send_buf_size(super::BUFFER)
            .keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1);
        let (of_service, of_requests) = (Arc::clone(shared), Arc::clone(phase));
        let service = service_fn(move |request| answer(&of_service, request, &of_requests, peer));
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        drive(pin!(connection), phase, shared).await;
    }

    impl<S, B> Connection for http2::Connection<TokioIo<Stream>, S, TokioExecutor>
    where
        Self: Future<Output = hyper::Result<()>>,
        S: hyper::service::HttpService<Incoming, ResBody = B>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        fn finish(self: Pin<&mut Self>) {
            self.graceful_shutdown();
        }
    }
}
