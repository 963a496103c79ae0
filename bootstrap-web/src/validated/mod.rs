//! `Validated`: extractors whose values are checked, with all issues of all sources at once.

use std::ops::Deref;

mod argument;
mod check;
#[cfg(feature = "openapi")]
mod described;
mod found;
mod source;
mod unread;

pub use check::{Check, Issues};
pub use source::Source;

/// Values of a request that were checked: an argument of handlers.
///
/// It wraps one extractor, or a tuple of up to four, of which the last may read the body:
/// `Validated<Json<T>>`, `Validated<(Path<A>, Query<B>, Json<C>)>`. The extractors are [`Source`]s: `Path`,
/// `Query`, `Form` and `Json` of axum, and those that implement the trait. Their values implement [`Check`],
/// which types with `#[derive(garde::Validate)]` do if the feature `garde` is on; numbers, `bool`, `char`,
/// `String` and tuples of them have no rules, and pass.
///
/// All sources are read and checked before the request is rejected. The [`Problem`](crate::Problem) is a
/// 422, and its member `issues` lists everything that is wrong, in the order of the tuple:
///
/// ```json
/// {"type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "2 issues", "issues": [
///     {"source": "path", "path": "id", "message": "expected a whole number from 0 to 4294967295"},
///     {"source": "json", "path": "address.city", "message": "length is lower than 1"}
/// ]}
/// ```
///
/// A source that can't be read, because of a missing field for example, is one issue. If the only issue is a body
/// that is too long, that has another content type, or that is not JSON at all, the status is that of the
/// extractor: 413, 415, 400. **Values of the request are never part of the answer.**
///
/// The pattern takes the values out, `Validated(Json(user)): Validated<Json<NewUser>>`; of a single extractor
/// the fields can be read without it, `user.name`.
///
/// It is an argument of handlers, not an extractor of axum: it can't be used in a router of axum that is
/// [mounted](crate::Routes::mount), or within another extractor.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::{Check, Issues};
///
/// #[derive(serde::Deserialize)]
/// struct NewUser {
///     name: String,
/// }
///
/// // Or `#[derive(garde::Validate)]`, with the feature `garde`.
/// impl Check for NewUser {
///     fn check(&self, issues: &mut Issues) {
///         if self.name.is_empty() {
///             issues.add("name", "must not be empty");
///         }
///     }
/// }
///
/// async fn add(Validated((Path(team), Json(user))): Validated<(Path<u32>, Json<NewUser>)>) -> String {
///     format!("{} is in team {team}", user.name)
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().post("/teams/{team}/users", add)
/// }
/// ```
///
/// A type without rules does not compile:
///
/// ```compile_fail,E0277
/// # use bootstrap_web::prelude::*;
/// #[derive(serde::Deserialize)]
/// struct NewUser {
///     name: String,
/// }
///
/// async fn add(Validated(Json(user)): Validated<Json<NewUser>>) -> String {
///     user.name
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().post("/users", add)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Validated<E>(pub E);

impl<E> Deref for Validated<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}
