//! Hooks: functions around handlers.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bootstrap::extend::Requirements;

use crate::handle::answer::{BeforeReply, ErrorReply, Reply};
use crate::handle::argument::{Argument, Available};
use crate::handle::exchange::Exchange;
use crate::handle::handler::{BoxFuture, Unbound, lost};
use crate::handle::needs::Needs;
use crate::handle::surroundings::AppArgument;
use crate::problem::Problem;

/// Arguments of a hook in front of a handler: those that leave the body alone.
#[doc(hidden)]
pub trait HeadArguments<V, M>: Sized + Send {
    type Held: Send + Sync + 'static;

    fn require(needs: &mut Needs);

    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    fn extract(
        held: &Self::Held,
        exchange: &Exchange,
    ) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// Arguments of a hook behind a handler, beside the response or the problem: those of the app.
#[doc(hidden)]
pub trait AppArguments: Sized + Clone + Send + Sync + 'static {
    fn require(needs: &mut Needs);

    fn hold(requirements: &Requirements) -> Option<Self>;
}

#[doc(hidden)]
pub trait CallBefore<A, V, K>: Send + Sync + 'static {
    type Behind;
    type Future: Future<Output = Option<Response>>;

    fn call(&self, arguments: A) -> Self::Future;
}

#[doc(hidden)]
pub trait CallAfter<A, K>: Send + Sync + 'static {
    type Future: Future<Output: IntoResponse>;

    fn call(&self, response: Response, arguments: A) -> Self::Future;
}

#[doc(hidden)]
pub trait CallError<A, K>: Send + Sync + 'static {
    type Future: Future<Output = Option<Response>>;

    fn call(&self, problem: Arc<Problem>, arguments: A) -> Self::Future;
}

/// A hook that runs in front of handlers, or, as `on_request`, in front of the routing.
///
/// A function, `async fn` or closure with up to eight [arguments](Argument) that leave the body alone. It
/// returns an [`Answer`](crate::handle::Answer).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a hook in front of handlers",
    label = "not a hook",
    note = "a hook is a function, an `async fn` or a closure, with at most eight arguments that leave the body alone; it returns `()`, `Give<T>`, `Option<Response>`, or a `Result` of one of them"
)]
pub trait BeforeHook<V, T>: Send + Sync + 'static {
    #[doc(hidden)]
    type Held: Send + Sync + 'static;

    /// What is given behind this hook.
    #[doc(hidden)]
    type Behind;

    #[doc(hidden)]
    type Future: Future<Output = Option<Response>> + Send;

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
}

impl<V, A, M, K, F> BeforeHook<V, (A, M, K)> for F
where
    F: CallBefore<A, V, K, Future: Send>,
    A: HeadArguments<V, M>,
{
    type Held = A::Held;
    type Behind = F::Behind;
    type Future = F::Future;

    fn require(needs: &mut Needs) {
        A::require(needs);
    }

    fn hold(requirements: &Requirements) -> Option<A::Held> {
        A::hold(requirements)
    }

    async fn start(&self, held: &A::Held, exchange: &Exchange) -> Result<F::Future, Response> {
        let arguments = A::extract(held, exchange).await?;
        Ok(self.call(arguments))
    }
}

/// A hook that runs behind handlers, unless there was an error; it may change or replace the response.
///
/// A function, `async fn` or closure that takes the `Response`, and up to four arguments of the app, and
/// returns a response.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a `before_response` hook",
    label = "not a hook",
    note = "a `before_response` hook takes the `Response`, and then at most four arguments of the app, as `State<T>`; it returns a response, or is an `async fn` that does"
)]
pub trait AfterHook<T>: Send + Sync + 'static {
    #[doc(hidden)]
    type Held: AppArguments;

    #[doc(hidden)]
    type Future: Future<Output: IntoResponse> + Send;

    #[doc(hidden)]
    fn start(&self, response: Response, held: &Self::Held) -> Self::Future;
}

impl<A, K, F> AfterHook<(A, K)> for F
where
    F: CallAfter<A, K, Future: Send>,
    A: AppArguments,
{
    type Held = A;
    type Future = F::Future;

    fn start(&self, response: Response, held: &A) -> F::Future {
        self.call(response, held.clone())
    }
}

/// A hook that sees every problem of the routes behind it; its response is the answer.
///
/// A function, `async fn` or closure that takes an `Arc<Problem>`, and up to four arguments of the app, and
/// returns an [`ErrorAnswer`](crate::handle::ErrorAnswer).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an `on_error` hook",
    label = "not a hook",
    note = "an `on_error` hook takes an `Arc<Problem>`, and then at most four arguments of the app, as `State<T>`; it returns `()` or `Option<Response>`, or is an `async fn` that does"
)]
pub trait ErrorHook<T>: Send + Sync + 'static {
    #[doc(hidden)]
    type Held: AppArguments;

    #[doc(hidden)]
    type Future: Future<Output = Option<Response>> + Send;

    #[doc(hidden)]
    fn start(&self, problem: Arc<Problem>, held: &Self::Held) -> Self::Future;
}

