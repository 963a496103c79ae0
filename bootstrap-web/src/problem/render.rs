//! How a problem becomes a response: <https://www.rfc-editor.org/rfc/rfc9457>.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::problem::{Inner, Problem};

/// How problems are rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `application/problem+json`, as RFC 9457 describes it.
    #[default]
    Problem,
    /// `application/json` with one member, `message`.
    Message,
}

/// The problem that a response carries.
#[derive(Clone)]
struct Carried(Arc<Mutex<Option<Problem>>>);

pub(super) fn carry(problem: Problem) -> Response {
    let mut response = problem.status().into_response();
    let carried = Carried(Arc::new(Mutex::new(Some(problem))));
    response.extensions_mut().insert(carried);
    response
}

/// Takes the problem out of a response that carries one.
pub(crate) fn carried(response: &mut Response) -> Option<Problem> {
    if response.extensions().is_empty() {
        return None;
    }
    let Carried(problem) = response.extensions_mut().remove()?;
    problem
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}

pub(super) fn title(problem: &Problem) -> Cow<'_, str> {
    match &problem.0.title {
        Some(title) => Cow::Borrowed(title),
        None => Cow::Borrowed(problem.status().canonical_reason().unwrap_or("Error")),
    }
}

/// The members that are sent, in the order of the RFC.
#[derive(Serialize)]
pub(super) struct Members<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: Cow<'a, str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(flatten)]
    extensions: Option<&'a Map<String, Value>>,
}

impl<'a> Members<'a> {
    /// Without what a 5xx keeps to itself.
    pub(super) fn of(problem: &'a Problem) -> Self {
        let is_public = !problem.status().is_server_error();
        let Inner {
            kind,
            detail,
            instance,
            extensions,
            ..
        } = &*problem.0;
        Self {
            kind,
            title: title(problem),
            status: problem.status().as_u16(),
            detail: detail.as_deref().filter(|_| is_public),
            instance: instance.as_deref(),
            extensions: is_public.then_some(extensions),
        }
    }
}

/// The response of a problem.
pub(crate) fn render(problem: &Arc<Problem>, format: Format) -> Response {
    let mut headers = problem.0.headers.clone();
    headers.remove(header::CONTENT_LENGTH);
    let (kind, body) = match format {
        Format::Problem => (
            "application/problem+json",
            serde_json::to_string(&Members::of(problem)),
        ),
        Format::Message => (
            "application/json",
            serde_json::to_string(&json!({ "message": message(problem) })),
        ),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let mut response = (problem.status(), body.unwrap_or_default()).into_response();
    response.headers_mut().extend(headers);
    response
        .extensions_mut()
        .insert(Rendered(Arc::clone(problem)));
    response
}

/// The problem that a response was made of, for what is around the pipeline: it is not sent.
#[derive(Clone)]
pub(crate) struct Rendered(
    #[cfg_attr(not(feature = "testing"), expect(dead_code))] pub(crate) Arc<Problem>,
);

fn message(problem: &Problem) -> Cow<'_, str> {
    match &problem.0.detail {
        Some(detail) if !problem.status().is_server_error() => Cow::Borrowed(detail),
        _ => title(problem),
    }
}

/// The text of a rejection: its body is there already. None if it is not a short text.
pub(super) fn text(body: Body) -> Option<String> {
    const LONGEST: u64 = 4096;
    if body.size_hint().upper().is_none_or(|bytes| bytes > LONGEST) {
        return None;
    }
    let bytes = body.collect().now_or_never()?.ok()?.to_bytes();
    let text = String::from_utf8(bytes.into()).ok()?;
    (!text.is_empty()).then_some(text)
}
