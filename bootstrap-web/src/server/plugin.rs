//! The plugin.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::prelude::*;

use crate::server::accept;
use crate::server::address::Listen;
use crate::server::bind::bind;
use crate::server::drain::drain;
use crate::server::limits::{Limits, raise_descriptors};
use crate::server::listening::Listening;
#[cfg(feature = "tls")]
use crate::server::shared::Acceptor;
use crate::server::shared::Shared;
#[cfg(feature = "tls")]
use crate::server::tls::{Files, Tls};
use crate::server::values::{Size, Time};
use crate::web::{Web, WebPlugin};

/// More than any limit needs, and little enough to count with.
const YEAR: Duration = Duration::from_hours(365 * 24);

const fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

/// The HTTP server: gives the routes of the app a socket, and drains within limits, whatever clients do.
///
/// It joins every app that collects and that links this crate with its feature `server`. Each option is a key in the
/// section `http` of the configuration, and a method; see the
/// [guide](crate::guide::server) for all of them.
///
/// It binds while the app loads, so that a port that is taken fails the boot, and accepts connections once all
/// plugins are ready, before the hooks of [`App::on_ready`]. When other parts of the app
/// [restart](bootstrap::Handle::restart) it keeps its socket, and answers 503 until the routes are back.
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
// The hook of the drain limits itself by its keys; this only keeps the default of the app from cutting it.
#[plugin(name = "http", states = [Listening], after = [WebPlugin], load_timeout = "30s", close_timeout = "24h")]
#[derive(Debug)]
pub struct Server {
    /// Without an order that restarts follow: the server goes on when the routes restart.
    web: Lazy<State<Web>>,
    #[option(config = "http.listen", default = Listen::default(), setter = false)]
    listen: Listen,
    #[option(config = "http.bind_retry", default = 0, setter = false)]
    bind_retry: u16,
    #[option(config = "http.max_connections", default = 10_000, setter = false)]
    max_connections: usize,
    #[option(config = "http.first_byte_timeout", default = seconds(10), setter = false)]
    first_byte_timeout: Time,
    #[option(config = "http.header_timeout", default = seconds(10), setter = false)]
    header_timeout: Time,
    #[option(config = "http.idle_timeout", default = seconds(75), setter = false)]
    idle_timeout: Time,
    #[option(config = "http.request_timeout", default = seconds(30), setter = false)]
    request_timeout: Time,
    #[option(config = "http.write_timeout", default = seconds(30), setter = false)]
    write_timeout: Time,
    #[option(config = "http.body_limit", default = Size(2 << 20), setter = false)]
    body_limit: Size,
    #[option(config = "http.max_header_bytes", default = Size(16 << 10), setter = false)]
    max_header_bytes: Size,
    #[option(config = "http.max_headers", default = 100, setter = false)]
    max_headers: usize,
    #[option(config = "http.drain_delay", default = seconds(0), setter = false)]
    drain_delay: Time,
    #[option(config = "http.drain_timeout", default = seconds(20), setter = false)]
    drain_timeout: Time,
    #[option(config = "http.stream_grace", default = seconds(1), setter = false)]
    stream_grace: Time,
    #[cfg(feature = "http2")]
    #[option(config = "http.h2c", default = false, setter = false)]
    h2c: bool,
    #[cfg(feature = "http2")]
    #[option(config = "http.http2.max_streams", default = 200, setter = false)]
    max_streams: u32,
    #[cfg(feature = "tls")]
    #[option(config = "http.tls.cert", default = String::new(), setter = false)]
    certificate: String,
    #[cfg(feature = "tls")]
    #[option(config = "http.tls.key", default = String::new(), setter = false)]
    key: String,
    #[local]
    shared: Option<Arc<Shared>>,
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
    /// The number of connections at a time; further ones wait in the queue of the system: `http.max_connections`,
    /// 10,000.
    max_connections: usize => max_connections;
    /// How long a new connection may send nothing: `http.first_byte_timeout`, 10 s.
    first_byte_timeout: Duration => Time(first_byte_timeout);
    /// How long the head of a request may take, from its first byte on: `http.header_timeout`, 10 s.
    header_timeout: Duration => Time(header_timeout);
    /// How long a connection may wait for its next request, or for the next bytes of a body: `http.idle_timeout`, 75 s.
    idle_timeout: Duration => Time(idle_timeout);
    /// How long a request may take until the head of its response is there, if its route has no limit of its own:
    /// `http.request_timeout`, 30 s. The body of the response has no limit as long as the client reads.
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

#[cfg(feature = "http2")]
setters! {
    /// Whether clients may speak HTTP/2 without TLS, by prior knowledge: `http.h2c`, false.
    h2c: bool => h2c;
    /// The most requests at a time of a connection with HTTP/2: `http.http2.max_streams`, 200.
    max_streams: u32 => max_streams;
}

impl Server {
    /// Where to listen: `http.listen`, `127.0.0.1:3000`. If it is not set and the environment variable `PORT` is, it is
    /// that port of all networks.
    #[must_use]
    pub fn listen(mut self, listen: impl Into<Listen>) -> Self {
        self.listen = listen.into();
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

    fn limits(&self) -> Limits {
        Limits {
            connections: self.max_connections,
            first_byte: self.first_byte_timeout.at_most(YEAR),
            header: self.header_timeout.at_most(YEAR),
            idle: self.idle_timeout.at_most(YEAR),
            request: self.request_timeout.at_most(YEAR),
            write: self.write_timeout.at_most(YEAR),
            body: self.body_limit.0,
            header_bytes: self.max_header_bytes.0,
            headers: self.max_headers,
            drain_delay: self.drain_delay.at_most(YEAR),
            drain: self.drain_timeout.at_most(YEAR),
            stream_grace: self.stream_grace.at_most(YEAR),
            #[cfg(feature = "http2")]
            h2c: self.h2c,
            #[cfg(feature = "http2")]
            streams: self.max_streams,
        }
    }
}

impl Hooks for Server {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Listening> {
        let limits = self.limits();
        limits.check()?;
        #[cfg(feature = "tls")]
        let tls = match Files::new(&self.certificate, &self.key)? {
            Some(files) => Some(Tls::load(files).await?),
            None => None,
        };
        let port = std::env::var("PORT").ok();
        let mut listeners = Vec::new();
        let mut bound = Vec::new();
        for address in self.listen.addresses(port.as_deref())? {
            cx.progress(format!("binding {address}"));
            let listener = bind(&address, self.bind_retry).await?;
            bound.push(listener.bound()?);
            listeners.push(listener);
        }
        if let Some(warning) = raise_descriptors(limits.connections) {
            tracing::warn!("{warning}");
        }
        #[cfg_attr(
            not(feature = "tls"),
            expect(unused_mut, reason = "only TLS changes it")
        )]
        let mut listening = Listening::new(bound);
        #[cfg_attr(
            not(feature = "tls"),
            expect(unused_mut, reason = "only TLS changes it")
        )]
        let mut shared = Shared::new(self.web.clone(), limits);
        #[cfg(feature = "tls")]
        if let Some(tls) = tls {
            listening.set_tls();
            shared.tls = Some(Acceptor(tls.acceptor.clone()));
            cx.spawn("certificate", async move |cx| {
                tls.reload(cx).await;
                Ok(())
            });
        }
        let shared = Arc::new(shared);
        let (opened, text) = (Arc::clone(&shared), listening.to_string());
        cx.on_all_ready(async move |_| {
            tracing::info!("listening on {text}");
            opened.begin();
            Ok(())
        });
        let accepting = Arc::clone(&shared);
        cx.spawn("accept", async move |cx| {
            tokio::select! {
                () = accept::run(accepting, listeners) => {}
                // `drain` has waited as long as it may, or the boot has failed.
                () = cx.stopped() => {}
            }
            Ok(())
        });
        self.shared = Some(shared);
        Ok(listening)
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        if let Some(shared) = &self.shared {
            drain(shared, cx).await;
        }
        Ok(())
    }
}
