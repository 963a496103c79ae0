//! `Validated` as an argument of handlers.

use axum::body::Body;
use axum::http::Request;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bootstrap::extend::Requirements;

use crate::Validated;
use crate::handle::{Argument, Available, LastArgument, Needs, in_the_other_way};
use crate::problem::Problem;
use crate::validated::found::Found;
use crate::validated::source::{BodySources, HeadSources, Ruled, Sources};

/// Marks values that are all in the head of the request.
#[doc(hidden)]
#[derive(Debug)]
pub struct InHead<C>(C);

/// Marks values of which the last is the body.
#[doc(hidden)]
#[derive(Debug)]
pub struct InBody<C>(C);

/// Checks the values of `E`.
///
/// Only [`Available`] requires rules: until then the compiler does not know the implementor. So a type
/// without rules is one error, about that type.
#[doc(hidden)]
pub trait Checker<E: Sources> {
    fn check(read: E::Read, found: &mut Found) -> Option<E>;
}

/// Checks values by the rules that are found at `M`.
#[doc(hidden)]
#[derive(Debug)]
pub struct By<M>(M);

impl<E, M> Checker<E> for By<M>
where
    E: Sources<Read: Ruled<M, Sources = E>>,
{
    fn check(read: E::Read, found: &mut Found) -> Option<E> {
        read.check(found)
    }
}

#[allow(clippy::result_large_err, reason = "as arguments are extracted")]
fn checked<E: Sources, C: Checker<E>>(read: E::Read) -> Result<Validated<E>, Response> {
    let mut found = Found::default();
    let values = C::check(read, &mut found);
    match (found.into_response(), values) {
        (None, Some(values)) => Ok(Validated(values)),
        (Some(response), _) => Err(response),
        (None, None) => Err(Problem::internal().into_response()),
    }
}

#[diagnostic::do_not_recommend]
impl<E, C> Argument<InHead<C>> for Validated<E>
where
    E: HeadSources + Send,
    C: Checker<E>,
{
    type Held = ();
    const READS_HEAD: bool = true;

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    async fn extract((): &(), parts: &mut Parts) -> Result<Self, Response> {
        checked::<E, C>(E::read_head(parts).await)
    }
}

impl<V, E, M> Available<V, InHead<By<M>>> for Validated<E>
where
    E: Sources<Read: Ruled<M, Sources = E>>,
{
    fn require(_: &mut Needs) {}
}

#[diagnostic::do_not_recommend]
impl<E, C> LastArgument<InBody<C>> for Validated<E>
where
    E: BodySources + Send,
    C: Checker<E>,
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
        checked::<E, C>(E::read(request).await)
    }
}

impl<V, E, M> Available<V, InBody<By<M>>> for Validated<E>
where
    E: Sources<Read: Ruled<M, Sources = E>>,
{
    fn require(_: &mut Needs) {}
}
