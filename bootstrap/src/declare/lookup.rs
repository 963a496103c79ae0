//! Reading states and ports, and reading and setting services, from wherever that is possible.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::declare::context::Home;
use crate::declare::error::ServiceError;
use crate::declare::port::Port;
use crate::declare::state::State;
use crate::declare::value::StateValue;
use crate::report::{LookupError, LookupFailure};

/// Reads a state of an app, as a plugin sees it, or somebody outside of all scopes.
pub(crate) fn state<T: Send + Sync + 'static>(
    home: &dyn Home,
    from: Option<u32>,
) -> Result<State<T>, LookupError> {
    let state = StateKey::of::<T>();
    let bound = home.find_state(from, state)?.get().map(State::bound);
    bound.ok_or(LookupError::state(state, LookupFailure::Missing))
}

/// What is provided at a port.
pub(crate) fn port<T: ?Sized + Send + Sync + 'static>(
    home: &dyn Home,
    from: Option<u32>,
) -> Result<Port<T>, LookupError> {
    let port = StateKey::port::<T>();
    let bound = home.find_state(from, port)?.get().map(Port::bound);
    bound.ok_or(LookupError::state(port, LookupFailure::Missing))
}

/// Reads a service of an app.
pub(crate) fn service<T: Send + Sync + 'static>(
    home: &dyn Home,
    name: &str,
) -> Result<Arc<T>, ServiceError> {
    let value = home.find_service(name)?;
    value.get().ok_or_else(|| ServiceError::OtherType {
        service: name.to_owned(),
        is: value.key(),
        asked: StateKey::of::<T>(),
    })
}

/// Sets a service of an app.
pub(crate) fn set_service<T: Send + Sync + 'static>(
    home: &dyn Home,
    name: Cow<'static, str>,
    value: T,
    at: Location,
) -> Result<Option<Arc<dyn Any + Send + Sync>>, ServiceError> {
    let before = home.put_service(name, Some(StateValue::new(value)), at)?;
    Ok(before.map(StateValue::into_any))
}

/// What everything has that reads services: it is asked for its `home()`.
macro_rules! serves {
    ($($of:tt)*) => {
        $($of)* {
            /// A service of the app, by its name; see [`App::service`](crate::App::service).
            ///
            /// # Errors
            ///
            /// If the app has no such service, or it is of another type, has not started, is
            /// disabled, or gone: services are let go of before the first plugin closes.
            pub fn service<T: Send + Sync + 'static>(
                &self,
                name: &str,
            ) -> Result<std::sync::Arc<T>, $crate::ServiceError> {
                $crate::declare::service(self.home(), name)
            }

            /// Sets a service: from now on everybody who asks for this name gets this value, of
            /// whatever type it is. Returns the one from before, if there was one.
            ///
            /// It is let go of with the services that factories have made, before those that came
            /// earlier. Who has asked before keeps what it got.
            ///
            /// # Errors
            ///
            /// If the services of the app are gone: it closes. The value is dropped then.
            ///
            /// # Examples
            ///
            /// ```
            /// # use bootstrap::prelude::*;
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<()> {
            /// let app = App::new()
            ///     .on_loaded(async |cx| {
            ///         cx.set_service("connections", 7)?;
            ///         Ok(())
            ///     })
            ///     .on_ready(async |cx| {
            ///         assert_eq!(*cx.service::<i32>("connections")?, 7);
            ///         Ok(())
            ///     });
            /// app.boot().await?.close().await?;
            /// # Ok(())
            /// # }
            /// ```
            #[track_caller]
            pub fn set_service<T: Send + Sync + 'static>(
                &self,
                name: impl Into<std::borrow::Cow<'static, str>>,
                value: T,
            ) -> Result<
                Option<std::sync::Arc<dyn std::any::Any + Send + Sync>>,
                $crate::ServiceError,
            > {
                let at = $crate::Location::caller();
                $crate::declare::set_service(self.home(), name.into(), value, at)
            }
        }
    };
}

pub(crate) use serves;
