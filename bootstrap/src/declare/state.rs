//! `State<T>`: the handle through which plugins read each other's states.

use std::any::{Any, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::text::short_type_name;
use crate::declare::value::StateValue;
use crate::report::{LookupError, LookupFailure};

/// A shared handle to a state: cheap to clone, read by dereferencing.
///
/// As a field of a plugin it is a requirement: the plugin loads after the one that provides `T`,
/// and the field is bound before `load` runs, so no hook ever sees it unbound. A handle that was
/// taken from a [`Registration`](crate::Registration) before the app has booted is bound once its
/// provider has loaded.
///
/// # Panics
///
/// Dereferencing a handle that is not bound yet panics with a sentence that names the state and,
/// where it is known, the plugin that provides it. [`State::get`] returns `None` instead.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Greeting(String);
///
/// #[plugin(states = [Greeting])]
/// struct Polite;
///
/// impl Hooks for Polite {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Greeting> {
///         Ok(Greeting("good morning".into()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let polite = app.register(Polite);
/// let greeting: State<Greeting> = polite.handle();
/// assert!(State::get(&greeting).is_none());
///
/// let running = app.boot().await?;
/// assert_eq!(greeting.0, "good morning");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct State<T> {
    /// The value, in a handle that was bound. Reading costs one branch more than an `Arc`.
    value: Option<Arc<T>>,
    /// Where the value will come from, for handles that were aimed before there was one.
    slot: Option<Arc<Slot<T>>>,
}

impl<T> State<T> {
    /// A handle that is not bound or aimed: as a plugin's field it is resolved by its type.
    pub const fn unbound() -> Self {
        Self {
            value: None,
            slot: None,
        }
    }

    pub(crate) fn aimed(slot: Arc<Slot<T>>) -> Self {
        Self {
            value: None,
            slot: Some(slot),
        }
    }

    /// A handle that waits at a slot; unbound if that is another state's.
    pub(crate) fn in_slot(slot: &Arc<dyn AnySlot>) -> Self
    where
        T: Send + Sync + 'static,
    {
        let slot = Arc::clone(slot).into_any().downcast();
        slot.map_or_else(|_| Self::unbound(), Self::aimed)
    }

    pub(crate) fn bound(value: Arc<T>) -> Self {
        Self {
            value: Some(value),
            slot: None,
        }
    }

    /// The state, or `None` while its provider has not loaded.
    ///
    /// An associated function, as those of `Arc` are: a method would hide one of the state.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::State;
    ///
    /// let unbound = State::<u32>::unbound();
    /// assert_eq!(State::get(&unbound), None);
    /// ```
    #[inline]
    pub fn get(this: &Self) -> Option<&T> {
        Self::shared(this).map(|value| &**value)
    }

    /// The state, to keep without the handle; `None` while its provider has not loaded.
    pub fn to_arc(this: &Self) -> Option<Arc<T>> {
        Self::shared(this).cloned()
    }

    #[inline]
    fn shared(this: &Self) -> Option<&Arc<T>> {
        match &this.value {
            Some(value) => Some(value),
            None => this.look_up(),
        }
    }

    /// The value in the slot, if its plugin has loaded.
    #[cold]
    fn look_up(&self) -> Option<&Arc<T>> {
        self.slot.as_ref()?.value.get()
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn not_bound(&self) -> ! {
        not_bound("state", type_name::<T>(), self.origin())
    }
}

/// Panics because a handle is read that is not bound.
#[track_caller]
pub(super) fn not_bound(noun: &str, type_name: &str, origin: Option<&Arc<Origin>>) -> ! {
    let it = short_type_name(type_name);
    match origin {
        Some(origin) => panic!(
            "the {noun} `{it}` is not there yet: plugin `{}` ({}) provides it and has not loaded; \
             read it after `boot`, or make it a field of a plugin",
            origin.plugin, origin.declared,
        ),
        None => panic!(
            "the {noun} `{it}` is not bound: this handle belongs to a plugin that no app has \
             loaded; the fields of a plugin are bound before its `load` runs",
        ),
    }
}

/// Shows a handle: its type, and whether it is bound.
pub(super) fn show(
    f: &mut fmt::Formatter<'_>,
    handle: &str,
    type_name: &str,
    is_bound: bool,
) -> fmt::Result {
    let it = short_type_name(type_name);
    let bound = if is_bound { "bound" } else { "unbound" };
    write!(f, "{handle}<{it}>({bound})")
}

impl<T> Deref for State<T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        match Self::get(self) {
            Some(value) => value,
            None => self.not_bound(),
        }
    }
}

impl<T> AsRef<T> for State<T> {
    #[track_caller]
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            slot: self.slot.clone(),
        }
    }
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self::unbound()
    }
}

/// The type and whether it is bound; not the value, which may be secret or not printable.
impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "State", type_name::<T>(), Self::get(self).is_some())
    }
}

/// Which registration of which app a handle was aimed at: the one that will fill its slot.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Origin {
    pub(crate) app: u64,
    pub(crate) entry: u32,
    pub(crate) plugin: PluginName,
    pub(crate) declared: Location,
    /// Lives as long as the app or one of its registrations.
    pub(crate) alive: Weak<()>,
}

/// The place where the handles of one registration's state meet its value.
pub(crate) struct Slot<T> {
    value: OnceLock<Arc<T>>,
    origin: Arc<Origin>,
    key: StateKey,
}

impl<T> Slot<T> {
    pub(crate) fn new(key: StateKey, origin: Origin) -> Self {
        Self {
            value: OnceLock::new(),
            origin: Arc::new(origin),
            key,
        }
    }
}

/// A slot whose type only its owner knows.
#[doc(hidden)]
pub trait AnySlot: Send + Sync {
    fn key(&self) -> StateKey;
    fn fill(&self, value: &StateValue);
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<T: Send + Sync + 'static> AnySlot for Slot<T> {
    fn key(&self) -> StateKey {
        self.key
    }

    fn fill(&self, value: &StateValue) {
        if let Some(value) = value.get::<T>() {
            // A slot belongs to one generation of a plugin: it is not filled twice.
            let _ = self.value.set(value);
        }
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<T: 'static> State<T> {
    /// The state.
    ///
    /// # Errors
    ///
    /// If its provider has not loaded, or the handle belongs to a plugin that no app has loaded.
    pub fn try_get(this: &Self) -> Result<&T, LookupError> {
        let state = StateKey::of::<T>();
        Self::get(this).ok_or_else(|| unbound(state, this.origin()))
    }
}

/// Why a handle can't be read.
pub(super) fn unbound(state: StateKey, origin: Option<&Arc<Origin>>) -> LookupError {
    match origin {
        Some(origin) => LookupError::state(
            state,
            LookupFailure::NotLoaded {
                plugin: origin.plugin.clone(),
            },
        ),
        None => LookupError::state(state, LookupFailure::Unbound),
    }
}

impl<T> State<T> {
    /// The registration that it was aimed at, if it was.
    pub(crate) fn origin(&self) -> Option<&Arc<Origin>> {
        self.slot.as_ref().map(|slot| &slot.origin)
    }

    pub(crate) fn aim(&self) -> Option<Arc<Origin>> {
        self.origin().cloned()
    }

    /// Where its value lies, if it has one.
    pub(crate) fn address(&self) -> Option<usize> {
        self.value.as_ref().map(|value| Arc::as_ptr(value).addr())
    }
}
