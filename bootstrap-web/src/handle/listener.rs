//! Which sets a listener serves.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// Through which listener a request has come.
#[cfg_attr(
    not(feature = "server"),
    expect(dead_code, reason = "only a server has listeners")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// The server has no listener for management.
    Only,
    /// The server has a listener for management, and this is another one.
    Public,
    /// That for management.
    Management,
}

/// Which listeners serve a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All but that for management.
    #[default]
    Public,
    /// That for management; without one, any, for clients on this host.
    Management,
    /// All.
    Everywhere,
}

impl Reach {
    /// Whether a set answers a request. Without a server there is no listener.
    pub(crate) fn permits(
        self,
        listener: Option<Listener>,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> bool {
        match (self, listener) {
            (Reach::Everywhere, _) | (Reach::Management, Some(Listener::Management)) => true,
            (Reach::Public, listener) => listener != Some(Listener::Management),
            (Reach::Management, Some(Listener::Public)) => false,
            (Reach::Management, Some(Listener::Only) | None) => is_from_here(headers, extensions),
        }
    }
}

/// Whether a request comes from this host: not through a proxy that runs on it.
fn is_from_here(headers: &HeaderMap, extensions: &Extensions) -> bool {
    const OF_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let peer: Option<&ConnectInfo<SocketAddr>> = extensions.get();
    let is_loopback = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    is_loopback && !OF_PROXIES.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_answers_on_the_listeners_that_its_reach_names() {
        let (mut here, far) = (Extensions::new(), Extensions::new());
        here.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        let none = HeaderMap::new();
        let listeners = [
            None,
            Some(Listener::Only),
            Some(Listener::Public),
            Some(Listener::Management),
        ];
        let table = |reach: Reach, from: &Extensions| {
            listeners.map(|listener| reach.permits(listener, &none, from))
        };
        for from in [&here, &far] {
            assert_eq!(table(Reach::Public, from), [true, true, true, false]);
            assert_eq!(table(Reach::Everywhere, from), [true; 4]);
        }
        assert_eq!(table(Reach::Management, &here), [true, true, false, true]);
        assert_eq!(table(Reach::Management, &far), [false, false, false, true]);
        let mut proxied = HeaderMap::new();
        proxied.insert("via", "1.1 proxy".parse().unwrap());
        assert!(!Reach::Management.permits(None, &proxied, &here));
    }
}
