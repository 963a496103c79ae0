//! `Port<T>` and `Ports<T>`: requirements that any crate may provide.

use std::any::type_name;
use std::fmt;
use std::iter::Map;
use std::marker::PhantomData;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use crate::base::key::{AtPort, StateKey};
use crate::base::name::PluginName;
use crate::declare::asks::Asks;
use crate::declare::field::{Bind, Bound, BoundTo, Wish, optional, sealed};
use crate::declare::state::{AnySlot, Origin, State, not_bound, show, unbound};
use crate::report::LookupError;

/// A shared handle to what a plugin provides at a port: cheap to clone, read by dereferencing.
///
/// A [`State`] is a type of the crate whose plugin makes it, so a plugin that requires one depends on that
/// crate, and the compiler knows the provider. A port is the late-bound way: its type is a
/// trait object, or a type of any crate, and the plugin that lists it in `ports = [..]` provides it.
/// Both sides know only the trait. That one plugin of the app provides it is checked by
/// [`App::plan`](crate::App::plan) before any hook runs.
///
/// As a field, `Port<T>` is a requirement like a [`State`]: the plugin loads after the one that
/// provides it. `Option<Port<T>>` is `None` if no plugin does, and [`Ports<T>`](Ports) are all that
/// do. Of several providers one is meant that is
/// [`primary`](crate::Registration::primary), or whose [`handle`](crate::Registration::handle) is in
/// the field.
///
/// # Panics
///
/// Dereferencing a handle that is not bound yet panics, as with [`State`]. [`Port::get`] returns
/// `None` instead.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap::prelude::*;
///
/// // An interface crate: nothing but the trait.
/// pub trait Mailer: Send + Sync {
///     fn send(&self, to: &str) -> String;
/// }
///
/// // A crate that knows only the interface.
/// #[plugin]
/// struct Welcome {
///     mailer: Port<dyn Mailer>,
/// }
///
/// impl Hooks for Welcome {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.mailer.send("you"), "smtp to you");
///         Ok(())
///     }
/// }
///
/// // Another one.
/// struct Connection;
///
/// impl Mailer for Connection {
///     fn send(&self, to: &str) -> String {
///         format!("smtp to {to}")
///     }
/// }
///
/// #[plugin(ports = [dyn Mailer])]
/// struct Smtp;
///
/// impl Hooks for Smtp {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
///         Ok(Arc::new(Connection))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// // The binary chooses.
/// let running = App::new().with(Welcome::default()).with(Smtp).boot().await?;
/// assert_eq!(running.try_get::<Port<dyn Mailer>>()?.send("me"), "smtp to me");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Port<T: ?Sized> {
    inner: State<AtPort>,
    is: PhantomData<fn(&T) -> &T>,
}

impl<T: ?Sized> Port<T> {
    /// A handle that is not bound or aimed: as a plugin's field it is resolved by its type.
    pub const fn unbound() -> Self {
        Self::of(State::unbound())
    }

    const fn of(inner: State<AtPort>) -> Self {
        Self {
            inner,
            is: PhantomData,
        }
    }

    pub(crate) fn bound(value: Arc<AtPort>) -> Self {
        Self::of(State::bound(value))
    }

    pub(crate) fn in_slot(slot: &Arc<dyn AnySlot>) -> Self {
        Self::of(State::in_slot(slot))
    }

    pub(super) fn aim(&self) -> Option<Arc<Origin>> {
        self.inner.aim()
    }

    pub(super) fn address(&self) -> Option<usize> {
        self.inner.address()
    }
}

impl<T: ?Sized + 'static> Port<T> {
    /// What is provided, or `None` while its provider has not loaded.
    pub fn get(this: &Self) -> Option<&T> {
        this.shared().map(|value| &**value)
    }

    /// What is provided.
    ///
    /// # Errors
    ///
    /// If its provider has not loaded, or the handle belongs to a plugin that no app has loaded.
    pub fn try_get(this: &Self) -> Result<&T, LookupError> {
        let port = StateKey::port::<T>();
        Self::get(this).ok_or_else(|| unbound(port, this.inner.origin()))
    }

    /// What is provided, to keep without the handle; `None` while its provider has not loaded.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::Port;
    ///
    /// assert_eq!(Port::to_arc(&Port::<str>::unbound()), None);
    /// ```
    pub fn to_arc(this: &Self) -> Option<Arc<T>> {
        this.shared().cloned()
    }

    fn shared(&self) -> Option<&Arc<T>> {
        State::get(&self.inner)?.get()
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn not_bound(&self) -> ! {
        not_bound("port", type_name::<T>(), self.inner.origin())
    }
}

impl<T: ?Sized + 'static> Deref for Port<T> {
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

impl<T: ?Sized + 'static> AsRef<T> for Port<T> {
    #[track_caller]
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized> Clone for Port<T> {
    fn clone(&self) -> Self {
        Self::of(self.inner.clone())
    }
}

