//! Reading states and ports, and reading and setting services, from wherever that is possible.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::declare::context::Home;
use crate::declare::error::ServiceError;
use crate::declare::field::sealed;
use crate::declare::port::{Port, Ports};
use crate::declare::state::State;
use crate::declare::value::StateValue;
use crate::report::{LookupError, LookupFailure};

/// Where a look-up comes from.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct LookupFrom<'h> {
    home: &'h dyn Home,
    /// The plugin whose scope it begins in; without one, the app itself.
    node: Option<u32>,
}

impl<'h> LookupFrom<'h> {
    pub(crate) fn new(home: &'h dyn Home, node: Option<u32>) -> Self {
        Self { home, node }
    }

    /// The value under the type that the key stands for. What is known already moves no error: those
    /// are large, and a look-up is short.
    #[inline]
    fn find<V: Send + Sync + 'static>(&self, key: StateKey) -> Result<Arc<V>, LookupError> {
        let shown = self.home.shown(self.node, key);
        match shown.and_then(StateValue::into_shared) {
            Some(value) => Ok(value),
            None => self.search(key),
        }
    }

    #[cold]
    fn search<V: Send + Sync + 'static>(&self, key: StateKey) -> Result<Arc<V>, LookupError> {
        let value = self.home.find_state(self.node, key)?.into_shared();
        value.ok_or_else(|| LookupError::state(key, LookupFailure::Missing))
    }
}

/// What can be looked up by its type, wherever a context, a [`Running`](crate::Running) or a
/// [`Current`](crate::Current) is: a [`State<T>`](State), a [`Port<dyn T>`](Port), or all that is
/// provided at a port, [`Ports<dyn T>`](Ports).
///
/// The types are those of fields, and mean the same.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be looked up",
    label = "not a handle",
    note = "help: name the type that a field would have: `State<T>`, `Port<dyn T>` or `Ports<dyn T>`"
)]
pub trait Lookup: sealed::Sealed + Sized {
    #[doc(hidden)]
    const KEY: StateKey;

    #[doc(hidden)]
    fn look_up(from: &LookupFrom<'_>) -> Result<Self, LookupError>;
}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Lookup for State<T> {
    const KEY: StateKey = StateKey::of::<T>();

    #[inline]
    fn look_up(from: &LookupFrom<'_>) -> Result<Self, LookupError> {
        from.find(Self::KEY).map(State::bound)
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync + 'static> Lookup for Port<T> {
    const KEY: StateKey = StateKey::port::<T>();

    #[inline]
    fn look_up(from: &LookupFrom<'_>) -> Result<Self, LookupError> {
        from.find(Self::KEY).map(Port::bound)
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync + 'static> Lookup for Ports<T> {
    const KEY: StateKey = StateKey::port::<T>();

    fn look_up(from: &LookupFrom<'_>) -> Result<Self, LookupError> {
        let all = from.home.find_all(from.node, Self::KEY);
        Ok(Ports::of(&all))
    }
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

/// The methods of everything that looks up handles: its `from()` says where that begins.
macro_rules! looks_up {
    ($($of:tt)*) => {
        $($of)* {
            /// Returns a handle by its type, the one that a field would have: a
            /// [`State<T>`](crate::State), a [`Port<dyn T>`](crate::Port), or
            /// [`Ports<dyn T>`](crate::Ports). A field is cheaper, and proven.
            ///
            /// `None` if no plugin of the app provides it, if several do, or if its plugin is not
            /// loaded; [`try_get`](Self::try_get) says which.
            pub fn get<H: $crate::declare::Lookup>(&self) -> Option<H> {
                self.try_get().ok()
            }

            /// Returns a handle by its type, as [`get`](Self::get) does.
            ///
            /// # Errors
            ///
            /// If no plugin of the app provides it, several do, or its plugin is not loaded.
            pub fn try_get<H: $crate::declare::Lookup>(&self) -> Result<H, $crate::error::LookupError> {
                H::look_up(&self.from())
            }
        }
    };
}

pub(crate) use looks_up;

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
            ) -> Result<std::sync::Arc<T>, $crate::service::ServiceError> {
                $crate::declare::service(self.home(), name)
            }

            /// Sets a service: from now on a look-up of this name returns this value, of
            /// whatever type it is. Returns the one from before, if there was one.
            ///
            /// It is let go of with the services that factories have made, before those that came
            /// earlier. Callers that looked it up before keep what they got.
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
                $crate::service::ServiceError,
            > {
                let at = $crate::plan::Location::caller();
                $crate::declare::set_service(self.home(), name.into(), value, at)
            }
        }
    };
}

pub(crate) use serves;
