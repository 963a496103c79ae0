//! The proxies that are trusted, and what they report.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::anyhow;
use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};
use bootstrap::prelude::*;
use ipnet::IpNet;

use crate::builtin::client::forwarded::{address, entries, forwarded};

/// The proxies in front of the service whose headers are believed: a state of [`ProxiesPlugin`].
///
/// Handlers take the address of the client as [`ClientIp`](crate::ClientIp). This state is for other code that has
/// the head of a request.
#[derive(Clone, Debug)]
pub struct Proxies {
    trusted: Vec<TrustedProxy>,
    header: HeaderName,
}

/// Provides [`Proxies`]. **Without configuration no proxy is trusted**, and the address of a client is that of its
/// connection.
///
/// An app that collects contains it if something requires `State<Proxies>`, as the argument
/// [`ClientIp`](crate::ClientIp) does.
///
/// # Errors
///
/// The boot fails if `forwarded_header` is not the name of a header.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::ProxiesPlugin;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// // Or `http.trusted_proxies = ["10.0.0.0/8"]` in the configuration.
/// let proxies = ProxiesPlugin::default().trusted_proxies(vec!["10.0.0.0/8".parse()?]);
/// let running = App::new().with(proxies).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "proxies", states = [Proxies], collect = needed)]
#[derive(Debug)]
pub struct ProxiesPlugin {
    /// The proxies that are trusted: addresses, networks, and `unix` for connections through a Unix socket.
    #[option(config = "http.trusted_proxies", default = Vec::new())]
    pub trusted_proxies: Vec<TrustedProxy>,
    /// The header to which these proxies add the address of their client: `x-forwarded-for` by default, `forwarded`, or any
    /// other that is an address or a list of them, as `cf-connecting-ip`. It is the only one that is read: a proxy
    /// passes on what clients write into the others.
    #[option(config = "http.forwarded_header", default = "x-forwarded-for".to_owned())]
    pub forwarded_header: String,
}

impl Hooks for ProxiesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Proxies> {
        let name = &self.forwarded_header;
        let header = HeaderName::from_str(name).map_err(|_| {
            anyhow!("`http.forwarded_header` is `{name}`, which is not the name of a header: write `x-forwarded-for`, for example")
        })?;
        Ok(Proxies {
            trusted: self.trusted_proxies.clone(),
            header,
        })
    }
}

/// A proxy that is trusted: an address, a network as `10.0.0.0/8`, or `unix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct TrustedProxy(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Network(IpNet),
    Unix,
}

impl FromStr for TrustedProxy {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "unix" {
            return Ok(Self(Kind::Unix));
        }
        let network = text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| {
            anyhow!(
                "`{text}` is not a proxy: write an address, a network as `10.0.0.0/8`, or `unix`"
            )
        })?;
        Ok(Self(Kind::Network(network)))
    }
}

impl TryFrom<String> for TrustedProxy {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl Proxies {
    /// Whether a connection from this address is one of a trusted proxy; `None` is a Unix socket.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        let peer = peer.map(|peer| peer.to_canonical());
        self.trusted
            .iter()
            .any(|TrustedProxy(kind)| match (kind, &peer) {
                (Kind::Unix, None) => true,
                (Kind::Network(network), Some(peer)) => network.contains(peer),
                _ => false,
            })
    }

    /// The address of the client of a request, whose connection has the address `peer`.
    ///
    /// Each trusted proxy has added the address of its own client to the right of the header. So the list is
    /// read from the right, through the proxies that are trusted; the first address that is none of them is the
    /// client. What is on the left of it may be an invention of the client, and is ignored. `None` if
    /// the connection has no address, and the header does not contain that of the client.
    pub fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer.map(|peer| peer.to_canonical());
        if !self.trusts(client) {
            return client;
        }
        for line in headers.get_all(&self.header).iter().rev() {
            let Ok(line) = line.to_str() else {
                return client;
            };
            let entries: Box<dyn Iterator<Item = &str>> = if self.header == FORWARDED {
                Box::new(forwarded(line))
            } else {
                Box::new(entries(line))
            };
            for entry in entries {
                let Some(address) = address(entry) else {
                    return client;
                };
                client = Some(address);
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}
