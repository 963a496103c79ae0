//! The plugin.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bootstrap::lifecycle::ShutdownReason;
use bootstrap::prelude::*;
use tokio::sync::oneshot;

use crate::handle::Listener;
use crate::server::accept;
use crate::server::address::{Address, LISTEN, Listen, MANAGEMENT};
use crate::server::bind::{Binding, Reserved};
use crate::server::drain::drain;
#[cfg(feature = "metrics")]
use crate::server::faulty;
use crate::server::limits::{Limits, raise_descriptors};
use crate::server::listening::{Bound, Listening};
use crate::server::managed::Managed;
#[cfg(feature = "tls")]
use crate::server::shared::Acceptor;
use crate::server::shared::Shared;
#[cfg(feature = "tls")]
use crate::server::tls::{Files, Tls};
#[cfg(feature = "ws")]
use crate::server::websocket::Origins;
use crate::values::{KeyFault, Size, Time};
use crate::web::{Web, WebPlugin};

/// More than any limit needs, and little enough to count with.
const YEAR: Duration = Duration::from_hours(365 * 24);

fn at_most_a_year(time: Time) -> Duration {
    time.0.min(YEAR)
}

/// The HTTP server: gives the routes of the app a socket, and drains within limits, whatever clients do.
///
/// It joins every app that collects and that links this crate with its feature `server`. Each option is a key in the
/// section `http` of the configuration, and a method; see the
/// [guide](crate::guide::server) for all of them.
///
/// It binds as the app begins to load, so that a port that is taken fails the boot, and accepts connections once all
/// plugins are ready, before the hooks of [`App::on_ready`]. When other parts of the app
/// [restart](bootstrap::Handle::restart) it keeps its socket, and answers 503 until the routes are back. On the way
/// back it drains first, as its child `http/drain`, which is in the order behind the routes.
///
/// # Errors
///
/// The boot fails if an address can't be bound, and if a limit makes no sense.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::server::Server;
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/", || "hello")
/// }
///
/// #[tokio::main]
/// async fn main() -> bootstrap::Exit {
///     // `App::collect().run().await` serves as well, with the options of the configuration.
///     let server = Server::default().listen("0.0.0.0:80").drain_timeout(Duration::from_secs(10));
///     App::collect().with(server).run().await
/// }
/// ```
#[plugin(name = "http", states = [Listening], load_timeout = "30s")]
#[derive(Debug)]
pub struct Server {
    /// Without an order that restarts follow: the server goes on when the routes restart.
    web: Lazy<State<Web>>,
    #[option(config = "http.listen", default = Listen::default(), setter = false)]
    listen: Listen,
    #[option(config = "http.bind_retry", default = 0, setter = false)]
    bind_retry: u16,
    #[option(config = "http.refuse_until_ready", default = false, setter = false)]
    refuse_until_ready: bool,
    #[option(config = "management.listen", default = Listen::default(), setter = false)]
    management: Listen,
    #[option(config = "http.max_connections", default = 10_000, setter = false)]
    max_connections: usize,
    #[option(config = "http.first_byte_timeout", default = Time::seconds(10), setter = false)]
    first_byte_timeout: Time,
    #[option(config = "http.header_timeout", default = Time::seconds(10), setter = false)]
    header_timeout: Time,
    #[option(config = "http.idle_timeout", default = Time::seconds(75), setter = false)]
    idle_timeout: Time,
    #[option(config = "http.request_timeout", default = Time::seconds(30), setter = false)]
    request_timeout: Time,
    #[option(config = "http.write_timeout", default = Time::seconds(30), setter = false)]
    write_timeout: Time,
    #[option(config = "http.body_limit", default = Size(2 << 20), setter = false)]
    body_limit: Size,
    #[option(config = "http.max_header_bytes", default = Size(16 << 10), setter = false)]
    max_header_bytes: Size,
    #[option(config = "http.max_headers", default = 100, setter = false)]
    max_headers: usize,
    #[option(config = "http.drain_delay", default = Time::seconds(0), setter = false)]
    drain_delay: Time,
    #[option(config = "http.drain_timeout", default = Time::seconds(20), setter = false)]
    drain_timeout: Time,
    #[option(config = "http.stream_grace", default = Time::seconds(1), setter = false)]
    stream_grace: Time,
    #[cfg(feature = "http2")]
    #[option(config = "http.h2c", default = false, setter = false)]
    h2c: bool,
    #[cfg(feature = "http2")]
    #[option(config = "http.http2.max_streams", default = 200, setter = false)]
    max_streams: u32,
    #[option(config = "http.tls.cert", default = String::new(), setter = false)]
    certificate: String,
    #[option(config = "http.tls.key", default = String::new(), setter = false)]
    key: String,
    #[cfg(feature = "ws")]
    #[option(config = "http.websocket.origins", default = Vec::new(), setter = false)]
    websocket_origins: Vec<String>,
    #[cfg(feature = "ws")]
    #[option(config = "http.websocket.max_message_bytes", default = Size(1 << 20), setter = false)]
    max_message_bytes: Size,
    #[cfg(feature = "ws")]
    #[option(config = "http.websocket.max_frame_bytes", default = Size(1 << 20), setter = false)]
    max_frame_bytes: Size,
    #[local]
    managed: Option<Managed>,
}

