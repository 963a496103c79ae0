//! `RequestContext`: the request, for code that is far away from the handler's arguments.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, Uri, Version, header};
use bootstrap::RequestScope;
use serde::de::DeserializeOwned;

use crate::handle::exchange::{Exchange, Head};
use crate::problem::{Problem, carried, reject};

/// The request that is being answered, for code that does not have it as an argument.
///
/// It can be read in handlers and hooks, and wherever a future runs that is in their request scope:
/// [`RequestScope::spawn`](bootstrap::RequestScope::spawn) carries that into a task. An `on_request`
/// hook runs before there is one.
///
/// # Examples
///
/// ```
/// use bootstrap_web::prelude::*;
///
/// // No arguments: everything from the surroundings.
/// async fn greet() -> Result<String, Problem> {
///     let request = RequestContext::current()?;
///     let name = request.param("name")?;
///     let mark = request.query("mark").unwrap_or_else(|| "!".into());
///     Ok(format!("hello, {name}{mark}"))
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/hello/{name}", greet)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// # use bootstrap::prelude::*;
/// let running = App::new().with(Api::default()).with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/hello/ada?mark=?").body(Body::empty())?).await;
/// assert_eq!(body_text(response).await?, "hello, ada?");
/// # running.close().await?;
/// # Ok(())
/// # }
/// # async fn body_text(response: Response) -> bootstrap::Result<String> {
/// #     let bytes = bootstrap_web::axum::body::to_bytes(response.into_body(), 1000).await?;
/// #     Ok(String::from_utf8(bytes.into())?)
/// # }
/// ```
#[derive(Clone)]
pub struct RequestContext {
    scope: RequestScope,
    head: Arc<Head>,
}

impl RequestContext {
    /// The request of the caller.
    ///
    /// # Errors
    ///
    /// A 500, outside of handlers and hooks, in an `on_request` hook, and in an extractor.
    pub fn current() -> Result<Self, Problem> {
        let scope = RequestScope::current();
        let scope = scope.ok_or_else(|| anyhow::anyhow!("no request scope is entered here"))?;
        let Some(head) = Exchange::of(&scope)?.head() else {
            let error = anyhow::anyhow!(
                "there is no `RequestContext` in an extractor and in an `on_request` hook: they take \
                 what they need as arguments"
            );
            return Err(error.into());
        };
        Ok(Self { scope, head })
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The URI, with the query.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// The version of HTTP.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// All headers. Their names are in lower case.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the path, percent-decoded: `id` of `/rows/{id}`.
    ///
    /// # Errors
    ///
    /// A 500: the path of the route has no such parameter, which is a mistake of the code.
    pub fn param(&self, name: &str) -> Result<&str, Problem> {
        let mut params = self.params();
        let found = params.find(|(known, _)| *known == name);
        found.map(|(_, value)| value).ok_or_else(|| {
            let path = self.head.uri.path();
            anyhow::anyhow!("the route of `{path}` has no parameter `{name}` in its path").into()
        })
    }

    /// All parameters of the path, in its order.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.params.iter().flatten()
    }

    /// A value of the query, decoded. Of several with this name, the last one.
    pub fn query(&self, name: &str) -> Option<String> {
        let pairs = form_urlencoded::parse(self.head.uri.query().unwrap_or_default().as_bytes());
        let of_name = pairs.filter(|(known, _)| known == name);
        of_name.last().map(|(_, value)| Cow::into_owned(value))
    }

    /// The body. It is read once; a second call returns the same bytes.
    ///
    /// # Errors
    ///
    /// 413 if it is longer than the limit of the route. A 500 if an argument of the handler has taken
    /// it.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read is lost, and the next call is the 500 above.
    pub async fn body(&self) -> Result<Bytes, Problem> {
        let exchange = Exchange::of(&self.scope)?;
        let Some(body) = exchange.take_body() else {
            let error = "an argument of the handler, or another task, has taken the body";
            return Err(anyhow::anyhow!(error).into());
        };
        let body = match body {
            Ok(bytes) => return Ok(bytes),
            Err(body) => body,
        };
        let bytes = Bytes::from_request(self.request(body), &()).await;
        let bytes = bytes.map_err(of_rejection)?;
        exchange.keep_bytes(&bytes);
        Ok(bytes)
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// 415 if the request does not say that its body is JSON, 400 if it is not, 422 if it is not a `T`;
    /// and those of [`RequestContext::body`].
    ///
    /// # Cancel safety
    ///
    /// As [`RequestContext::body`].
    pub async fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes = self.body().await?;
        let value = axum::Json::<T>::from_request(self.request(bytes.into()), &()).await;
        let axum::Json(value) = value.map_err(of_rejection)?;
        Ok(value)
    }

    fn request(&self, body: axum::body::Body) -> Request {
        let mut request = Request::new(body);
        if let Some(kind) = self.head.headers.get(header::CONTENT_TYPE) {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, kind.clone());
        }
        let exchange = Exchange::of(&self.scope).ok();
        if let Some(limit) = exchange.and_then(Exchange::body_limit) {
            limit.apply(&mut request);
        }
        request
    }
}

fn of_rejection(rejection: impl axum::response::IntoResponse + 'static) -> Problem {
    let mut response = reject(rejection, &[]);
    carried(&mut response).unwrap_or_else(Problem::internal)
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("method", &self.head.method)
            .field("uri", &self.head.uri)
            .finish_non_exhaustive()
    }
}
