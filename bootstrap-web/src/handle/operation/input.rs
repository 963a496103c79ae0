//! What arguments take of a request.

use axum::body::{Body, Bytes};
use axum::extract::rejection::{
    FormRejection, JsonRejection, PathRejection, QueryRejection, StringRejection,
};
use axum::extract::{
    ConnectInfo, Extension, Form, Json, MatchedPath, Path, Query, RawPathParams, RawQuery, Request,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, Version};
use bootstrap::{Lazy, Port, Ports, State};
use schemars::JsonSchema;

use crate::handle::Given;
use crate::handle::operation::Operation;

/// An argument that can be described in the OpenAPI document.
///
/// Implemented for those of this crate, and for extractors of axum whose values implement
/// [`schemars::JsonSchema`]. Implement it for an extractor of your own: the method does nothing unless you write it.
///
/// # Examples
///
/// ```
/// use bootstrap_web::axum::extract::FromRequestParts;
/// use bootstrap_web::axum::http::request::Parts;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::{Operation, OperationInput, operation};
///
/// struct Tenant(String);
///
/// impl<S: Sync> FromRequestParts<S> for Tenant {
///     type Rejection = Problem;
///
///     async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
///         let tenant = parts.headers.get("x-tenant").and_then(|it| it.to_str().ok());
///         tenant.map(|it| Tenant(it.to_owned())).ok_or_else(Problem::bad_request)
///     }
/// }
///
/// impl OperationInput for Tenant {
///     fn describe(operation: &mut Operation) {
///         operation.header("x-tenant");
///     }
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/", operation(|tenant: Tenant| async move { tenant.0 }))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the argument `{Self}` can't be described in the OpenAPI document",
    label = "not described",
    note = "help: implement `OperationInput` for an extractor of your own; with one of another crate, write `plain_operation(handler)`"
)]
pub trait OperationInput {
    /// Adds what it takes of the request.
    fn describe(operation: &mut Operation) {
        let _ = operation;
    }
}

macro_rules! nothing {
    ($([$($generic:tt)*] $argument:ty;)*) => {$(
        impl<$($generic)*> OperationInput for $argument {}
    )*};
}

nothing! {
    [T] State<T>;
    [T: ?Sized] Port<T>;
    [T: ?Sized] Ports<T>;
    [T] Lazy<T>;
    [T] Given<T>;
    [T] Extension<T>;
    [T] ConnectInfo<T>;
    [] MatchedPath;
    [] RawPathParams;
    [] RawQuery;
    [] Request;
    [] Parts;
    [] HeaderMap;
    [] Method;
    [] Uri;
    [] Version;
    [] FormRejection;
    [] JsonRejection;
    [] PathRejection;
    [] QueryRejection;
    [] StringRejection;
}

impl<T: JsonSchema> OperationInput for Json<T> {
    fn describe(operation: &mut Operation) {
        operation.body::<T>("application/json");
    }
}

impl<T: JsonSchema> OperationInput for Form<T> {
    fn describe(operation: &mut Operation) {
        operation.body::<T>("application/x-www-form-urlencoded");
    }
}

impl<T: JsonSchema> OperationInput for Query<T> {
    fn describe(operation: &mut Operation) {
        operation.query::<T>();
    }
}

impl<T: JsonSchema> OperationInput for Path<T> {
    fn describe(operation: &mut Operation) {
        operation.path::<T>();
    }
}

impl OperationInput for String {
    fn describe(operation: &mut Operation) {
        operation.body::<String>("text/plain");
    }
}

impl OperationInput for Bytes {
    fn describe(operation: &mut Operation) {
        operation.raw_body("application/octet-stream");
    }
}

impl OperationInput for Body {
    fn describe(operation: &mut Operation) {
        operation.raw_body("application/octet-stream");
    }
}

impl<E: OperationInput> OperationInput for Option<E> {
    fn describe(operation: &mut Operation) {
        let before = operation.body.take();
        E::describe(operation);
        if let Some(body) = &mut operation.body {
            body.is_optional = true;
        }
        operation.body = operation.body.take().or(before);
    }
}

impl<T: OperationInput, E> OperationInput for Result<T, E> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}

/// All arguments of a handler.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a handler takes at most eight arguments",
    label = "takes more than eight"
)]
pub trait InputTuple {
    fn describe_all(operation: &mut Operation);
}

macro_rules! tuples {
    ($([$($input:ident)*])*) => {$(
        impl<$($input: OperationInput,)*> InputTuple for ($($input,)*) {
            fn describe_all(operation: &mut Operation) {
                let _ = &operation;
                $($input::describe(operation);)*
            }
        }
    )*};
}

tuples! {
    []
    [A1]
    [A1 A2]
    [A1 A2 A3]
    [A1 A2 A3 A4]
    [A1 A2 A3 A4 A5]
    [A1 A2 A3 A4 A5 A6]
    [A1 A2 A3 A4 A5 A6 A7]
    [A1 A2 A3 A4 A5 A6 A7 A8]
}