impl<A, K, F> ErrorHook<(A, K)> for F
where
    F: CallError<A, K, Future: Send>,
    A: AppArguments,
{
    type Held = A;
    type Future = F::Future;

    fn start(&self, problem: Arc<Problem>, held: &A) -> F::Future {
        self.call(problem, held.clone())
    }
}

macro_rules! before_hooks {
    ($([$($argument:ident $mark:ident),*];)*) => {$(
        #[allow(non_snake_case)]
        impl<F, R, V, K, $($argument,)*> CallBefore<($($argument,)*), V, K> for F
        where
            F: Fn($($argument,)*) -> R + Send + Sync + 'static,
            R: BeforeReply<V, K>,
        {
            type Behind = R::Behind;
            type Future = R::Future;

            fn call(&self, ($($argument,)*): ($($argument,)*)) -> R::Future {
                self($($argument,)*).reply()
            }
        }

        #[allow(non_snake_case, unused_mut, unused_variables, reason = "without arguments")]
        impl<V, $($argument, $mark,)*> HeadArguments<V, ($($mark,)*)> for ($($argument,)*)
        where
            $($argument: Argument<$mark> + Available<V, $mark>,)*
        {
            type Held = ($($argument::Held,)*);

            fn require(needs: &mut Needs) {
                $(<$argument as Available<V, $mark>>::require(needs);)*
            }

            fn hold(requirements: &Requirements) -> Option<Self::Held> {
                Some(($($argument::hold(requirements)?,)*))
            }

            async fn extract(held: &Self::Held, exchange: &Exchange) -> Result<Self, Response> {
                let ($($mark,)*) = held;
                let Some(mut parts) = exchange.take_parts() else {
                    return Err(lost());
                };
                $(let $argument = match $argument::extract($mark, &mut parts).await {
                    Ok(argument) => argument,
                    Err(response) => {
                        exchange.put_parts(parts);
                        return Err(response);
                    }
                };)*
                exchange.put_parts(parts);
                Ok(($($argument,)*))
            }
        }
    )*};
}

before_hooks! {
    [];
    [A1 M1];
    [A1 M1, A2 M2];
    [A1 M1, A2 M2, A3 M3];
    [A1 M1, A2 M2, A3 M3, A4 M4];
    [A1 M1, A2 M2, A3 M3, A4 M4, A5 M5];
    [A1 M1, A2 M2, A3 M3, A4 M4, A5 M5, A6 M6];
    [A1 M1, A2 M2, A3 M3, A4 M4, A5 M5, A6 M6, A7 M7];
    [A1 M1, A2 M2, A3 M3, A4 M4, A5 M5, A6 M6, A7 M7, A8 M8];
}

macro_rules! behind_hooks {
    ($([$($argument:ident),*];)*) => {$(
        #[allow(non_snake_case)]
        impl<F, R, K, $($argument,)*> CallAfter<($($argument,)*), K> for F
        where
            F: Fn(Response, $($argument,)*) -> R + Send + Sync + 'static,
            R: Reply<K>,
        {
            type Future = R::Future;

            fn call(&self, response: Response, ($($argument,)*): ($($argument,)*)) -> R::Future {
                self(response, $($argument,)*).reply()
            }
        }

        #[allow(non_snake_case)]
        impl<F, R, K, $($argument,)*> CallError<($($argument,)*), K> for F
        where
            F: Fn(Arc<Problem>, $($argument,)*) -> R + Send + Sync + 'static,
            R: ErrorReply<K>,
        {
            type Future = R::Future;

            fn call(&self, problem: Arc<Problem>, ($($argument,)*): ($($argument,)*)) -> R::Future {
                self(problem, $($argument,)*).reply()
            }
        }

        #[allow(unused_variables, reason = "without arguments")]
        impl<$($argument,)*> AppArguments for ($($argument,)*)
        where
            $($argument: AppArgument,)*
        {
            fn require(needs: &mut Needs) {
                $($argument::require_by_hook(needs);)*
            }

            fn hold(requirements: &Requirements) -> Option<Self> {
                Some(($($argument::hold_by_hook(requirements)?,)*))
            }
        }
    )*};
}

behind_hooks! {
    [];
    [A1];
    [A1, A2];
    [A1, A2, A3];
    [A1, A2, A3, A4];
}

