//! Handlers: functions of arguments.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bootstrap::extend::Requirements;

use crate::handle::answer::{Reply, Respond};
use crate::handle::argument::{Argument, Available, LeavesBody};
use crate::handle::call::Call;
use crate::handle::exchange::Exchange;
use crate::handle::needs::Needs;

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Arguments that can be had from the app, from hooks that give `V`, and from the request.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a handler takes at most eight arguments",
    label = "takes more than eight",
    note = "help: take several values as one: a tuple in `Path<(..)>`, a struct in `Query<..>`, or a type that implements `axum::extract::FromRequestParts`"
)]
pub trait Arguments<V, M>: Sized + Send {
    type Held: Send + Sync + 'static;

    fn require(needs: &mut Needs);

    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    fn extract(
        held: &Self::Held,
        exchange: &Exchange,
    ) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// A function that answers requests: its arguments are what the route requires.
///
/// Implemented for functions, `async fn`s and closures with up to eight [arguments](Argument), which
/// return an `impl IntoResponse`. `V` is what the hooks in front of the route give.
///
/// There is one implementation, so that the compiler names the argument that is wrong.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a handler",
    label = "not a function that can be called for each request",
    note = "help: name a function or an `async fn` without calling it, or write a closure that does not consume or change what it captures"
)]
pub trait Handler<V, T>: Send + Sync + 'static {
    #[doc(hidden)]
    type Held: Send + Sync + 'static;

    #[doc(hidden)]
    type Future: Future<Output: IntoResponse> + Send;

    #[doc(hidden)]
    fn require(needs: &mut Needs);

    #[doc(hidden)]
    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    #[doc(hidden)]
    fn start(
        &self,
        held: &Self::Held,
        exchange: &Exchange,
    ) -> impl Future<Output = Result<Self::Future, Response>> + Send;

    #[cfg(feature = "openapi")]
    #[doc(hidden)]
    fn operation(&self) -> Option<&crate::handle::Operation>;
}

impl<V, A, M, K, F> Handler<V, (A, M, K)> for F
where
    F: Call<A> + Send + Sync + 'static,
    A: Arguments<V, M>,
    F::Output: Reply<K, Future: Send, Value: Respond>,
{
    type Held = A::Held;
    type Future = <F::Output as Reply<K>>::Future;

    fn require(needs: &mut Needs) {
        A::require(needs);
    }

    fn hold(requirements: &Requirements) -> Option<A::Held> {
        A::hold(requirements)
    }

    async fn start(&self, held: &A::Held, exchange: &Exchange) -> Result<Self::Future, Response> {
        let arguments = A::extract(held, exchange).await?;
        Ok(self.call(arguments).reply())
    }

    #[cfg(feature = "openapi")]
    fn operation(&self) -> Option<&crate::handle::Operation> {
        Call::operation(self)
    }
}

impl<V> Arguments<V, ()> for () {
    type Held = ();

    fn require(_: &mut Needs) {}

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    async fn extract((): &(), _: &Exchange) -> Result<(), Response> {
        Ok(())
    }
}

macro_rules! handlers {
    ($([$($argument:ident $mark:ident),*] $last:ident $last_mark:ident;)*) => {$(
        #[allow(non_snake_case)]
        impl<V, $($argument, $mark,)* $last, $last_mark> Arguments<V, ($($mark,)* $last_mark,)>
            for ($($argument,)* $last,)
        where
            $(
                $argument: Argument<$mark> + Available<V, $mark>,
                $mark: LeavesBody<$argument>,
            )*
            $last: Argument<$last_mark> + Available<V, $last_mark>,
        {
            type Held = ($($argument::Held,)* $last::Held,);

            fn require(needs: &mut Needs) {
                $($argument::require(needs);)*
                $last::require(needs);
            }

            fn hold(requirements: &Requirements) -> Option<Self::Held> {
                Some(($($argument::hold(requirements)?,)* $last::hold(requirements)?,))
            }

            async fn extract(held: &Self::Held, exchange: &Exchange) -> Result<Self, Response> {
                let ($($mark,)* $last_mark,) = held;
                let mut head = exchange.lend();
                $(let $argument = $argument::extract($mark, &mut head).await?;)*
                let last = if $last::TAKES_BODY {
                    let request = head.into_request();
                    let request = request.map_err(IntoResponse::into_response)?;
                    $last::extract_all(request).await?
                } else {
                    $last::extract($last_mark, &mut head).await?
                };
                Ok(($($argument,)* last,))
            }
        }
    )*};
}

handlers! {
    [] A1 M1;
    [A1 M1] A2 M2;
    [A1 M1, A2 M2] A3 M3;
    [A1 M1, A2 M2, A3 M3] A4 M4;
    [A1 M1, A2 M2, A3 M3, A4 M4] A5 M5;
    [A1 M1, A2 M2, A3 M3, A4 M4, A5 M5] A6 M6;
    [A1 M1, A2 M2, A3 M3, A4 M4, A5 M5, A6 M6] A7 M7;
    [A1 M1, A2 M2, A3 M3, A4 M4, A5 M5, A6 M6, A7 M7] A8 M8;
}

/// A handler or a hook before it is bound to the app; `B` is what it is once it is.
pub(crate) trait Unbound<B: ?Sized>: Send {
    fn require(&self, needs: &mut Needs);

    /// `None` if a requirement is not among those that were planned.
    fn bind(self: Box<Self>, requirements: &Requirements) -> Option<Arc<B>>;
}

/// A bound handler.
pub(crate) trait AnyHandler: Send + Sync {
    fn answer<'a>(&'a self, exchange: &'a Exchange) -> BoxFuture<'a, Response>;

    /// Its description, if it has one.
    #[cfg(feature = "openapi")]
    fn operation(&self) -> Option<&crate::handle::Operation>;
}

struct UnboundHandler<H, V, T>(H, PhantomData<fn() -> (V, T)>);

/// A handler, with what it holds of the app.
pub(crate) struct BoundHandler<H: Handler<V, T>, V, T> {
    handler: H,
    held: H::Held,
    of: PhantomData<fn() -> (V, T)>,
}

pub(crate) fn unbound<H, V, T>(handler: H) -> Box<dyn Unbound<dyn AnyHandler>>
where
    H: Handler<V, T>,
    V: 'static,
    T: 'static,
{
    Box::new(UnboundHandler(handler, PhantomData))
}

impl<H, V, T> Unbound<dyn AnyHandler> for UnboundHandler<H, V, T>
where
    H: Handler<V, T>,
    V: 'static,
    T: 'static,
{
    fn require(&self, needs: &mut Needs) {
        H::require(needs);
    }

    fn bind(self: Box<Self>, requirements: &Requirements) -> Option<Arc<dyn AnyHandler>> {
        Some(Arc::new(BoundHandler {
            held: H::hold(requirements)?,
            handler: self.0,
            of: PhantomData,
        }))
    }
}

impl<H, V, T> AnyHandler for BoundHandler<H, V, T>
where
    H: Handler<V, T>,
    V: 'static,
    T: 'static,
{
    fn answer<'a>(&'a self, exchange: &'a Exchange) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            match self.handler.start(&self.held, exchange).await {
                Ok(answer) => answer.await.into_response(),
                Err(response) => response,
            }
        })
    }

    #[cfg(feature = "openapi")]
    fn operation(&self) -> Option<&crate::handle::Operation> {
        Handler::operation(&self.handler)
    }
}
