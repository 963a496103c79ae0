//! Hooks: functions around handlers.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bootstrap::extend::Requirements;
use futures_util::FutureExt;
use futures_util::future::Map;

use crate::handle::answer::{BeforeReply, ErrorAnswer, ErrorReply, HookAnswer, Reply, Respond};
use crate::handle::argument::{Argument, Available, LeavesBody};
use crate::handle::call::Call;
use crate::handle::exchange::Exchange;
use crate::handle::handler::{BoxFuture, Unbound};
use crate::handle::needs::Needs;
use crate::handle::surroundings::AppArgument;
use crate::problem::Problem;

/// Arguments of a hook in front of a handler: those that leave the body alone.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a hook takes at most eight arguments",
    label = "takes more than eight",
    note = "help: take several values as one: a tuple in `Path<(..)>`, a struct in `Query<..>`, or a type that implements `axum::extract::FromRequestParts`"
)]
pub trait HeadArguments<V, M>: Sized + Send {
    type Held: Send + Sync + 'static;

    fn require(needs: &mut Needs);

    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    fn extract(
        held: &Self::Held,
        exchange: &Exchange,
    ) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// The first argument of a hook behind a handler: `G` is the response or the problem.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the first argument of this hook must be `{G}`, not `{Self}`",
    label = "takes `{Self}` first",
    note = "help: take `{G}` first, and then at most four of `State<T>`, `Port<dyn T>`, `Option` or `Lazy` of one of them, and `Ports<dyn T>`"
)]
pub trait FirstArgument<G> {
    fn of(given: G) -> Self;
}

impl<G> FirstArgument<G> for G {
    fn of(given: G) -> Self {
        given
    }
}

/// Arguments of a hook behind a handler: `G`, and those of the app.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this hook takes `{G}`, and at most four arguments of the app",
    label = "takes less, or more",
    note = "help: take `{G}` first, and then at most four of `State<T>`, `Port<dyn T>`, `Option` or `Lazy` of one of them, and `Ports<dyn T>`"
)]
pub trait AppArguments<G>: Sized {
    type Held: Clone + Send + Sync + 'static;

    fn require(needs: &mut Needs);

    fn hold(requirements: &Requirements) -> Option<Self::Held>;

    fn with(given: G, held: &Self::Held) -> Self;
}

/// A hook that runs in front of handlers, or, as `on_request`, in front of the routing.
///
/// A function, `async fn` or closure with up to eight [arguments](Argument) that leave the body alone. It
/// returns a [`HookAnswer`](crate::handle::HookAnswer).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a hook",
    label = "not a function that can be called for each request",
    note = "help: name a function or an `async fn` without calling it, or write a closure that does not consume or change what it captures"
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

type ValueOf<F, A, K> = <<F as Call<A>>::Output as BeforeReply<K>>::Value;

impl<V, A, M, K, I, F> BeforeHook<V, (A, M, K, I)> for F
where
    F: Call<A> + Send + Sync + 'static,
    A: HeadArguments<V, M>,
    F::Output: BeforeReply<K, Future: Send, Value: HookAnswer<V, I>>,
{
    type Held = A::Held;
    type Behind = <ValueOf<F, A, K> as HookAnswer<V, I>>::Behind;
    type Future =
        Map<<F::Output as BeforeReply<K>>::Future, fn(ValueOf<F, A, K>) -> Option<Response>>;

    fn require(needs: &mut Needs) {
        A::require(needs);
    }

    fn hold(requirements: &Requirements) -> Option<A::Held> {
        A::hold(requirements)
    }

    async fn start(&self, held: &A::Held, exchange: &Exchange) -> Result<Self::Future, Response> {
        let arguments = A::extract(held, exchange).await?;
        Ok(self.call(arguments).reply().map(HookAnswer::settle))
    }
}

/// A hook that runs behind handlers, unless there was an error; it may change or replace the response.
///
/// A function, `async fn` or closure that takes the `Response`, and up to four arguments of the app, and
/// returns a response.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a hook",
    label = "not a function that can be called for each request",
    note = "help: name a function or an `async fn` without calling it, or write a closure that does not consume or change what it captures"
)]
pub trait AfterHook<T>: Send + Sync + 'static {
    #[doc(hidden)]
    type Arguments: AppArguments<Response>;

    #[doc(hidden)]
    type Future: Future<Output: IntoResponse> + Send;

    #[doc(hidden)]
    fn start(&self, arguments: Self::Arguments) -> Self::Future;
}

impl<A, K, F> AfterHook<(A, K)> for F
where
    F: Call<A> + Send + Sync + 'static,
    A: AppArguments<Response>,
    F::Output: Reply<K, Future: Send, Value: Respond>,
{
    type Arguments = A;
    type Future = <F::Output as Reply<K>>::Future;

    fn start(&self, arguments: A) -> Self::Future {
        self.call(arguments).reply()
    }
}

