//! Hooks for `bootstrap-web`.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::time::Duration;

use bootstrap::{RequestState, State};
use bootstrap_web::axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use bootstrap_web::axum::middleware::{MapResponseLayer, map_response};
use bootstrap_web::axum::response::Response;
use bootstrap_web::{ClientIp, Problem};
use futures_util::future::BoxFuture;

use crate::limits::{Decision, Limit, Limits};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The layer of [`headers`].
pub type RateLimitHeaders = MapResponseLayer<fn(Response) -> Ready<Response>, (), ()>;

type Guarded = BoxFuture<'static, Result<(), Problem>>;

/// The decision about the request so far: of several limits, the one that leaves least.
struct Decided(Decision);

impl Limit {
    /// Checks a request: for hooks and handlers of `bootstrap-web` with a key of their own. The decision is what [`headers`] adds to the
    /// response.
    ///
    /// # Errors
    ///
    /// 429 if the limit refuses the request, with the headers `retry-after`, `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset`. 503 if its store has
    /// failed and the quota says [`WhenDown::Deny`](crate::limits::WhenDown::Deny).
    ///
    /// # Cancel safety
    ///
    /// As [`check`](Self::check).
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::State;
    /// use bootstrap_services::limits::Limits;
    /// use bootstrap_web::prelude::*;
    ///
    /// async fn exports(limits: State<Limits>, Bearer(token): Bearer) -> Result<(), Problem> {
    ///     limits.named("exports")?.guard(token).await
    /// }
    /// ```
    pub async fn guard(&self, key: impl AsRef<[u8]>) -> Result<(), Problem> {
        let decision = self.check(key).await.map_err(|error| {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE).cause(error);
            problem.header(header::RETRY_AFTER, HeaderValue::from(1))
        })?;
        record(decision);
        if decision.allowed {
            return Ok(());
        }
        let wait = seconds(decision.retry_after).max(1);
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS)
            .detail(format!("too many requests: try again in {wait} s"))
            .header(header::RETRY_AFTER, wait.into());
        let fields = fields(&decision).into_iter();
        Err(fields.fold(problem, |problem, (name, value)| {
            problem.header(name, value)
        }))
    }
}

/// A `before_handle` hook that limits the requests of each client: `Routes::new().before_handle(per_client("login"))`.
///
/// The key is [`ClientIp::key`]: the address of the client, or the /64 network of an IPv6 address. Behind a proxy, `http.trusted_proxies` decides whose
/// `X-Forwarded-For` counts; a client can't choose its address with a header. A refused request is a 429 problem with `retry-after`. For the
/// headers of the limit on all other responses, add `.layer(headers())`.
///
/// The set requires `State<Limits>`. A name that no limit has is a 500.
///
/// # Examples
///
/// ```
/// use bootstrap_services::limits;
/// use bootstrap_web::prelude::*;
///
/// #[routes]
/// fn login() -> impl RouteSet {
///     Routes::new()
///         .layer(limits::headers())
///         .before_handle(limits::per_client("login"))
///         .post("/login", async || "welcome")
/// }
/// # fn main() {}
/// ```
pub fn per_client(
    limit: impl Into<Cow<'static, str>>,
) -> impl Fn(State<Limits>, ClientIp) -> Guarded + Send + Sync + 'static {
    per(limit, |client: ClientIp| client.key().to_string())
}

/// A `before_handle` hook that limits requests by a key of yours. `key` takes any argument that a hook can have, as `Given<User>` or an extractor, and returns text
/// or bytes. Otherwise it is as [`per_client`].
///
/// # Examples
///
/// ```
/// use bootstrap_services::limits;
/// use bootstrap_web::prelude::*;
///
/// #[routes]
/// fn exports() -> impl RouteSet {
///     let token = |Bearer(token): Bearer| token;
///     Routes::new().before_handle(limits::per("exports", token)).get("/exports", async || "..")
/// }
/// # fn main() {}
/// ```
pub fn per<A, K>(
    limit: impl Into<Cow<'static, str>>,
    key: impl Fn(A) -> K + Send + Sync + 'static,
) -> impl Fn(State<Limits>, A) -> Guarded + Send + Sync + 'static
where
    A: 'static,
    K: AsRef<[u8]> + Send + 'static,
{
    let limit = limit.into();
    move |limits: State<Limits>, argument: A| {
        let (limit, key) = (limits.named(&limit), key(argument));
        Box::pin(async move { limit?.guard(key).await })
    }
}

/// A layer that adds the headers of a limit to all responses of the routes behind it: `ratelimit-limit` (the burst), `ratelimit-remaining`, and `ratelimit-reset`
/// (the seconds until the whole burst is there). Of several limits it shows the one that leaves least.
///
/// These are the names that clients and gateways read today, those of the drafts up to
/// [6](https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06). Later drafts have one structured header in
/// their place, which is not final.
pub fn headers() -> RateLimitHeaders {
    map_response(with_headers as fn(Response) -> Ready<Response>)
}

fn with_headers(mut response: Response) -> Ready<Response> {
    if let Some(decided) = RequestState::<Decided>::new().get() {
        let headers: &mut HeaderMap = response.headers_mut();
        for (name, value) in fields(&decided.0) {
            headers.insert(name, value);
        }
    }
    ready(response)
}

fn record(decision: Decision) {
    let state = RequestState::<Decided>::new();
    let least = state
        .get()
        .filter(|before| rank(&before.0) <= rank(&decision));
    if least.is_none() {
        // Outside of a request there is no response to add headers to.
        let _ = state.set(Decided(decision));
    }
}

fn rank(decision: &Decision) -> (bool, u32) {
    (decision.allowed, decision.remaining)
}

fn fields(decision: &Decision) -> [(HeaderName, HeaderValue); 3] {
    [
        (LIMIT, decision.limit.into()),
        (REMAINING, decision.remaining.into()),
        (RESET, seconds(decision.reset).into()),
    ]
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
