//! `Lazy<State<T>>`: a requirement that is looked up when it is used.

use std::fmt;
use std::sync::Arc;

use crate::base::key::{AtPort, StateKey};
use crate::declare::asks::Asks;
use crate::declare::field::{Bind, Bound, BoundTo, Wish, sealed};
use crate::declare::inject::{Provides, ProvidesPort};
use crate::declare::later::Later;
use crate::declare::port::Port;
use crate::declare::state::{AnySlot, Origin, Slot, State};
use crate::report::{LookupError, LookupFailure};

/// A requirement without an order: a [`State`] or a [`Port`] that is looked up when it is used,
/// after the app has loaded.
///
/// For the rare case in which two plugins need each other, but one of them only while it runs. A
/// provider there must be, as for any requirement; but whether it loads or closes before or after
/// this plugin is not said. [`Plan`](crate::plan::Plan)s draw it as a dashed line.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Scheduler(Lazy<State<Workers>>);
///
/// #[plugin(states = [Scheduler])]
/// struct SchedulerPlugin {
///     workers: Lazy<State<Workers>>,
/// }
///
/// impl Hooks for SchedulerPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Scheduler> {
///         // Not yet: `Workers` needs this plugin.
///         assert!(self.workers.get().is_none());
///         Ok(Scheduler(self.workers.clone()))
///     }
/// }
///
/// pub struct Workers(u32);
///
/// #[plugin(states = [Workers])]
/// struct WorkersPlugin {
///     scheduler: State<Scheduler>,
/// }
///
/// impl Hooks for WorkersPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Workers> {
///         Ok(Workers(4))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(SchedulerPlugin::default()).with(WorkersPlugin::default());
/// let running = app.boot().await?;
/// let scheduler: State<Scheduler> = running.try_get()?;
/// assert_eq!(scheduler.0.try_get()?.0, 4);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Lazy<H> {
    /// Unbound, or aimed at a registration.
    handle: H,
    later: Option<Later>,
}

impl<H> Lazy<H> {
    pub(super) const fn of(handle: H) -> Self {
        let later = None;
        Self { handle, later }
    }
}

impl<H: Handle> Lazy<H> {
    /// A requirement that is resolved by its type.
    pub fn unbound() -> Self {
        Self::of(H::unbound())
    }

    /// What the provider has made, as it is now; `None` where [`try_get`](Self::try_get) fails.
    pub fn get(&self) -> Option<H> {
        self.try_get().ok()
    }

    /// What the provider has made, as it is now: after a restart of that, what it has made then.
    ///
    /// # Errors
    ///
    /// While the app loads, whether the provider has loaded or not: use it from `ready` on, or make
    /// the field a requirement with an order. Also if the provider has closed or did not load,
    /// and if the handle belongs to a plugin that no app has loaded.
    pub fn try_get(&self) -> Result<H, LookupError> {
        let Some(later) = &self.later else {
            return Err(LookupError::state(H::KEY, LookupFailure::Unbound));
        };
        let missing = || LookupError::state(later.key, LookupFailure::Missing);
        let value = Bound {
            to: BoundTo::One(later.resolve()?),
            provider: Some(later.provider),
        };
        H::of(&value).ok_or_else(missing)
    }
}

/// What can be looked up later: a [`State`] or a [`Port`].
#[doc(hidden)]
pub trait Handle: sealed::Sealed + Bind + Clone + Sized {
    const KEY: StateKey;

    fn unbound() -> Self;
    fn of(value: &Bound) -> Option<Self>;
    /// Where handles to a registration wait for its value.
    fn slot(origin: Origin) -> Arc<dyn AnySlot>;
    fn in_slot(slot: &Arc<dyn AnySlot>) -> Self;
}

/// A handle that a registration of `P` can give: a [`State`] of one of its states, a [`Port`] of one
/// of its ports.
#[diagnostic::on_unimplemented(
    message = "the plugin `{P}` does not provide what `{Self}` needs",
    label = "not one of its states or ports",
    note = "help: take the handle from the registration of the plugin that lists it in `states` or `ports`"
)]
pub trait HandleOf<P: ?Sized>: Handle {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static, P: ?Sized + Provides<T>> HandleOf<P> for State<T> {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + 'static, P: ?Sized + ProvidesPort<T>> HandleOf<P> for Port<T> {}

impl<T: Send + Sync + 'static> Handle for State<T> {
    const KEY: StateKey = StateKey::of::<T>();

    fn unbound() -> Self {
        State::unbound()
    }

    fn of(value: &Bound) -> Option<Self> {
        value.get().map(State::bound)
    }

    fn slot(origin: Origin) -> Arc<dyn AnySlot> {
        Arc::new(Slot::<T>::new(Self::KEY, origin))
    }

    fn in_slot(slot: &Arc<dyn AnySlot>) -> Self {
        State::in_slot(slot)
    }
}

impl<T: ?Sized + 'static> Handle for Port<T> {
    const KEY: StateKey = StateKey::port::<T>();

    fn unbound() -> Self {
        Port::unbound()
    }

    fn of(value: &Bound) -> Option<Self> {
        value.get().map(Port::bound)
    }

    fn slot(origin: Origin) -> Arc<dyn AnySlot> {
        Arc::new(Slot::<AtPort>::new(Self::KEY, origin))
    }

    fn in_slot(slot: &Arc<dyn AnySlot>) -> Self {
        Port::in_slot(slot)
    }
}

/// Means one registration: that of the handle.
impl<H: Handle> From<H> for Lazy<H> {
    fn from(handle: H) -> Self {
        Self::of(handle)
    }
}

impl<H: Handle> Clone for Lazy<H> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            later: self.later.clone(),
        }
    }
}

impl<H: Handle> Default for Lazy<H> {
    fn default() -> Self {
        Self::unbound()
    }
}

impl<H: Handle> fmt::Debug for Lazy<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = if self.later.is_some() {
            "bound"
        } else {
            "unbound"
        };
        write!(f, "Lazy<{}>({bound})", H::KEY)
    }
}

impl<H> sealed::Sealed for Lazy<H> {}

impl<H: Handle> Bind for Lazy<H> {
    fn wish(&self) -> Wish {
        Wish {
            asks: Asks::Later,
            ..self.handle.wish()
        }
    }

    fn bind(&mut self, value: Option<&Bound>) {
        self.later = match value.map(|bound| &bound.to) {
            Some(BoundTo::Later(later)) => Some(later.clone()),
            _ => None,
        };
    }
}
