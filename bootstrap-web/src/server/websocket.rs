//! Which pages may open a websocket: browsers ask for it on behalf of any page, with the cookies of the user.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::builtin::{HELP_WITH_ORIGIN, origin};
use crate::values::KeyFault;

const KEY: &str = "http.websocket.origins";

/// The origins of `http.websocket.origins`, beside that of the service itself.
#[derive(Clone, Debug)]
pub(super) enum Origins {
    All,
    Listed(Vec<HeaderValue>),
}

impl Origins {
    pub(super) fn new(texts: &[String]) -> Result<Self, KeyFault> {
        if texts.iter().any(|text| text == "*") {
            return Ok(Self::All);
        }
        let listed = texts.iter().map(|text| {
            origin(text).ok_or_else(|| {
                let wrong = format!("`{KEY}` has `{text}`, which is not an origin");
                KeyFault::new(KEY, wrong, HELP_WITH_ORIGIN)
            })
        });
        Ok(Self::Listed(listed.collect::<Result<_, _>>()?))
    }

    /// Whether a request for a websocket comes from a page that may not open one. Clients that are no browsers send
    /// no origin.
    pub(super) fn refuse(&self, headers: &HeaderMap) -> bool {
        let Self::Listed(listed) = self else {
            return false;
        };
        let is_websocket = headers
            .get_all(header::UPGRADE)
            .iter()
            .any(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (is_websocket, origins.next(), origins.next()) {
            (false, ..) | (true, None, _) => false,
            (true, Some(origin), None) => {
                !listed.contains(origin) && !is_of_host(origin, headers.get(header::HOST))
            }
            (true, Some(_), Some(_)) => true,
        }
    }
}

/// Whether an origin is that of the service, which the client has reached by this name. The scheme does not count: a
/// proxy in front may speak TLS.
fn is_of_host(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let authority = [&b"https://"[..], b"http://"]
        .iter()
        .find_map(|scheme| origin.as_bytes().strip_prefix(*scheme));
    let host = host.map(HeaderValue::as_bytes);
    authority
        .zip(host)
        .is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(origins: &[&str], headers: &[(&'static str, &'static str)]) -> bool {
        let texts: Vec<String> = origins.iter().map(|&it| it.to_owned()).collect();
        let mut map = HeaderMap::new();
        map.append("upgrade", HeaderValue::from_static("WebSocket"));
        map.append("host", HeaderValue::from_static("app.example:8080"));
        for &(name, value) in headers {
            map.append(name, HeaderValue::from_static(value));
        }
        Origins::new(&texts).unwrap().refuse(&map)
    }

    #[test]
    fn pages_of_the_same_host_and_of_listed_origins_may_open_a_websocket() {
        let listed = &["https://other.example"];
        assert!(!refuses(&[], &[]));
        for origin in ["http://app.example:8080", "https://APP.example:8080"] {
            assert!(!refuses(&[], &[("origin", origin)]), "{origin}");
        }
        assert!(!refuses(listed, &[("origin", "https://other.example")]));
        assert!(!refuses(&["*"], &[("origin", "null")]));
    }

    #[test]
    fn pages_of_other_origins_may_not() {
        let listed = &["https://other.example"];
        for origin in [
            "null",
            "",
            "app.example:8080",
            "http://app.example",
            "http://app.example:8081",
            "https://evil.example",
            "https://app.example:8080.evil.example",
            "http://other.example",
        ] {
            assert!(refuses(listed, &[("origin", origin)]), "{origin}");
        }
        let twice = [
            ("origin", "http://app.example:8080"),
            ("origin", "https://evil.example"),
        ];
        assert!(refuses(&[], &twice));
    }

    #[test]
    fn what_is_no_origin_is_an_error_with_the_key() {
        for text in ["app.example", "https://app.example/", "https://u@a"] {
            let error = Origins::new(&[text.to_owned()]).unwrap_err().to_string();
            assert!(error.contains("`http.websocket.origins` has"), "{error}");
        }
    }
}
