//! What a client got.

use axum::body::{Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Rendered;

/// A response, read to its end.
///
/// The `assert_..` methods panic with the status, the body, and the cause of a problem, which a client does not
/// see; they return the response for the next one.
#[derive(Clone, Debug)]
pub struct TestResponse {
    request: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// What the log says of a problem.
    problem: Option<String>,
}

impl TestResponse {
    pub(super) async fn read(request: String, response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await;
        let body =
            body.unwrap_or_else(|error| panic!("the body of `{request}` breaks off: {error}"));
        Self {
            request,
            status: parts.status,
            problem: parts
                .extensions
                .get()
                .map(|Rendered(problem)| format!("{:#}", problem.as_error())),
            headers: parts.headers,
            body,
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as text. What is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON, or not a `T`.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| self.fail(&error.to_string()))
    }

    /// Expects a status.
    ///
    /// # Panics
    ///
    /// If it is another one.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        if self.status.as_u16() != status {
            self.fail(&format!("expected the status {status}"));
        }
        self
    }

    /// Expects a text as the body.
    ///
    /// # Panics
    ///
    /// If it is another one.
    #[track_caller]
    pub fn assert_text(&self, text: &str) -> &Self {
        if self.text() != text {
            self.fail(&format!("expected the body {text:?}"));
        }
        self
    }

    /// Expects a value as the JSON of the body.
    ///
    /// # Panics
    ///
    /// If it is another one, or the body is not JSON.
    #[track_caller]
    pub fn assert_json(&self, value: impl Serialize) -> &Self {
        let expected = serde_json::to_value(value);
        let expected = expected.unwrap_or_else(|error| self.fail(&error.to_string()));
        if self.json::<Value>() != expected {
            self.fail(&format!("expected the body {expected}"));
        }
        self
    }

    /// Expects a header with a value.
    ///
    /// # Panics
    ///
    /// If it is not there, or has another one.
    #[track_caller]
    pub fn assert_header(&self, name: &str, value: &str) -> &Self {
        if self.header(name) != Some(value) {
            let found = self.header(name);
            self.fail(&format!(
                "expected the header `{name}: {value}`, found {found:?}"
            ));
        }
        self
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let Self {
            request, status, ..
        } = self;
        let problem = self.problem.as_ref();
        let problem = problem.map(|text| format!("\nproblem: {text}"));
        panic!(
            "{what}\n{request} was answered with {status}\n{}{}",
            self.text(),
            problem.unwrap_or_default()
        );
    }
}
