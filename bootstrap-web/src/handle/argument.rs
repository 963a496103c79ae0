//! What may be an argument, and where it comes from.

use std::future::Future;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::Request;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bootstrap::extend::Requirements;

use crate::handle::needs::Needs;
use crate::problem::{names, reject};

/// An argument of a handler or a hook.
///
/// | argument | comes from |
/// |---|---|
/// | [`State<T>`](bootstrap::State), [`Port<dyn T>`](bootstrap::Port), `Option` or [`Lazy`](bootstrap::Lazy) of one of them, [`Ports<dyn T>`](bootstrap::Ports) | the app: it is a requirement of the plugin |
/// | [`Given<T>`](crate::Given) | a hook in front of the route |
/// | any [`FromRequestParts`] of axum | the head of the request |
/// | any [`FromRequest`] of axum, as the last argument | the request with its body |
///
/// Implemented for all of them. For a type of your own, implement axum's traits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument at this place",
    label = "takes an argument of type `{Self}`",
    note = "arguments are `State<T>`, `Port<dyn T>`, `Option` or `Lazy` of one of them, `Ports<dyn T>`, `Given<T>`, and extractors of axum",
    note = "only the last argument of a handler may read the body; a hook may not",
    note = "help: move what reads the body, as `Json`, to the end; take what a plugin provides as `State<..>`; implement `axum::extract::FromRequestParts` for a type of your own"
)]
pub trait Argument<M>: Sized + Send {
    /// What is kept for it from the start of the app.
    #[doc(hidden)]
    type Held: Send + Sync + 'static;

    /// Whether it is made of the head of the request.
    #[doc(hidden)]
    const READS_HEAD: bool;

    #[doc(hidden)]
    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    #[doc(hidden)]
    fn extract(
        held: &Self::Held,
        parts: &mut Parts,
    ) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// An argument behind hooks that give `V`. Whether it can be had is asked apart from what it is, so
/// that each mistake has one message.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument here",
    label = "takes an argument of type `{Self}`"
)]
pub trait Available<V, M> {
    /// Adds what it requires of the app.
    fn require(needs: &mut Needs);
}

/// Marks arguments that axum makes of the head of a request.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromRequestHead;

#[diagnostic::do_not_recommend]
impl<E> Argument<FromRequestHead> for E
where
    E: FromRequestParts<(), Rejection: 'static> + Send,
{
    type Held = ();
    const READS_HEAD: bool = true;

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    async fn extract((): &(), parts: &mut Parts) -> Result<Self, Response> {
        let extracted = E::from_request_parts(parts, &()).await;
        extracted.map_err(|rejection| reject(rejection, &names(parts)))
    }
}

impl<E, V> Available<V, FromRequestHead> for E {
    fn require(_: &mut Needs) {}
}

/// The last argument of a handler, which may take the body.
#[diagnostic::on_unimplemented(
    message = "a handler can't take an argument of type `{Self}`",
    label = "takes an argument of type `{Self}`",
    note = "arguments are `State<T>`, `Port<dyn T>`, `Option` or `Lazy` of one of them, `Ports<dyn T>`, `Given<T>`, and extractors of axum",
    note = "help: take what a plugin provides as `State<..>`; implement `axum::extract::FromRequestParts` for a type of your own"
)]
pub trait LastArgument<M>: Sized + Send {
    #[doc(hidden)]
    type Held: Send + Sync + 'static;

    #[doc(hidden)]
    const READS_HEAD: bool;

    #[doc(hidden)]
    const TAKES_BODY: bool;

    #[doc(hidden)]
    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    /// Without the body.
    #[doc(hidden)]
    fn extract(
        held: &Self::Held,
        parts: &mut Parts,
    ) -> impl Future<Output = Result<Self, Response>> + Send;

    /// With it.
    #[doc(hidden)]
    fn extract_all(request: Request<Body>) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// Marks a last argument that leaves the body alone.
#[doc(hidden)]
#[derive(Debug)]
pub struct LeavesBody<M>(M);

/// Marks a last argument that takes the body.
#[doc(hidden)]
#[derive(Debug)]
pub struct TakesBody;

/// What is never asked for: arguments of this kind are made in the other way.
pub(crate) async fn in_the_other_way<T>() -> Result<T, Response> {
    Err(crate::Problem::internal().into_response())
}

#[diagnostic::do_not_recommend]
impl<A, M> LastArgument<LeavesBody<M>> for A
where
    A: Argument<M>,
{
    type Held = A::Held;
    const READS_HEAD: bool = A::READS_HEAD;
    const TAKES_BODY: bool = false;

    fn hold(requirements: &Requirements) -> Option<Self::Held> {
        A::hold(requirements)
    }

    fn extract(
        held: &Self::Held,
        parts: &mut Parts,
    ) -> impl Future<Output = Result<Self, Response>> + Send {
        A::extract(held, parts)
    }

    fn extract_all(_: Request<Body>) -> impl Future<Output = Result<Self, Response>> + Send {
        in_the_other_way()
    }
}

impl<A, V, M> Available<V, LeavesBody<M>> for A
where
    A: Available<V, M>,
{
    fn require(needs: &mut Needs) {
        A::require(needs);
    }
}

#[diagnostic::do_not_recommend]
impl<E> LastArgument<TakesBody> for E
where
    E: FromRequest<(), Rejection: 'static> + Send,
{
    type Held = ();
    const READS_HEAD: bool = true;
    const TAKES_BODY: bool = true;

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    fn extract((): &(), _: &mut Parts) -> impl Future<Output = Result<Self, Response>> + Send {
        in_the_other_way()
    }

    async fn extract_all(request: Request<Body>) -> Result<Self, Response> {
        let extracted = E::from_request(request, &()).await;
        extracted.map_err(|rejection| reject(rejection, &[]))
    }
}

impl<E, V> Available<V, TakesBody> for E {
    fn require(_: &mut Needs) {}
}
