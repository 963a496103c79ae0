//! What handlers and hooks return, now or later.

use std::future::{Future, Ready, ready};

use axum::response::{IntoResponse, Response};
use bootstrap::RequestState;

use crate::handle::given::{Give, OnlyOneHookMayGive};
use crate::problem::Problem;

/// What a handler or a hook returns if it may fail: a response, or a [`Problem`].
///
/// # Examples
///
/// ```
/// use bootstrap_web::prelude::*;
///
/// async fn read(Path(name): Path<String>) -> Answer<String> {
///     let text = std::fs::read_to_string(format!("/notes/{name}")).ok();
///     text.or_not_found("no such note")
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/notes/{name}", read)
/// }
/// ```
pub type Answer<R> = Result<R, Problem>;

/// Marks functions that return their answer.
#[doc(hidden)]
#[derive(Debug)]
pub struct Now;

/// Marks functions that return a future of it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Later;

/// What a handler answers with.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a response",
    label = "returns `{Self}`",
    note = "responses are `String`, `StatusCode`, `Json<T>`, `Response`, tuples and `Option` of them, `Result` with an error that is one too, as `Result<Json<Row>, Problem>`, and whatever else implements `axum::response::IntoResponse`",
    note = "help: return `Json(..)` of a type that implements `serde::Serialize`; as an error, return a `Problem`, which `?` makes of other errors"
)]
pub trait Respond: IntoResponse {}

#[diagnostic::do_not_recommend]
impl<R: IntoResponse> Respond for R {}

/// What a handler returns: a response, or a future of one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a response",
    label = "returns `{Self}`",
    note = "responses are `String`, `StatusCode`, `Json<T>`, `Response`, tuples and `Option` of them, `Result` with an error that is one too, as `Result<Json<Row>, Problem>`, and whatever else implements `axum::response::IntoResponse`",
    note = "help: return `Json(..)` of a type that implements `serde::Serialize`; as an error, return a `Problem`, which `?` makes of other errors"
)]
pub trait Reply<K> {
    type Value;
    type Future: Future<Output = Self::Value>;

    fn reply(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<R: IntoResponse> Reply<Now> for R {
    type Value = R;
    type Future = Ready<R>;

    fn reply(self) -> Ready<R> {
        ready(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Future> Reply<Later> for F {
    type Value = F::Output;
    type Future = F;

    fn reply(self) -> F {
        self
    }
}

/// What a `before_handle` or `on_request` hook returns: `()`, [`Give<T>`], `Option` of a response that
/// is the answer, or a `Result` of one of them whose error is a response.
///
/// `V` is what the hooks in front of it give, `I` a place in that list.
#[diagnostic::on_unimplemented(
    message = "a hook can't return `{Self}`",
    label = "returns `{Self}`",
    note = "help: return `()` or `Give<T>` to go on, `Option<Response>` to answer or go on, or a `Result` of one of them, as `Result<Give<User>, Problem>`"
)]
pub trait HookAnswer<V, I>: Send {
    /// What is given behind this hook.
    type Behind;

    #[doc(hidden)]
    fn settle(self) -> Option<Response>;
}

#[diagnostic::do_not_recommend]
impl<V> HookAnswer<V, ()> for () {
    type Behind = V;

    fn settle(self) -> Option<Response> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<V, R: IntoResponse + Send> HookAnswer<V, ()> for Option<R> {
    type Behind = V;

    fn settle(self) -> Option<Response> {
        self.map(IntoResponse::into_response)
    }
}

#[diagnostic::do_not_recommend]
impl<V, I, T> HookAnswer<V, I> for Give<T>
where
    T: Send + Sync + 'static,
    (T, V): OnlyOneHookMayGive<T, I>,
{
    type Behind = (T, V);

    fn settle(self) -> Option<Response> {
        match RequestState::new().set(self.0) {
            Ok(_) => None,
            Err(error) => Some(Problem::from(error).into_response()),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<V, I, A, E> HookAnswer<V, I> for Result<A, E>
where
    A: HookAnswer<V, I>,
    E: IntoResponse + Send,
{
    type Behind = A::Behind;

    fn settle(self) -> Option<Response> {
        match self {
            Ok(answer) => answer.settle(),
            Err(error) => Some(error.into_response()),
        }
    }
}

/// What a `before_handle` or `on_request` hook returns, if it is not a future.
#[doc(hidden)]
pub trait AtOnce {}

impl AtOnce for () {}
impl<R> AtOnce for Option<R> {}
impl<T> AtOnce for Give<T> {}
impl<A, E> AtOnce for Result<A, E> {}

/// What a `before_handle` or `on_request` hook returns, now or later.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a hook can't return `{Self}`",
    label = "returns `{Self}`",
    note = "help: return `()` or `Give<T>` to go on, `Option<Response>` to answer or go on, or a `Result` of one of them, as `Result<Give<User>, Problem>`"
)]
pub trait BeforeReply<K> {
    type Value;
    type Future: Future<Output = Self::Value>;

    fn reply(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<A: AtOnce> BeforeReply<Now> for A {
    type Value = A;
    type Future = Ready<A>;

    fn reply(self) -> Ready<A> {
        ready(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Future> BeforeReply<Later> for F {
    type Value = F::Output;
    type Future = F;

    fn reply(self) -> F {
        self
    }
}

/// What an `on_error` hook returns: `()` or `None` passes the problem on, `Some(response)` is the answer.
#[diagnostic::on_unimplemented(
    message = "an `on_error` hook can't return `{Self}`",
    label = "returns `{Self}`",
    note = "help: return `()` or `None` to pass the problem on, `Some(response)` to answer"
)]
pub trait ErrorAnswer: Send {
    #[doc(hidden)]
    fn response(self) -> Option<Response>;
}

#[diagnostic::do_not_recommend]
impl ErrorAnswer for () {
    fn response(self) -> Option<Response> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<R: IntoResponse + Send> ErrorAnswer for Option<R> {
    fn response(self) -> Option<Response> {
        self.map(IntoResponse::into_response)
    }
}

/// What an `on_error` hook returns, now or later.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an `on_error` hook can't return `{Self}`",
    label = "returns `{Self}`",
    note = "help: return `()` or `None` to pass the problem on, `Some(response)` to answer"
)]
pub trait ErrorReply<K> {
    type Value;
    type Future: Future<Output = Self::Value>;

    fn reply(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<A: ErrorAnswer> ErrorReply<Now> for A {
    type Value = A;
    type Future = Ready<A>;

    fn reply(self) -> Ready<A> {
        ready(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Future> ErrorReply<Later> for F {
    type Value = F::Output;
    type Future = F;

    fn reply(self) -> F {
        self
    }
}
