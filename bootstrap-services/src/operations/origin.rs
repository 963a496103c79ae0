//! Requests of pages of other origins.

use bootstrap_web::prelude::*;

/// Refuses a change that a page of another origin requests with the credentials of an operator.
///
/// Browsers send `sec-fetch-site` to hosts that they trust, those with TLS and this machine, and `origin` to all. Neither header comes from a client that is
/// no browser, which another page can't use. Tokens in forms would need a session, which the page does not know.
pub(super) async fn same_origin(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<(), Problem> {
    let is_safe = matches!(method, Method::GET | Method::HEAD);
    if is_safe || comes_from_here(&uri, &headers) {
        return Ok(());
    }
    Err(Problem::forbidden().detail("the request comes from a page of another origin"))
}

fn comes_from_here(uri: &Uri, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    if let Some(site) = site {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|it| it.as_str()));
    let origin = origin.to_str().ok().and_then(|it| it.split_once("://"));
    match (origin, host) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        // `Origin: null`, of a page in a sandbox, has no host.
        _ => false,
    }
}
