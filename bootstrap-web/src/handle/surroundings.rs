//! Arguments that come from the app: requirements of the plugin, as its fields would be.

use std::future::ready;

use axum::response::Response;
use bootstrap::extend::{Provided, Requirements};
use bootstrap::{Lazy, Port, Ports, State};

use crate::handle::argument::{Argument, Available, LeavesBody};
use crate::handle::exchange::Lent;
use crate::handle::needs::Needs;

/// Marks arguments that come from the app.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromApp;

#[diagnostic::do_not_recommend]
impl<A> LeavesBody<A> for FromApp {}

/// A trait or type whose implementations are provided at a port.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be shared between threads, so it can't be a port",
    label = "takes a port of `{Self}`",
    note = "help: write `trait ..: Send + Sync` where the trait is declared"
)]
pub trait AtPort: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync + 'static> AtPort for T {}

/// An argument of a hook behind the handler: one that comes from the app.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of a hook that runs behind handlers",
    label = "takes `{Self}`",
    note = "such a hook takes the response or the problem first, and then `State<T>`, `Port<dyn T>`, `Option` or `Lazy` of one of them, or `Ports<dyn T>`",
    note = "help: read the request with `RequestContext::current()`"
)]
pub trait AppArgument: Clone + Send + Sync + 'static {
    fn require_by_hook(needs: &mut Needs);

    fn hold_by_hook(requirements: &Requirements) -> Option<Self>;
}

macro_rules! from_app {
    ($($argument:ty, [$($any:tt)*], [$($provided:tt)*];)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: $($any)*> Argument<FromApp> for $argument {}

        impl<V, T: $($provided)*> Available<V, FromApp> for $argument {
            type Held = Self;

            fn require(needs: &mut Needs) {
                needs.add::<Self>();
            }

            fn hold(requirements: &Requirements) -> Option<Self> {
                requirements.get::<Self>().cloned()
            }

            fn extract(
                held: &Self,
                _: &mut Lent<'_>,
            ) -> impl Future<Output = Result<Self, Response>> + Send {
                ready(Ok(held.clone()))
            }
        }

        impl<T: $($provided)*> AppArgument for $argument {
            fn require_by_hook(needs: &mut Needs) {
                needs.add::<Self>();
            }

            fn hold_by_hook(requirements: &Requirements) -> Option<Self> {
                requirements.get::<Self>().cloned()
            }
        }
    )*};
}

from_app! {
    State<T>, [Sized], [Provided];
    Option<State<T>>, [Sized], [Provided];
    Lazy<State<T>>, [Sized], [Provided];
    Port<T>, [?Sized], [?Sized + AtPort];
    Option<Port<T>>, [?Sized], [?Sized + AtPort];
    Ports<T>, [?Sized], [?Sized + AtPort];
    Lazy<Port<T>>, [?Sized], [?Sized + AtPort];
}
