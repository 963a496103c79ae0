//! Arguments that come from the app: requirements of the plugin, as its fields would be.

use std::future::ready;

use axum::http::request::Parts;
use axum::response::Response;
use bootstrap::extend::{Provided, Requirements};
use bootstrap::{Lazy, Port, Ports, State};

use crate::handle::argument::{Argument, Available};
use crate::handle::needs::Needs;

/// Marks arguments that come from the app.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromApp;

/// An argument of a hook behind the handler: one that comes from the app.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a hook behind the handler can't take an argument of type `{Self}`",
    label = "takes an argument of type `{Self}`",
    note = "it takes the response or the problem, and then `State<T>`, `Port<dyn T>`, `Option` or `Lazy` of one of them, and `Ports<dyn T>`",
    note = "help: read the request with `RequestContext::current()`"
)]
pub trait AppArgument: Clone + Send + Sync + 'static {
    fn require_by_hook(needs: &mut Needs);

    fn hold_by_hook(requirements: &Requirements) -> Option<Self>;
}

macro_rules! from_app {
    ($($argument:ty, [$($shared:tt)*], [$($provided:tt)*];)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: $($shared)*> Argument<FromApp> for $argument {
            type Held = Self;
            const READS_HEAD: bool = false;

            fn hold(requirements: &Requirements) -> Option<Self> {
                requirements.get::<Self>().cloned()
            }

            fn extract(
                held: &Self,
                _: &mut Parts,
            ) -> impl Future<Output = Result<Self, Response>> + Send {
                ready(Ok(held.clone()))
            }
        }

        impl<V, T: $($provided)*> Available<V, FromApp> for $argument {
            fn require(needs: &mut Needs) {
                needs.add::<Self>();
            }
        }

        #[diagnostic::do_not_recommend]
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
    State<T>, [Send + Sync + 'static], [Provided];
    Option<State<T>>, [Send + Sync + 'static], [Provided];
    Lazy<State<T>>, [Send + Sync + 'static], [Provided];
    Port<T>, [?Sized + Send + Sync + 'static], [?Sized + Send + Sync + 'static];
    Option<Port<T>>, [?Sized + Send + Sync + 'static], [?Sized + Send + Sync + 'static];
    Ports<T>, [?Sized + Send + Sync + 'static], [?Sized + Send + Sync + 'static];
    Lazy<Port<T>>, [?Sized + Send + Sync + 'static], [?Sized + Send + Sync + 'static];
}
