//! What handlers and hooks return, now or later.

use std::future::{Future, Ready, ready};

use axum::response::{IntoResponse, Response};
use bootstrap::RequestState;
use futures_util::FutureExt;
use futures_util::future::Map;

use crate::handle::given::{Give, OnlyOneHookMayGive};
use crate::problem::Problem;

/// Marks functions that return their answer.
#[doc(hidden)]
#[derive(Debug)]
pub struct Now;

/// Marks functions that return a future of it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Later;

/// What a handler returns: a response, or a future of one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a handler can't return `{Self}`",
    label = "returns what is no response",
    note = "a handler returns an `impl IntoResponse`, as `Result<Json<Row>, Problem>`, or is an `async fn` that does",
    note = "help: implement `axum::response::IntoResponse` for the type, or return `Json(..)` of it"
)]
pub trait Reply<K> {
    type Future: Future<Output: IntoResponse>;

    fn reply(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<R: IntoResponse> Reply<Now> for R {
    type Future = Ready<R>;

    fn reply(self) -> Ready<R> {
        ready(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Future<Output: IntoResponse>> Reply<Later> for F {
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
    label = "returns what a hook can't",
    note = "a hook returns `()`, `Give<T>`, `Option<Response>`, or a `Result` of one of them, as `Result<Give<User>, Problem>`"
)]
pub trait Answer<V, I>: Send {
    /// What is given behind this hook.
    type Behind;

    #[doc(hidden)]
    fn settle(self) -> Option<Response>;
}

#[diagnostic::do_not_recommend]
impl<V> Answer<V, ()> for () {
    type Behind = V;

    fn settle(self) -> Option<Response> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<V, R: IntoResponse + Send> Answer<V, ()> for Option<R> {
    type Behind = V;

    fn settle(self) -> Option<Response> {
        self.map(IntoResponse::into_response)
    }
}

#[diagnostic::do_not_recommend]
impl<V, I, T> Answer<V, I> for Give<T>
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
impl<V, I, A, E> Answer<V, I> for Result<A, E>
where
    A: Answer<V, I>,
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

/// What a `before_handle` or `on_request` hook returns, now or later.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a hook can't return `{Self}`",
    label = "returns what a hook can't",
    note = "a hook returns `()`, `Give<T>`, `Option<Response>`, or a `Result` of one of them, as `Result<Give<User>, Problem>`, or is an `async fn` that does"
)]
pub trait BeforeReply<V, K> {
    type Behind;
    type Future: Future<Output = Option<Response>>;

    fn reply(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<V, I, A: Answer<V, I>> BeforeReply<V, (Now, I)> for A {
    type Behind = A::Behind;
    type Future = Ready<Option<Response>>;

    fn reply(self) -> Self::Future {
        ready(self.settle())
    }
}

#[diagnostic::do_not_recommend]
impl<V, I, F: Future<Output: Answer<V, I>>> BeforeReply<V, (Later, I)> for F {
    type Behind = <F::Output as Answer<V, I>>::Behind;
    type Future = Map<F, fn(F::Output) -> Option<Response>>;

    fn reply(self) -> Self::Future {
        self.map(Answer::settle)
    }
}

/// What an `on_error` hook returns: `()` or `None` passes the problem on, `Some(response)` is the answer.
#[diagnostic::on_unimplemented(
    message = "an `on_error` hook can't return `{Self}`",
    label = "returns what an `on_error` hook can't",
    note = "an `on_error` hook returns `()`, or `Option<Response>`: `None` passes the problem on"
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
    label = "returns what an `on_error` hook can't",
    note = "an `on_error` hook returns `()`, or `Option<Response>`: `None` passes the problem on"
)]
pub trait ErrorReply<K> {
    type Future: Future<Output = Option<Response>>;

    fn reply(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<A: ErrorAnswer> ErrorReply<Now> for A {
    type Future = Ready<Option<Response>>;

    fn reply(self) -> Self::Future {
        ready(self.response())
    }
}

#[diagnostic::do_not_recommend]
impl<F: Future<Output: ErrorAnswer>> ErrorReply<Later> for F {
    type Future = Map<F, fn(F::Output) -> Option<Response>>;

    fn reply(self) -> Self::Future {
        self.map(ErrorAnswer::response)
    }
}
