//! Ids of requests.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::anyhow;
use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bootstrap::RequestScope;

use crate::handle::Exchange;
use crate::problem::Problem;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a proxy, in bytes.
const LONGEST: usize = 128;

/// The id of a request, which [`AccessLog`](crate::AccessLog) gives it: an argument of handlers and hooks, and of
/// handlers of mounted routers.
///
/// The id is in the span of the request, and in the header `x-request-id` of the response. It is taken from that header of the request if a [trusted proxy](crate::Proxies) sends it; otherwise it is 32 hexadecimal
/// digits, which are unique. An extractor of it rejects the request with a 500 in an app without `AccessLog`.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::RequestId;
///
/// async fn id(id: RequestId) -> String {
///     assert_eq!(RequestId::current(), Some(id.clone()));
///     id.to_string()
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/id", id)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id of the request that is being answered, for code that does not have it as an argument.
    pub fn current() -> Option<Self> {
        let scope = RequestScope::current()?;
        let id = Exchange::of(&scope).ok()?.id()?;
        Some(Self(id.clone()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Ids are printable ASCII.
        self.0.to_str().unwrap_or_default()
    }

    /// A random number of the process, and the number of the request: unique without a system call for each.
    pub(super) fn next() -> Self {
        static PROCESS: LazyLock<u64> =
            LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = u128::from(*PROCESS) << 64 | u128::from(count);
        // By hand, because formatting costs as much as the rest of the request.
        let bytes = id.to_be_bytes();
        let digits: [u8; 32] = std::array::from_fn(|place| {
            let byte = bytes[place / 2];
            let digit = if place % 2 == 0 {
                byte >> 4
            } else {
                byte & 0xf
            };
            b"0123456789abcdef"[usize::from(digit)]
        });
        // One allocation, which all clones share.
        let digits = HeaderValue::from_maybe_shared(Bytes::from_owner(digits));
        Self(digits.expect("digits are a valid header"))
    }

    /// The id in the headers of a request: printable, and not long.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let id = headers.get(HEADER)?.as_bytes();
        let is_id = (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
        // A copy, because the value shares the buffer of the whole head.
        is_id.then(|| HeaderValue::from_bytes(id).ok().map(Self))?
    }

    pub(super) fn as_header(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::current()
            .ok_or_else(|| anyhow!("requests have no ids without the plugin `access-log`").into())
    }
}

#[cfg(feature = "openapi")]
impl crate::OperationInput for RequestId {}
