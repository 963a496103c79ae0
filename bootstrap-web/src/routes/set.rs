//! What a function with `#[routes]` returns.

use bootstrap::extend::Declare;

use crate::routes::builder::Routes;

/// A set of routes, whose hooks give [`RouteSet::Gives`] to what is behind them.
///
/// Implemented for [`Routes`]; what a function with [`#[routes]`](macro@crate::routes) returns.
pub trait RouteSet {
    /// What hooks have given at the end, as a list of types: `(User, (RequestId, ()))`.
    type Gives;

    #[doc(hidden)]
    fn into_routes(self) -> Routes;
}

/// The plugin of a set whose hooks others may be behind: `#[routes(gives = [..])]`.
#[diagnostic::on_unimplemented(
    message = "the hooks of `{Self}` can't be used by other sets",
    label = "not a set that says what its hooks give",
    note = "help: write `#[routes(gives = [..])]` on the function of that set, with the types that its hooks give; the list may be empty"
)]
pub trait GivesBehind: Declare + Sized + Send + Sync + 'static {
    /// What its hooks give.
    type Gives: 'static;
}