macro_rules! setters {
    ($($(#[$meta:meta])* $name:ident: $type:ty => $value:expr;)*) => {
        impl Server {$(
            $(#[$meta])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $value;
                self
            }
        )*}
    };
}

setters! {
    /// The number of the next ports to try if a port is taken: `http.bind_retry`, 0.
    bind_retry: u16 => bind_retry;
    /// Whether clients that connect before the app is ready are refused, instead of waiting in the queue of the system:
    /// `http.refuse_until_ready`, false. Inherited sockets are open already.
    refuse_until_ready: bool => refuse_until_ready;
    /// The number of connections at a time; further ones wait in the queue of the system: `http.max_connections`,
    /// 10,000.
    max_connections: usize => max_connections;
    /// How long a new connection may send nothing: `http.first_byte_timeout`, 10 s.
    first_byte_timeout: Duration => Time(first_byte_timeout);
    /// How long the head of a request, or a handshake of TLS, may take from its first byte on: `http.header_timeout`, 10 s.
    header_timeout: Duration => Time(header_timeout);
    /// How long a connection may wait for its next request and, with HTTP/1, for the next bytes of a body: `http.idle_timeout`, 75 s.
    idle_timeout: Duration => Time(idle_timeout);
    /// How long a request may take from the `before_handle` hooks to the response of its handler, if its route has no limit of
    /// its own: `http.request_timeout`, 30 s. The body of the response has no limit as long as the client reads.
    request_timeout: Duration => Time(request_timeout);
    /// How long a client may take to read anything of a response: `http.write_timeout`, 30 s.
    write_timeout: Duration => Time(write_timeout);
    /// The most bytes of a request body, if its route has no limit of its own: `http.body_limit`, 2 MiB.
    body_limit: usize => Size(body_limit);
    /// The most bytes of the head of a request: `http.max_header_bytes`, 16 KiB.
    max_header_bytes: usize => Size(max_header_bytes);
    /// The most headers of a request with HTTP/1: `http.max_headers`, 100.
    max_headers: usize => max_headers;
    /// How long the server stays open when it has to stop, while probes answer that it is not ready:
    /// `http.drain_delay`, 0 s.
    drain_delay: Duration => Time(drain_delay);
    /// How long requests that have begun may take after that: `http.drain_timeout`, 20 s.
    drain_timeout: Duration => Time(drain_timeout);
    /// How long event streams and upgraded connections may take after that: `http.stream_grace`, 1 s.
    stream_grace: Duration => Time(stream_grace);
}

#[cfg(feature = "ws")]
setters! {
    /// The origins of pages that may open a websocket, beside pages of the host that the request names: `https://app.example`, or
    /// `*` for all: `http.websocket.origins`, none. Requires the feature `ws`.
    websocket_origins: Vec<String> => websocket_origins;
    /// The most bytes of a message of a websocket: `http.websocket.max_message_bytes`, 1 MiB. Requires the feature `ws`.
    max_message_bytes: usize => Size(max_message_bytes);
    /// The most bytes of a frame of a websocket: `http.websocket.max_frame_bytes`, 1 MiB. Requires the feature `ws`.
    max_frame_bytes: usize => Size(max_frame_bytes);
}

#[cfg(feature = "http2")]
setters! {
    /// Whether clients may speak HTTP/2 without TLS, by prior knowledge: `http.h2c`, false.
    h2c: bool => h2c;
    /// The most requests at a time of a connection with HTTP/2: `http.http2.max_streams`, 200.
    max_streams: u32 => max_streams;
}

impl Server {
    /// Where to listen: `http.listen`, `127.0.0.1:3000`. If it is not set and the environment variable `PORT` is, it is
    /// that port of all networks of IPv4.
    #[must_use]
    pub fn listen(mut self, listen: impl Into<Listen>) -> Self {
        self.listen = listen.into();
        self
    }

    /// Where to listen for operators: `management.listen`, nowhere. Probes are answered there from the beginning of the boot to the
    /// end of the close, and sets with `#[routes(management)]` are served only there.
    #[must_use]
    pub fn management(mut self, listen: impl Into<Listen>) -> Self {
        self.management = listen.into();
        self
    }

    /// The files of a certificate, with its chain, and of its key, both in PEM: `http.tls.cert` and `http.tls.key`, none. All
    /// TCP connections speak TLS then. The files are read again when they change.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, certificate: impl Into<String>, key: impl Into<String>) -> Self {
        self.certificate = certificate.into();
        self.key = key.into();
        self
    }

    fn limits(&self) -> Result<Limits, KeyFault> {
        let limits = Limits {
            connections: self.max_connections,
            first_byte: at_most_a_year(self.first_byte_timeout),
            header: at_most_a_year(self.header_timeout),
            idle: at_most_a_year(self.idle_timeout),
            request: at_most_a_year(self.request_timeout),
            write: at_most_a_year(self.write_timeout),
            body: self.body_limit.0,
            header_bytes: self.max_header_bytes.0,
            headers: self.max_headers,
            drain_delay: at_most_a_year(self.drain_delay),
            drain: at_most_a_year(self.drain_timeout),
            stream_grace: at_most_a_year(self.stream_grace),
            #[cfg(feature = "ws")]
            websocket: (self.max_message_bytes.0, self.max_frame_bytes.0),
            #[cfg(feature = "ws")]
            origins: Origins::new(&self.websocket_origins)?,
            #[cfg(feature = "http2")]
            h2c: self.h2c,
            #[cfg(feature = "http2")]
            streams: self.max_streams,
        };
        limits.check()?;
        Ok(limits)
    }

    /// Binds the addresses of a key.
    async fn bind(
        &self,
        cx: &LoadContext,
        addresses: Vec<Address>,
        binding: Binding,
    ) -> Result<Vec<Reserved>, KeyFault> {
        let mut reserved = Vec::new();
        for address in addresses {
            cx.progress(format!("binding {address}"));
            reserved.push(binding.bind(&address).await?);
        }
        Ok(reserved)
    }

    async fn listen_for_all(&mut self, cx: &mut LoadContext) -> Result<Listening> {
        #[cfg(feature = "metrics")]
        faulty::describe();
        let limits = Arc::new(self.limits()?);
        let port = std::env::var("PORT").ok();
        let binding = Binding {
            key: LISTEN,
            retries: self.bind_retry,
            is_refusing: self.refuse_until_ready,
        };
        let addresses = self.listen.addresses(port.as_deref())?;
        let public = self.bind(cx, addresses, binding).await?;
        let binding = Binding {
            key: MANAGEMENT,
            retries: 0,
            is_refusing: false,
        };
        let addresses = self.management.set(MANAGEMENT)?;
        let management = self.bind(cx, addresses, binding).await?;
        if let Some(warning) = raise_descriptors(limits.connections) {
            tracing::warn!("{warning}");
        }
        let kind = if management.is_empty() {
            Listener::Only
        } else {
            Listener::Public
        };
        let shared = |kind| Shared::new(self.web.clone(), cx.handle(), Arc::clone(&limits), kind);
        let (mut clients, mut operators) = (shared(kind), shared(Listener::Management));
        let mut listening = Listening::new(all(&public)?, all(&management)?);
        self.speak_tls(cx, [&mut clients, &mut operators], &mut listening)
            .await?;
        let clients = Arc::new(clients);
        if !management.is_empty() {
            let open: io::Result<Vec<_>> = management.into_iter().map(Reserved::open).collect();
            self.managed = Some(Managed::start(Arc::new(operators), open?));
            tracing::info!("listening for management on {}", listening.of_management());
        }
        accept(cx, &clients, public, listening.to_string());
        cx.register(Drain::new(clients));
        Ok(listening)
    }

    #[cfg(feature = "tls")]
    async fn speak_tls(
        &self,
        cx: &LoadContext,
        all: [&mut Shared; 2],
        listening: &mut Listening,
    ) -> Result<()> {
        let Some(files) = Files::new(&self.certificate, &self.key)? else {
            return Ok(());
        };
        let tls = Tls::load(files).await?;
        listening.set_tls();
        for shared in all {
            shared.tls = Some(Acceptor(tls.acceptor.clone()));
        }
        cx.spawn("certificate", async move |cx| {
            tls.reload(cx).await;
            Ok(())
        });
        Ok(())
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with TLS it reads files")]
    async fn speak_tls(
        &self,
        _: &LoadContext,
        _: [&mut Shared; 2],
        _: &mut Listening,
    ) -> Result<()> {
        let keys = [
            ("http.tls.cert", &self.certificate),
            ("http.tls.key", &self.key),
        ];
        let set = keys.into_iter().find(|(_, value)| !value.is_empty());
        // Without TLS what clients send could be read by all.
        set.map_or(Ok(()), |(key, _)| {
            let wrong = format!("`{key}` is set, and this program was built without TLS");
            let help = "build it with the feature `tls` of `bootstrap-web`, or remove `http.tls`";
            Err(KeyFault::new(key, wrong, help).into())
        })
    }
}

fn all(reserved: &[Reserved]) -> io::Result<Vec<Bound>> {
    reserved.iter().map(Reserved::bound).collect()
}

/// Accepts clients once everything is ready.
fn accept(cx: &LoadContext, shared: &Arc<Shared>, reserved: Vec<Reserved>, text: String) {
    let (ask, asked) = oneshot::channel();
    let opened = Arc::clone(shared);
    cx.on_all_ready(async move |_| {
        opened.begin();
        let (answer, answered) = oneshot::channel::<io::Result<()>>();
        let _ = ask.send(answer);
        // It has ended, as the app stops already.
        if let Ok(result) = answered.await {
            result.context("can't listen")?;
            tracing::info!("listening on {text}");
        }
        Ok(())
    });
    let shared = Arc::clone(shared);
    cx.spawn("accept", async move |cx| {
        let accepting = async {
            let listeners = accept::open(reserved, asked).await;
            accept::run(shared, listeners).await;
        };
        tokio::select! {
            () = accepting => {}
            // The drain has waited as long as it may, or the boot has failed.
            () = cx.stopped() => {}
        }
        Ok(())
    });
}

/// Adds the place of the key to an error that names one.
fn placed(cx: &LoadContext, error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<KeyFault>() {
        Ok(fault) => fault.placed(cx).into(),
        Err(error) => error,
    }
}

impl Hooks for Server {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Listening> {
        let loaded = self.listen_for_all(cx).await;
        loaded.map_err(|error| placed(cx, error))
    }

    /// If the app stops, the listener for management stays until the end.
    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        let is_final = !matches!(
            cx.reason(),
            ShutdownReason::Restart(_)
                | ShutdownReason::RolledBack(_)
                | ShutdownReason::RestartFailed(_)
        );
        if let (Some(managed), false) = (&self.managed, is_final) {
            managed.end().await;
        }
        Ok(())
    }
}

/// Ends a server before anything ends that its requests use: its place in the order is behind the routes, while the
/// server itself loads before everything else.
// The hook limits itself by its keys; this only keeps the default of the app from cutting it.
#[plugin(name = "drain", after = [WebPlugin], collect = never, close_timeout = "24h")]
#[derive(Debug)]
struct Drain {
    #[option(required)]
    shared: Arc<Shared>,
}

impl Hooks for Drain {
    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        drain(&self.shared, cx).await;
        Ok(())
    }
}
