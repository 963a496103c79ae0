//! What a function with `#[routes]` returns.

use bootstrap::extend::Declare;

use crate::routes::builder::Routes;

/// A set of routes, whose hooks give [`RouteSet::Gives`] to what is behind them.
///
/// Implemented for [`Routes`]; what a function with [`#[routes]`](macro@crate::routes) returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of routes",
    label = "returned by a function with `#[routes]`",
    note = "help: return `Routes::new()` with its routes, as `impl RouteSet`"
)]
pub trait RouteSet {
    /// What hooks have given at the end, as a list of types: `(User, (RequestId, ()))`.
    type Gives;

    #[doc(hidden)]
    fn into_routes(self) -> Routes;
}

/// The plugin of a set. [`#[routes]`](macro@crate::routes) implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the plugin of a set of routes",
    label = "not a set",
    note = "help: name the plugin that `#[routes]` makes: `Sessions` of `fn sessions()`"
)]
pub trait SetPlugin: Declare + Sized + Send + Sync + 'static {
    /// What its hooks give to other sets, or [`NothingSaid`].
    type Gives: 'static;
}

/// What the hooks of a set without `gives = [..]` give to other sets.
#[derive(Debug)]
pub struct NothingSaid;

/// What the hooks of the set `S` give to sets [behind](Routes::behind) them.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the set `{S}` does not declare what its hooks give",
    label = "no `gives` in its `#[routes(..)]`",
    note = "help: write `#[routes(gives = [..])]` on the function of that set, with the types that its hooks give; the list may be empty"
)]
pub trait GivenBehind<S> {}

#[diagnostic::do_not_recommend]
impl<S> GivenBehind<S> for () {}

#[diagnostic::do_not_recommend]
impl<S, T, Rest> GivenBehind<S> for (T, Rest) {}

/// What the hooks of a set give, which is what its `gives = [..]` says.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the hooks of this set do not give what `gives` lists",
    label = "they give `{Self}`, the last type first",
    note = "help: list the types that the hooks give, each once, in the order of the hooks: of `.before_handle(a).before_handle(b)` first that of `a`"
)]
pub trait GivesAsSaid<L> {}

#[diagnostic::do_not_recommend]
impl<L> GivesAsSaid<L> for L {}

/// Returns the set.
pub fn check_given<L, S>(set: S) -> S
where
    S: RouteSet<Gives: GivesAsSaid<L>>,
{
    set
}
