//! What hooks give to the routes behind them, by its type.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bootstrap::RequestState;
use bootstrap::extend::Requirements;

use crate::handle::argument::{Argument, Available, LeavesBody};
use crate::handle::exchange::Lent;
use crate::handle::needs::Needs;
use crate::problem::Problem;

/// What a `before_handle` hook returns to give a value to the routes behind it.
///
/// They take it as [`Given<T>`]; code that is far away finds it with
/// [`RequestState<T>`](bootstrap::RequestState). See [`Given`].
#[derive(Clone, Copy, Debug)]
pub struct Give<T>(pub T);

/// A value that a hook in front of the route has given for this request.
///
/// That there is such a hook is checked by the compiler.
///
/// # Examples
///
/// ```
/// use bootstrap_web::prelude::*;
///
/// struct User(String);
///
/// async fn authenticate(headers: HeaderMap) -> Result<Give<User>, Problem> {
///     let name = headers.get("x-user").and_then(|name| name.to_str().ok());
///     let name = name.ok_or_else(Problem::unauthorized)?;
///     Ok(Give(User(name.to_owned())))
/// }
///
/// async fn me(user: Given<User>) -> String {
///     user.0.clone()
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().before_handle(authenticate).get("/me", me)
/// }
/// ```
///
/// A route in front of the hook does not compile:
///
/// ```compile_fail,E0277
/// # use bootstrap_web::prelude::*;
/// # struct User(String);
/// # async fn authenticate() -> Give<User> { Give(User("ada".into())) }
/// # async fn me(user: Given<User>) -> String { user.0.clone() }
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/me", me).before_handle(authenticate)
/// }
/// ```
pub struct Given<T>(Arc<T>);

impl<T> Given<T> {
    /// The value, shared.
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> Clone for Given<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Given<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Given<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Given").field(&self.0).finish()
    }
}

/// Marks arguments that a hook gives: the place of the hook.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromHook<I>(I);

#[diagnostic::do_not_recommend]
impl<A, I> LeavesBody<A> for FromHook<I> {}

/// The first of a list.
#[doc(hidden)]
#[derive(Debug)]
pub struct Here;

/// One behind the first of a list.
#[doc(hidden)]
#[derive(Debug)]
pub struct There<I>(I);

/// A list of what hooks give, `(User, (RequestId, ()))`, that has `T` in it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "no hook in front gives `{T}`",
    label = "takes `Given<{T}>`",
    note = "a hook applies to what is behind it, up to the end of its group",
    note = "help: write `.before_handle(hook)` in front of this call, where `hook` returns `Give<{T}>`; for a hook of another set, begin with `Routes::behind::<OtherSet>()`"
)]
pub trait GivenInFront<T, I> {}

#[diagnostic::do_not_recommend]
impl<T, Rest> GivenInFront<T, Here> for (T, Rest) {}

#[diagnostic::do_not_recommend]
impl<T, U, Rest, I> GivenInFront<T, There<I>> for (U, Rest) where Rest: GivenInFront<T, I> {}

/// A list of what hooks give that has `T` once.
///
/// The name is the message: two hooks that give one type to the same routes are error E0283, "multiple
/// `impl`s satisfying `..: OnlyOneHookMayGive<User, _>`".
pub trait OnlyOneHookMayGive<T, I> {}

impl<T, Rest> OnlyOneHookMayGive<T, Here> for (T, Rest) {}

impl<T, U, Rest, I> OnlyOneHookMayGive<T, There<I>> for (U, Rest) where
    Rest: OnlyOneHookMayGive<T, I>
{
}

#[diagnostic::do_not_recommend]
impl<T, I> Argument<FromHook<I>> for Given<T> {}

impl<V, I, T> Available<V, FromHook<I>> for Given<T>
where
    V: GivenInFront<T, I>,
    T: Send + Sync + 'static,
{
    type Held = ();

    fn require(_: &mut Needs) {}

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    async fn extract((): &(), _: &mut Lent<'_>) -> Result<Self, Response> {
        let found = RequestState::<T>::new().try_get();
        found
            .map(Given)
            .map_err(|error| Problem::from(error).into_response())
    }
}