impl<T: ?Sized> Default for Port<T> {
    fn default() -> Self {
        Self::unbound()
    }
}

/// The type and whether it is bound; not the value, which may be secret or not printable.
impl<T: ?Sized + 'static> fmt::Debug for Port<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "Port", type_name::<T>(), Self::get(self).is_some())
    }
}

impl<T: ?Sized> sealed::Sealed for Port<T> {}

impl<T: ?Sized + 'static> Bind for Port<T> {
    fn wish(&self) -> Wish {
        Wish {
            state: StateKey::port::<T>(),
            asks: Asks::Required,
            aim: self.aim(),
            held: self.address(),
        }
    }

    fn bind(&mut self, value: Option<&Bound>) {
        *self = value
            .and_then(Bound::get)
            .map_or_else(Port::unbound, Port::bound);
    }
}

impl<T: ?Sized> sealed::Sealed for Option<Port<T>> {}

optional!(Port, StateKey::port::<T>, ?Sized + 'static);

/// Everything that the plugins of an app provide at one port, with their names.
///
/// As a field it is a requirement: the plugin loads after all of them, of which there may be none.
/// They are those that it sees from its scope, itself and what it registers aside, in the order of the
/// [`Plan`](crate::plan::Plan). What others register while they load is among them if one of the two says so, with
/// `child_of` or `children`: whether the rest has come yet would be chance. One that did not load, in an
/// app that [goes on](crate::App::recover) without it, is not among them.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap::prelude::*;
///
/// pub trait HealthCheck: Send + Sync {
///     fn is_healthy(&self) -> bool;
/// }
///
/// struct Disk;
///
/// impl HealthCheck for Disk {
///     fn is_healthy(&self) -> bool {
///         true
///     }
/// }
///
/// #[plugin(ports = [dyn HealthCheck])]
/// struct DiskPlugin;
///
/// impl Hooks for DiskPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn HealthCheck>> {
///         Ok(Arc::new(Disk))
///     }
/// }
///
/// #[plugin]
/// struct Health {
///     checks: Ports<dyn HealthCheck>,
/// }
///
/// impl Hooks for Health {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         for (plugin, check) in &self.checks {
///             println!("{plugin}: {}", check.is_healthy());
///         }
///         assert_eq!(self.checks.len(), 1);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// App::new().with(Health::default()).with(DiskPlugin).boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Ports<T: ?Sized> {
    all: Vec<(PluginName, Port<T>)>,
}

impl<T: ?Sized> Ports<T> {
    /// None, which is what a field holds until its plugin loads.
    pub const fn unbound() -> Self {
        Self { all: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is no provider.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each with the name of its plugin.
    pub fn iter(&self) -> impl Iterator<Item = (&PluginName, &Port<T>)> {
        self.into_iter()
    }

    /// What the plugin with this name provides.
    pub fn get(&self, plugin: &str) -> Option<&Port<T>> {
        let mut all = self.iter();
        all.find(|(name, _)| **name == plugin).map(|(_, port)| port)
    }
}

impl<T: ?Sized> Ports<T> {
    pub(crate) fn of(values: &[(PluginName, crate::declare::value::StateValue)]) -> Self {
        let all = values.iter();
        let all = all.filter_map(|(name, value)| Some((name.clone(), Port::bound(value.get()?))));
        Self { all: all.collect() }
    }
}

/// The name and the handle in an item of [`Ports`].
type Split<'a, T> = fn(&'a (PluginName, Port<T>)) -> (&'a PluginName, &'a Port<T>);

impl<'a, T: ?Sized> IntoIterator for &'a Ports<T> {
    type Item = (&'a PluginName, &'a Port<T>);
    type IntoIter = Map<slice::Iter<'a, (PluginName, Port<T>)>, Split<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        let split: Split<'a, T> = |(name, port)| (name, port);
        self.all.iter().map(split)
    }
}

impl<T: ?Sized> Clone for Ports<T> {
    fn clone(&self) -> Self {
        Self {
            all: self.all.clone(),
        }
    }
}

impl<T: ?Sized> Default for Ports<T> {
    fn default() -> Self {
        Self::unbound()
    }
}

/// The names of the plugins.
impl<T: ?Sized> fmt::Debug for Ports<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.all.iter().map(|(name, _)| name.to_string());
        f.debug_set().entries(names).finish()
    }
}

impl<T: ?Sized> sealed::Sealed for Ports<T> {}

impl<T: ?Sized + 'static> Bind for Ports<T> {
    fn wish(&self) -> Wish {
        Wish {
            state: StateKey::port::<T>(),
            asks: Asks::All,
            aim: None,
            held: None,
        }
    }

    fn bind(&mut self, value: Option<&Bound>) {
        *self = match value.map(|bound| &bound.to) {
            Some(BoundTo::All(values)) => Ports::of(values),
            _ => Ports::unbound(),
        };
    }
}
