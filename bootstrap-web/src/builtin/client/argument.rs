//! The address of the client, as an argument.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use anyhow::anyhow;
use axum::extract::ConnectInfo;
use axum::http::Extensions;
use axum::response::{IntoResponse, Response};
use bootstrap::State;
use bootstrap::extend::Requirements;

use crate::builtin::client::proxies::Proxies;
use crate::handle::{Argument, Available, LeavesBody, Lent, Needs};
use crate::problem::Problem;

/// The address of the client: an argument of handlers and hooks, which requires `State<Proxies>`.
///
/// It is the address of the connection, unless that is of a trusted proxy: see
/// [`Proxies::client`](crate::Proxies::client). The request is a 500 if there is no address: the
/// connection is a Unix socket that is not trusted, or the server does not add
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) to requests.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::ClientIp;
///
/// async fn whoami(client: ClientIp) -> String {
///     client.ip().to_string()
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/whoami", whoami)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    /// The address. An IPv4 address that is mapped into IPv6 is an IPv4 address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What stands for a client where clients are counted, for rate limits: the address, or the /64 network of
    /// an IPv6 address, as one client has all addresses of such a network.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::ClientIp;
    ///
    /// let client = ClientIp::from("2001:db8:1:2:3:4:5:6".parse::<std::net::IpAddr>().unwrap());
    /// assert_eq!(client.key().to_string(), "2001:db8:1:2::");
    /// ```
    pub fn key(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        }
    }
}

impl From<IpAddr> for ClientIp {
    fn from(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Marks the address of the client.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromConnection;

#[diagnostic::do_not_recommend]
impl<A> LeavesBody<A> for FromConnection {}

#[diagnostic::do_not_recommend]
impl Argument<FromConnection> for ClientIp {}

impl<V> Available<V, FromConnection> for ClientIp {
    type Held = State<Proxies>;

    fn require(needs: &mut Needs) {
        needs.add::<State<Proxies>>();
    }

    fn hold(requirements: &Requirements) -> Option<State<Proxies>> {
        requirements.get::<State<Proxies>>().cloned()
    }

    async fn extract(proxies: &State<Proxies>, head: &mut Lent<'_>) -> Result<Self, Response> {
        let parts = head.parts().map_err(IntoResponse::into_response)?;
        let client = proxies.client(peer(&parts.extensions), &parts.headers);
        client.map(Self::from).ok_or_else(|| {
            let error = anyhow!(
                "the connection has no address: for a Unix socket behind a proxy, write `unix` into `http.trusted_proxies`; \
                 otherwise the server must add `ConnectInfo<SocketAddr>` to the request"
            );
            Problem::from(error).into_response()
        })
    }
}

/// The address of the connection, if it has one.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let peer: Option<&ConnectInfo<SocketAddr>> = extensions.get();
    peer.map(|ConnectInfo(peer)| peer.ip())
}

#[cfg(feature = "openapi")]
impl crate::OperationInput for ClientIp {}