/// A bound hook in front of handlers.
pub(crate) trait AnyBefore: Send + Sync {
    fn run<'a>(&'a self, exchange: &'a Exchange) -> BoxFuture<'a, Option<Response>>;
}

/// A bound hook behind handlers.
pub(crate) trait AnyAfter: Send + Sync {
    fn run(&self, response: Response) -> BoxFuture<'_, Response>;
}

/// A bound hook for problems.
pub(crate) trait AnyError: Send + Sync {
    fn run(&self, problem: Arc<Problem>) -> BoxFuture<'_, Option<Response>>;
}

/// A hook, and in time what it holds of the app.
struct Hook<H, D, T>(H, D, PhantomData<fn() -> T>);

pub(crate) fn before<H, V, T>(hook: H) -> Box<dyn Unbound<dyn AnyBefore>>
where
    H: BeforeHook<V, T>,
    V: 'static,
    T: 'static,
{
    Box::new(Hook(hook, (), PhantomData::<fn() -> (V, T)>))
}

impl<H, V, T> Unbound<dyn AnyBefore> for Hook<H, (), (V, T)>
where
    H: BeforeHook<V, T>,
    V: 'static,
    T: 'static,
{
    fn require(&self, needs: &mut Needs) {
        H::require(needs);
    }

    fn bind(self: Box<Self>, requirements: &Requirements) -> Option<Arc<dyn AnyBefore>> {
        let held = H::hold(requirements)?;
        Some(Arc::new(BoundBefore(Hook(
            self.0,
            held,
            PhantomData::<fn() -> (V, T)>,
        ))))
    }
}

struct BoundBefore<H: BeforeHook<V, T>, V, T>(Hook<H, H::Held, (V, T)>);

impl<H, V, T> AnyBefore for BoundBefore<H, V, T>
where
    H: BeforeHook<V, T>,
    V: 'static,
    T: 'static,
{
    fn run<'a>(&'a self, exchange: &'a Exchange) -> BoxFuture<'a, Option<Response>> {
        let Hook(hook, held, _) = &self.0;
        Box::pin(async move {
            match hook.start(held, exchange).await {
                Ok(answer) => answer.await,
                Err(response) => Some(response),
            }
        })
    }
}

pub(crate) fn after<H, T>(hook: H) -> Box<dyn Unbound<dyn AnyAfter>>
where
    H: AfterHook<T>,
    T: 'static,
{
    Box::new(Hook(hook, (), PhantomData::<fn() -> T>))
}

impl<H, T> Unbound<dyn AnyAfter> for Hook<H, (), T>
where
    H: AfterHook<T>,
    T: 'static,
{
    fn require(&self, needs: &mut Needs) {
        <H::Held as AppArguments>::require(needs);
    }

    fn bind(self: Box<Self>, requirements: &Requirements) -> Option<Arc<dyn AnyAfter>> {
        let held = <H::Held as AppArguments>::hold(requirements)?;
        Some(Arc::new(BoundAfter(Hook(
            self.0,
            held,
            PhantomData::<fn() -> T>,
        ))))
    }
}

struct BoundAfter<H: AfterHook<T>, T>(Hook<H, H::Held, T>);

impl<H, T> AnyAfter for BoundAfter<H, T>
where
    H: AfterHook<T>,
    T: 'static,
{
    fn run(&self, response: Response) -> BoxFuture<'_, Response> {
        let Hook(hook, held, _) = &self.0;
        let answer = hook.start(response, held);
        Box::pin(async move { answer.await.into_response() })
    }
}

pub(crate) fn on_error<H, T>(hook: H) -> Box<dyn Unbound<dyn AnyError>>
where
    H: ErrorHook<T>,
    T: 'static,
{
    Box::new(Hook(hook, (), PhantomData::<fn() -> T>))
}

impl<H, T> Unbound<dyn AnyError> for Hook<H, (), T>
where
    H: ErrorHook<T>,
    T: 'static,
{
    fn require(&self, needs: &mut Needs) {
        <H::Held as AppArguments>::require(needs);
    }

    fn bind(self: Box<Self>, requirements: &Requirements) -> Option<Arc<dyn AnyError>> {
        let held = <H::Held as AppArguments>::hold(requirements)?;
        Some(Arc::new(BoundError(Hook(
            self.0,
            held,
            PhantomData::<fn() -> T>,
        ))))
    }
}

struct BoundError<H: ErrorHook<T>, T>(Hook<H, H::Held, T>);

impl<H, T> AnyError for BoundError<H, T>
where
    H: ErrorHook<T>,
    T: 'static,
{
    fn run(&self, problem: Arc<Problem>) -> BoxFuture<'_, Option<Response>> {
        let Hook(hook, held, _) = &self.0;
        Box::pin(hook.start(problem, held))
    }
}
