//! Reading states and ports from wherever that is possible.

use std::sync::Arc;

use crate::base::key::StateKey;
use crate::declare::context::Home;
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
