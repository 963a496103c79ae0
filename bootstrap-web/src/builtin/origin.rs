//! Origins of pages, as they are written in the configuration.

use axum::http::{HeaderValue, Uri};

/// What to do about an origin that is malformed.
pub(crate) const HELP: &str = "write `https://app.example`, without a path";

/// Reads an origin as browsers send it: in lower case, without a path and the port of the scheme.
pub(crate) fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = uri.scheme_str().zip(uri.authority())?;
    let canonical = format!("{scheme}://{}", authority.as_str().to_lowercase());
    let is_origin = text == canonical && !authority.as_str().contains('@');
    is_origin
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
}