/// A hook that sees every problem of the routes behind it; its response is the answer.
///
/// A function, `async fn` or closure that takes an `Arc<Problem>`, and up to four arguments of the app, and
/// returns an [`ErrorAnswer`](crate::handle::ErrorAnswer).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a hook",
    label = "not a function that can be called for each request",
    note = "help: name a function or an `async fn` without calling it, or write a closure that does not consume or change what it captures"
)]
pub trait ErrorHook<T>: Send + Sync + 'static {
    #[doc(hidden)]
    type Arguments: AppArguments<Arc<Problem>>;

    #[doc(hidden)]
    type Future: Future<Output: ErrorAnswer> + Send;

    #[doc(hidden)]
    fn start(&self, arguments: Self::Arguments) -> Self::Future;
}

impl<A, K, F> ErrorHook<(A, K)> for F
where
    F: Call<A> + Send + Sync + 'static,
    A: AppArguments<Arc<Problem>>,
    F::Output: ErrorReply<K, Future: Send, Value: ErrorAnswer>,
{
    type Arguments = A;
    type Future = <F::Output as ErrorReply<K>>::Future;

    fn start(&self, arguments: A) -> Self::Future {
        self.call(arguments).reply()
    }
}

impl<V> HeadArguments<V, ()> for () {
    type Held = ();

    fn require(_: &mut Needs) {}

    fn hold(_: &Requirements) -> Option<()> {
        Some(())
    }

    async fn extract((): &(), _: &Exchange) -> Result<(), Response> {
        Ok(())
    }
}

macro_rules! before_hooks {
    ($([$($argument:ident $mark:ident),*];)*) => {$(
        #[allow(non_snake_case)]
        impl<V, $($argument, $mark,)*> HeadArguments<V, ($($mark,)*)> for ($($argument,)*)
        where
            $(
                $argument: Argument<$mark> + Available<V, $mark>,
                $mark: LeavesBody<$argument>,
            )*
        {
            type Held = ($($argument::Held,)*);

            fn require(needs: &mut Needs) {
                $($argument::require(needs);)*
            }

            fn hold(requirements: &Requirements) -> Option<Self::Held> {
                Some(($($argument::hold(requirements)?,)*))
            }

            async fn extract(held: &Self::Held, exchange: &Exchange) -> Result<Self, Response> {
                let ($($mark,)*) = held;
                let mut head = exchange.lend();
                $(let $argument = $argument::extract($mark, &mut head).await?;)*
                Ok(($($argument,)*))
            }
        }
    )*};
}

before_hooks! {
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
        #[allow(non_snake_case, unused_variables, reason = "without arguments")]
        impl<G, First, $($argument,)*> AppArguments<G> for (First, $($argument,)*)
        where
            First: FirstArgument<G>,
            $($argument: AppArgument,)*
        {
            type Held = ($($argument,)*);

            fn require(needs: &mut Needs) {
                $($argument::require_by_hook(needs);)*
            }

            fn hold(requirements: &Requirements) -> Option<Self::Held> {
                Some(($($argument::hold_by_hook(requirements)?,)*))
            }

            fn with(given: G, ($($argument,)*): &Self::Held) -> Self {
                (First::of(given), $($argument.clone(),)*)
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
        H::Arguments::require(needs);
    }

    fn bind(self: Box<Self>, requirements: &Requirements) -> Option<Arc<dyn AnyAfter>> {
        let held = H::Arguments::hold(requirements)?;
        Some(Arc::new(BoundAfter(Hook(
            self.0,
            held,
            PhantomData::<fn() -> T>,
        ))))
    }
}

type HeldByAfter<H, T> = <<H as AfterHook<T>>::Arguments as AppArguments<Response>>::Held;

struct BoundAfter<H: AfterHook<T>, T>(Hook<H, HeldByAfter<H, T>, T>);

impl<H, T> AnyAfter for BoundAfter<H, T>
where
    H: AfterHook<T>,
    T: 'static,
{
    fn run(&self, response: Response) -> BoxFuture<'_, Response> {
        let Hook(hook, held, _) = &self.0;
        let answer = hook.start(H::Arguments::with(response, held));
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
        H::Arguments::require(needs);
    }

    fn bind(self: Box<Self>, requirements: &Requirements) -> Option<Arc<dyn AnyError>> {
        let held = H::Arguments::hold(requirements)?;
        Some(Arc::new(BoundError(Hook(
            self.0,
            held,
            PhantomData::<fn() -> T>,
        ))))
    }
}

type HeldByError<H, T> = <<H as ErrorHook<T>>::Arguments as AppArguments<Arc<Problem>>>::Held;

struct BoundError<H: ErrorHook<T>, T>(Hook<H, HeldByError<H, T>, T>);

impl<H, T> AnyError for BoundError<H, T>
where
    H: ErrorHook<T>,
    T: 'static,
{
    fn run(&self, problem: Arc<Problem>) -> BoxFuture<'_, Option<Response>> {
        let Hook(hook, held, _) = &self.0;
        let answer = hook.start(H::Arguments::with(problem, held));
        Box::pin(async move { answer.await.response() })
    }
}
