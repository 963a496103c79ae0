//! What may be an argument, and where it comes from.

use std::future::Future;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use bootstrap::extend::Requirements;
use futures_util::TryFutureExt;

use crate::handle::exchange::Lent;
use crate::handle::needs::Needs;
use crate::problem::{names, reject};

/// An argument of a handler or a hook; `M` marks where it comes from.
///
/// | argument | comes from |
/// |---|---|
/// | [`State<T>`](bootstrap::State), [`Port<dyn T>`](bootstrap::Port), `Option` or [`Lazy`](bootstrap::Lazy) of one of them, [`Ports<dyn T>`](bootstrap::Ports) | the app: it is a requirement of the plugin |
/// | [`Given<T>`](crate::Given) | a hook in front of the route |
/// | any [`FromRequestParts`] of axum | the head of the request |
/// | any [`FromRequest`] of axum, as the last argument of a handler | the request with its body |
///
/// Implemented for all of them. For a type of your own, implement axum's traits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument",
    label = "takes `{Self}`",
    note = "arguments are `State<T>`, `Port<dyn T>` and `Ports<dyn T>` of `bootstrap`, `Option` and `Lazy` of the first two, `Given<T>`, and extractors of axum except `axum::extract::State`",
    note = "help: take what a plugin provides as `State<..>`; derive `serde::Deserialize` for the type in a `Json`, `Form`, `Query` or `Path`; implement `axum::extract::FromRequestParts` for a type that reads the request"
)]
pub trait Argument<M> {}

/// How an argument is made behind hooks that give `V`. What it is comes first, as
/// [`Argument`], so that each mistake has one message.
#[doc(hidden)]
pub trait Available<V, M>: Sized + Send {
    /// What is kept for it from the start of the app.
    type Held: Send + Sync + 'static;

    /// Whether it is made by `extract_all`.
    const TAKES_BODY: bool = false;

    /// Adds what it requires of the app.
    fn require(needs: &mut Needs);

    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    /// Without the body.
    fn extract(
        held: &Self::Held,
        head: &mut Lent<'_>,
    ) -> impl Future<Output = Result<Self, Response>> + Send;

    /// With it.
    fn extract_all(_: Request<Body>) -> impl Future<Output = Result<Self, Response>> + Send {
        in_the_other_way()
    }
}

/// Arguments of this kind are made in the other way.
pub(crate) async fn in_the_other_way<T>() -> Result<T, Response> {
    Err(crate::Problem::internal().into_response())
}

/// A mark of arguments that may be in front of others: `A` is the argument.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{A}` reads the body, which only the last argument of a handler can do",
    label = "takes `{A}`",
    note = "help: take `{A}` as the last argument of the handler; where that is not possible, read the body with `RequestContext::current()?.json()`"
)]
pub trait LeavesBody<A> {}

/// Marks arguments that axum makes of the head of a request.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromRequestHead;

#[diagnostic::do_not_recommend]
impl<A> LeavesBody<A> for FromRequestHead {}

#[diagnostic::do_not_recommend]
impl<E: FromRequestParts<(), Rejection: 'static>> Argument<FromRequestHead> for E {}

impl<V, E> Available<V, FromRequestHead> for E
where
    E: FromRequestParts<(), Rejection: 'static> + Send,
{
    type Held = ();

    fn require(_: &mut Needs) {}

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    async fn extract((): &(), head: &mut Lent<'_>) -> Result<Self, Response> {
        let parts = head.parts().map_err(IntoResponse::into_response)?;
        let extracted = E::from_request_parts(parts, &()).await;
        extracted.map_err(|rejection| reject(rejection, &names(parts)))
    }
}

/// Marks a last argument that takes the body.
#[doc(hidden)]
#[derive(Debug)]
pub struct TakesBody;

#[diagnostic::do_not_recommend]
impl<E: FromRequest<(), Rejection: 'static>> Argument<TakesBody> for E {}

impl<V, E> Available<V, TakesBody> for E
where
    E: FromRequest<(), Rejection: 'static> + Send,
{
    type Held = ();
    const TAKES_BODY: bool = true;

    fn require(_: &mut Needs) {}

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    fn extract((): &(), _: &mut Lent<'_>) -> impl Future<Output = Result<Self, Response>> + Send {
        in_the_other_way()
    }

    // Not an `async fn`: its future would hold the request once more.
    fn extract_all(request: Request<Body>) -> impl Future<Output = Result<Self, Response>> + Send {
        E::from_request(request, &()).map_err(|rejection| reject(rejection, &[]))
    }
}

/// Marks types that are no arguments. They are reported as such alone, and not as unavailable too.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromNowhere;

#[diagnostic::do_not_recommend]
impl<A> LeavesBody<A> for FromNowhere {}

#[diagnostic::do_not_recommend]
impl<V, E: Send> Available<V, FromNowhere> for E {
    type Held = ();

    fn require(_: &mut Needs) {}

    fn hold(_: &Requirements) -> Option<()> {
        None
    }

    fn extract((): &(), _: &mut Lent<'_>) -> impl Future<Output = Result<Self, Response>> + Send {
        in_the_other_way()
    }
}
