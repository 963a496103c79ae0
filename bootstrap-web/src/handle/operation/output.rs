//! What handlers return.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, Html, NoContent, Redirect, Response, Sse};
use axum::{Extension, Form, Json};
use schemars::JsonSchema;

use crate::handle::operation::Operation;
use crate::problem::Problem;

/// What a handler returns, if it can be described in the OpenAPI document.
///
/// Implemented for the responses of axum whose values implement [`schemars::JsonSchema`], for
/// [`Problem`](crate::Problem), and for `Result` and tuples of them. Implement it for a response of your own: the method
/// does nothing unless you write it.
///
/// # Examples
///
/// ```
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::{Operation, OperationOutput, operation};
///
/// struct Png(Vec<u8>);
///
/// impl IntoResponse for Png {
///     fn into_response(self) -> Response {
///         ([(header::CONTENT_TYPE, "image/png")], self.0).into_response()
///     }
/// }
///
/// impl OperationOutput for Png {
///     fn describe(operation: &mut Operation) {
///         operation.raw_response("image/png");
///     }
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/logo", operation(|| async { Png(Vec::new()) }))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the response `{Self}` can't be described in the OpenAPI document",
    label = "not described",
    note = "help: implement `OperationOutput` for a response of your own; with one of another crate, write `plain_operation(handler)`"
)]
pub trait OperationOutput {
    /// Adds its response, or several.
    fn describe(operation: &mut Operation) {
        let _ = operation;
    }
}

/// A part of a response in front of its body, in a tuple: headers, a status.
pub trait ResponsePart {
    /// Adds what it contributes to the response that is added next.
    fn describe(operation: &mut Operation) {
        let _ = operation;
    }
}

impl ResponsePart for StatusCode {
    fn describe(operation: &mut Operation) {
        if operation.next_status.is_none() {
            operation.status("2XX");
        }
    }
}

impl ResponsePart for HeaderMap {}
impl<T> ResponsePart for Extension<T> {}
impl<T> ResponsePart for AppendHeaders<T> {}
impl<K, V, const N: usize> ResponsePart for [(K, V); N] {}

macro_rules! outputs {
    ($($kind:literal, $([$($generic:tt)*] $output:ty),*;)*) => {$($(
        impl<$($generic)*> OperationOutput for $output {
            fn describe(operation: &mut Operation) {
                operation.raw_response($kind);
            }
        }
    )*)*};
}

outputs! {
    "text/plain", [] String, [] &'static str, [] Cow<'static, str>, [] Box<str>;
    "text/html", [T] Html<T>;
    "application/octet-stream", [] Bytes, [] Vec<u8>, [] &'static [u8], [] Body;
    "text/event-stream", [S] Sse<S>;
}

impl<T: JsonSchema> OperationOutput for Json<T> {
    fn describe(operation: &mut Operation) {
        operation.response::<T>("application/json");
    }
}

impl<T: JsonSchema> OperationOutput for Form<T> {
    fn describe(operation: &mut Operation) {
        operation.response::<T>("application/x-www-form-urlencoded");
    }
}

impl OperationOutput for () {
    fn describe(operation: &mut Operation) {
        operation.empty_response();
    }
}

impl OperationOutput for StatusCode {
    fn describe(operation: &mut Operation) {
        <Self as ResponsePart>::describe(operation);
        operation.empty_response();
    }
}

impl OperationOutput for NoContent {
    fn describe(operation: &mut Operation) {
        operation.status("204").empty_response();
    }
}

impl OperationOutput for Redirect {
    fn describe(operation: &mut Operation) {
        operation.status("3XX").empty_response();
    }
}

/// Nothing is known of it.
impl OperationOutput for Response {}

impl OperationOutput for Infallible {}

impl OperationOutput for Problem {
    fn describe(operation: &mut Operation) {
        if operation.next_status.is_none() {
            operation.status("default");
        }
        operation.problem();
    }
}

impl<T: OperationOutput, E: OperationOutput> OperationOutput for Result<T, E> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
        operation.end_response();
        operation.status("default");
        E::describe(operation);
        operation.end_response();
    }
}

macro_rules! tuples {
    ($([$($part:ident)*])*) => {$(
        impl<$($part: ResponsePart,)* R: OperationOutput> OperationOutput for ($($part,)* R,) {
            fn describe(operation: &mut Operation) {
                $($part::describe(operation);)*
                R::describe(operation);
            }
        }
    )*};
}

tuples! {
    [P1]
    [P1 P2]
    [P1 P2 P3]
    [P1 P2 P3 P4]
}
