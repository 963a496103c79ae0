//! The client.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde::Serialize;

use crate::testing::response::TestResponse;
use crate::web::Web;

/// A client that calls [`Web`] without a socket.
///
/// Everything that is between the socket and the handlers runs: hooks, routing, limits, problems.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().post("/double", |Json(number): Json<u32>| Json(2 * number))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// let running = App::only(Api::default()).with(WebPlugin::default()).boot().await?;
/// let client = running.try_get::<State<Web>>()?.client().header("x-tenant", "acme");
/// client.post("/double").json(&21).await.assert_status(200).assert_json(42);
/// client.get("/double").await.assert_status(405).assert_header("allow", "POST");
/// running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    web: Web,
    headers: HeaderMap,
    /// Shared with clones. `None` if they are not kept.
    cookies: Option<Arc<Mutex<Jar>>>,
    peer: SocketAddr,
}

/// Names and values of cookies.
type Jar = Vec<(String, String)>;

impl Web {
    /// A client for tests.
    pub fn client(&self) -> Client {
        Client {
            web: self.clone(),
            headers: HeaderMap::new(),
            cookies: None,
            peer: SocketAddr::from(([127, 0, 0, 1], 1)),
        }
    }
}

impl Client {
    /// Sends a header with every request.
    ///
    /// # Panics
    ///
    /// If it is not a header.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = parse_header(name, value);
        self.headers.insert(name, value);
        self
    }

    /// Keeps the cookies that responses set, and sends them from then on, as a browser does. Their
    /// attributes are ignored, but for `Max-Age=0`, which removes one.
    #[must_use]
    pub fn cookies(mut self) -> Self {
        self.cookies = Some(Arc::default());
        self
    }

    /// Sets the address from which requests seem to come, as a server adds it with
    /// [`ConnectInfo`]; `127.0.0.1:1` unless it is set.
    #[must_use]
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.peer = address;
        self
    }

    /// A `GET` request.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// A `PUT` request.
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    /// A `PATCH` request.
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE` request.
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// A request of any method. `path` may have a query.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest {
            client: self.clone(),
            method,
            path: path.to_owned(),
            headers: self.headers.clone(),
            body: Body::empty(),
        }
    }

    fn jar(&self) -> Option<MutexGuard<'_, Jar>> {
        let jar = self.cookies.as_ref()?;
        Some(jar.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn cookie_header(&self) -> Option<HeaderValue> {
        let jar = self.jar()?;
        let pairs: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::from_str(&pairs.join("; ")).ok()
    }

    fn keep_cookies(&self, headers: &HeaderMap) {
        let Some(mut jar) = self.jar() else {
            return;
        };
        for cookie in headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap_or_default();
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            jar.retain(|(known, _)| known != name);
            if !parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
                jar.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

#[track_caller]
fn parse_header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    let parsed = HeaderName::try_from(name)
        .ok()
        .zip(HeaderValue::from_str(value).ok());
    parsed.unwrap_or_else(|| panic!("`{name}: {value}` is not a header"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A request of a [`Client`]. It is sent when it is awaited.
#[must_use = "a request is sent when it is awaited"]
pub struct TestRequest {
    client: Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl TestRequest {
    /// Sets a header.
    ///
    /// # Panics
    ///
    /// If it is not a header.
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = parse_header(name, value);
        self.headers.insert(name, value);
        self
    }

    /// Adds a header beside those that it has, also of the same name.
    ///
    /// # Panics
    ///
    /// If it is not a header.
    #[track_caller]
    pub fn append(mut self, name: &str, value: &str) -> Self {
        let (name, value) = parse_header(name, value);
        self.headers.append(name, value);
        self
    }

    /// Sends a value as JSON.
    ///
    /// # Panics
    ///
    /// If the value can't be written as JSON.
    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let json = serde_json::to_string(value);
        let json = json.unwrap_or_else(|error| panic!("the body can't be JSON: {error}"));
        self.header("content-type", "application/json").body(json)
    }

    /// Sends pairs as an HTML form does.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(form)
    }

    /// Sends any body: a text, bytes, a stream.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    async fn send(self) -> TestResponse {
        let Self {
            client,
            method,
            path,
            mut headers,
            body,
        } = self;
        if let Some(cookies) = client.cookie_header() {
            headers.insert(header::COOKIE, cookies);
        }
        let request = Request::builder().method(&method).uri(&path).body(body);
        let mut request = request.unwrap_or_else(|error| panic!("`{path}` is not a path: {error}"));
        *request.headers_mut() = headers;
        request.extensions_mut().insert(ConnectInfo(client.peer));
        let response = client.web.handle(request).await;
        client.keep_cookies(response.headers());
        TestResponse::read(format!("{method} {path}"), response).await
    }
}

impl IntoFuture for TestRequest {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;

    /// Sends the request, and reads the whole response.
    ///
    /// # Panics
    ///
    /// When it is polled: if the path is none, or the body of the response breaks off.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for TestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
