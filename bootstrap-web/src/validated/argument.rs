//! `Validated` as an argument of handlers.

use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use bootstrap::extend::Requirements;

use crate::Validated;
use crate::handle::{Argument, Available, LeavesBody, Lent, Needs, in_the_other_way};
use crate::problem::Problem;
use crate::validated::found::Found;
use crate::validated::source::{BodySources, HeadSources, Ruled, Sources};

/// Marks values that are all in the head of the request; their rules are found at `M`.
#[doc(hidden)]
#[derive(Debug)]
pub struct InHead<M>(M);

/// Marks values of which the last is the body.
#[doc(hidden)]
#[derive(Debug)]
pub struct InBody<M>(M);

#[allow(clippy::result_large_err, reason = "as arguments are extracted")]
fn checked<E, M>(read: E::Read) -> Result<Validated<E>, Response>
where
    E: Sources<Read: Ruled<M, Sources = E>>,
{
    let mut found = Found::default();
    let values = read.check(&mut found);
    match (found.into_response(), values) {
        (None, Some(values)) => Ok(Validated(values)),
        (Some(response), _) => Err(response),
        (None, None) => Err(Problem::internal().into_response()),
    }
}

#[diagnostic::do_not_recommend]
impl<E: HeadSources, M> Argument<InHead<M>> for Validated<E> {}

#[diagnostic::do_not_recommend]
impl<A, M> LeavesBody<A> for InHead<M> {}

impl<V, E, M> Available<V, InHead<M>> for Validated<E>
where
    E: HeadSources<Read: Ruled<M, Sources = E>> + Send,
{
    type Held = ();

    fn require(_: &mut Needs) {}

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    async fn extract((): &(), head: &mut Lent<'_>) -> Result<Self, Response> {
        let parts = head.parts().map_err(IntoResponse::into_response)?;
        checked(E::read_head(parts).await)
    }
}

#[diagnostic::do_not_recommend]
impl<E: BodySources, M> Argument<InBody<M>> for Validated<E> {}

impl<V, E, M> Available<V, InBody<M>> for Validated<E>
where
    E: BodySources<Read: Ruled<M, Sources = E>> + Send,
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

    async fn extract_all(request: Request<Body>) -> Result<Self, Response> {
        checked(E::read(request).await)
    }
}
