//! `Problem`: an error of a request, which becomes a response at the very end.

mod kinds;
mod or_not_found;
mod render;
mod unreadable;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::iter::successors;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde_json::{Map, Value};

pub use or_not_found::OrNotFound;
pub use render::Format;
#[cfg(feature = "testing")]
pub(crate) use render::Rendered;
pub(crate) use render::{carried, render};
pub(crate) use unreadable::{Unreadable, names, path_params};

/// An error of a request, as RFC 9457 describes it.
///
/// Handlers and hooks return it. It stays an error until the `on_error` hooks of the route have seen
/// it; then it is rendered as `application/problem+json`:
///
/// ```json
/// {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no row 7"}
/// ```
///
/// Any other error becomes a problem with `?`: a 500 whose cause is logged and passed to the
/// `on_error` hooks. **The details of a 5xx are never sent**: neither `detail` nor the extensions nor the
/// cause.
///
/// # Examples
///
/// ```
/// use bootstrap_web::Problem;
///
/// fn find(id: u32) -> Result<String, Problem> {
///     if id > 7 {
///         return Err(Problem::not_found().detail(format!("no row {id}")).with("id", id));
///     }
///     Ok(std::fs::read_to_string("rows/7")?) // an `io::Error` is a 500
/// }
///
/// assert_eq!(find(8).unwrap_err().status(), 404);
/// assert_eq!(find(7).unwrap_err().status(), 500);
/// ```
#[must_use]
pub struct Problem(Box<Inner>);

struct Inner {
    status: StatusCode,
    kind: Cow<'static, str>,
    title: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    instance: Option<String>,
    extensions: Map<String, Value>,
    headers: HeaderMap,
    cause: Option<anyhow::Error>,
}

impl Problem {
    /// A problem with this status. There is a constructor for each of the common ones,
    /// [`Problem::not_found`] and so on.
    ///
    /// A status below 400 is no error: it becomes a 500.
    pub fn new(status: StatusCode) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = if is_error {
            status
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Self(Box::new(Inner {
            status,
            kind: Cow::Borrowed("about:blank"),
            title: None,
            detail: None,
            instance: None,
            extensions: Map::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// Says what is wrong with this request, in a sentence for the client. Not sent with a 5xx.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Sets the member `type`, a URI that identifies the kind of problem; `about:blank` unless it is
    /// set.
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = uri.into();
        self
    }

    /// Sets the member `title`; the standard reason of the status unless it is set.
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = Some(title.into());
        self
    }

    /// Sets the member `instance`, a URI that identifies this occurrence.
    pub fn instance(mut self, uri: impl Into<String>) -> Self {
        self.0.instance = Some(uri.into());
        self
    }

    /// Adds an extension member. Not sent with a 5xx.
    ///
    /// A value that can't be JSON (a map whose keys are not strings) is `null`. The five standard
    /// members can't be replaced.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::Problem;
    ///
    /// let problem = Problem::forbidden().with("balance", 30).with("accounts", ["a", "b"]);
    /// assert_eq!(problem.to_json()["balance"], 30);
    /// ```
    pub fn with(mut self, member: impl Into<String>, value: impl Serialize) -> Self {
        let member = member.into();
        if !["type", "title", "status", "detail", "instance"].contains(&&*member) {
            let value = serde_json::to_value(value).unwrap_or_default();
            self.0.extensions.insert(member, value);
        }
        self
    }

    /// Adds a header to the response, also with a 5xx: `Retry-After`, `WWW-Authenticate`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Sets the error that caused it: logged, passed to the `on_error` hooks, never sent.
    pub fn cause(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The error that caused it, if there is one. `downcast_ref` finds its type.
    pub fn cause_ref(&self) -> Option<&anyhow::Error> {
        self.0.cause.as_ref()
    }

    /// The sentence for the client, if there is one.
    pub fn detail_ref(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// An extension member, if it was set.
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.0.extensions.get(member)
    }

    /// What is sent: all members, without those that a 5xx keeps to itself.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(render::Members::of(self)).unwrap_or_default()
    }

    /// As an error for functions that return `anyhow::Result`. It is the same problem again once a
    /// handler passes it on with `?`.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::Problem;
    ///
    /// fn far_below() -> anyhow::Result<()> {
    ///     Err(Problem::conflict().into_error())
    /// }
    ///
    /// fn handler() -> Result<(), Problem> {
    ///     Ok(far_below()?)
    /// }
    ///
    /// assert_eq!(handler().unwrap_err().status(), 409);
    /// ```
    pub fn into_error(self) -> anyhow::Error {
        anyhow::Error::new(AsError(self))
    }

    /// What is reported of it: its causes, with what it says in front. Many errors end with the text of their source, which is
    /// not repeated.
    pub(crate) fn as_error(&self) -> anyhow::Error {
        let mut text = self.to_string();
        let causes = self.0.cause.iter().flat_map(|cause| cause.chain());
        for cause in causes.map(ToString::to_string) {
            if !text.ends_with(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        anyhow::Error::msg(text)
    }

    /// The problem of a rejection, whose text becomes the detail.
    fn of_rejection(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let mut problem = Self::new(parts.status);
        problem.0.headers = parts.headers;
        problem.0.detail = render::text(body).map(Cow::Owned);
        problem
    }
}

/// The rejection of an extractor: a response that carries a problem, unless it is none (a redirect to
/// a login page), or carries one already.
///
/// Its text is the detail. Axum's words about a value repeat it: they are the cause. `names` are those of the
/// parameters in the path.
pub(crate) fn reject(rejection: impl IntoResponse + 'static, names: &[String]) -> Response {
    let unreadable = Unreadable::of(&rejection, names);
    let mut response = rejection.into_response();
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let mut problem = carried(&mut response).unwrap_or_else(|| Problem::of_rejection(response));
    // A mistake of the code is reported in axum's words, which are not sent.
    if let Some(unreadable) = unreadable.filter(|_| status.is_client_error()) {
        let detail = problem.0.detail.replace(unreadable.to_string().into());
        problem.0.cause = detail.map(anyhow::Error::msg);
    }
    problem.into_response()
}

/// A problem as an error. `Problem` itself is none, so that every error can become one.
struct AsError(Problem);

impl fmt::Debug for AsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for AsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&**self.0.0.cause.as_ref()?)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        match error.into().downcast::<AsError>() {
            Ok(AsError(problem)) => problem,
            Err(error) => of_body(&error).unwrap_or_else(Self::internal).cause(error),
        }
    }
}

/// A body that could not be read to its end, by a handler that reads it itself: the client's fault, as with the extractors.
fn of_body(error: &anyhow::Error) -> Option<Problem> {
    let error = error
        .chain()
        .find_map(|it| it.downcast_ref::<axum::Error>())?;
    let mut causes = successors(error.source(), |&cause| cause.source());
    Some(if causes.any(<dyn Error>::is::<LengthLimitError>) {
        Problem::payload_too_large()
    } else {
        Problem::bad_request().detail("the body of the request can't be read")
    })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::title(self))?;
        if let Some(detail) = &self.0.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.0.status)
            .field("detail", &self.0.detail)
            .field("cause", &self.0.cause)
            .finish_non_exhaustive()
    }
}

impl IntoResponse for Problem {
    /// A response that carries the problem until the pipeline has shown it to the `on_error` hooks.
    /// Outside of the pipeline it is a response without a body.
    fn into_response(self) -> Response {
        render::carry(self)
    }
}
