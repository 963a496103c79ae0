//! The page for operators: jobs, schedules and processes; and the check of requests to the listener for management.

use std::net::IpAddr;

use bootstrap_services::operations::{self, Operator};
use bootstrap_web::axum::http::uri::Authority;
use bootstrap_web::prelude::*;

#[routes(name = "operations", management)]
fn operators() -> impl RouteSet {
    Routes::new()
        .before_handle(local)
        .before_handle(operator)
        .nest("/operations", operations::page)
}

/// Rejects a request whose `host` is not `localhost` or a loopback address. Otherwise a page of another site can point its name to this machine (DNS rebinding), and a
/// browser here sends its requests as those of the same origin.
pub(crate) async fn local(uri: Uri, headers: HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let host = host.or_else(|| uri.authority().map(Authority::as_str));
    if host.is_some_and(is_local) {
        return Ok(());
    }
    Err(Problem::forbidden().detail("use `localhost` or a loopback address as the host"))
}

fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    let is_loopback = |address: IpAddr| address.is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

/// Each client that reaches the listener for management is an operator. Without such a hook, the page does not compile.
async fn operator() -> Give<Operator> {
    Give(Operator::new("the operator"))
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_names_of_this_host_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:9000",
            "127.1.2.3",
            "[::1]:3000",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org:3000",
            "10.0.0.1",
            "[::2]:80",
            "127.0.0.1.example.org",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
