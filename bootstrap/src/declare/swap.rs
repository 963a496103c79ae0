//! `Swap<T>`: content of a state that may be replaced while the app runs.

use std::any::type_name;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::base::text::short_type_name;

/// A value that may be replaced as a whole while others read it: what a state is made of whose
/// content changes at run time, such as a table of rates, or a certificate.
///
/// States are shared and never change. One that may says so in its type, by a `Swap` in it. A
/// reader gets the value of one moment, as an [`Arc`], and keeps it for as long as it likes; readers
/// never wait for each other, nor for a writer.
///
/// A state has to be a type of the crate whose plugin makes it, so wrap it:
/// `struct Rates(Swap<Table>)`. If the type dereferences to the `Swap`, it can be set from far away as well, by
/// [`State::set`](crate::State::set).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::Swap;
/// use bootstrap::prelude::*;
///
/// struct Table(u32);
///
/// struct Rates(Swap<Table>);
///
/// #[plugin(states = [Rates])]
/// struct RatesPlugin;
///
/// impl Hooks for RatesPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Rates> {
///         Ok(Rates(Swap::new(Table(1))))
///     }
///
///     async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
///         let rates = cx.states();
///         loop {
///             tokio::select! {
///                 () = cx.stopped() => return Ok(()),
///                 () = tokio::time::sleep(Duration::from_secs(60)) => {}
///             }
///             // A reader that has the old table keeps it until it is done.
///             let old = rates.0.replace(Table(2));
///             println!("{} -> {}", old.0, rates.0.load().0);
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(RatesPlugin).boot().await?;
/// let rates = running.try_get::<State<Rates>>()?;
/// assert_eq!(rates.0.load().0, 1);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Swap<T> {
    value: Arc<ArcSwap<T>>,
    /// Carries the news, and not the value: readers of that take no lock.
    changes: watch::Sender<()>,
}

impl<T> Swap<T> {
    /// A swap that holds `value`.
    pub fn new(value: T) -> Self {
        Self {
            value: Arc::new(ArcSwap::from_pointee(value)),
            changes: watch::Sender::new(()),
        }
    }

    /// The value of this moment.
    pub fn load(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Replaces the value, and returns the one from before. Readers that have that keep it; loads from
    /// now on return the new one, and watchers are notified.
    pub fn replace(&self, value: T) -> Arc<T> {
        let before = self.value.swap(Arc::new(value));
        self.changes.send_replace(());
        before
    }

    /// Replaces the value by one that is made from it, and returns the one from before. Nothing
    /// that others replace meanwhile is lost: `make` is called again then, so it should do nothing
    /// else.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::Swap;
    ///
    /// let names = Swap::new(vec!["ada"]);
    /// let before = names.update(|names| [&names[..], &["grace"]].concat());
    /// assert_eq!((before.len(), names.load().len()), (1, 2));
    /// ```
    pub fn update(&self, mut make: impl FnMut(&T) -> T) -> Arc<T> {
        let before = self.value.rcu(|value| make(value));
        self.changes.send_replace(());
        before
    }

    /// Sees every change from now on.
    pub fn watch(&self) -> SwapWatch<T> {
        SwapWatch {
            value: Arc::clone(&self.value),
            changes: self.changes.subscribe(),
        }
    }
}

/// A state that dereferences to a [`Swap`], so that [`State::set`](crate::State::set) can set it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the state `{Self}` can't be set: it does not dereference to a `Swap`",
    label = "its content can't be replaced",
    note = "states are made by the `load` of their plugin, and shared",
    note = "help: hold the content in a `Swap`, and implement `Deref<Target = Swap<..>>` for `{Self}`"
)]
pub trait HoldsSwap<C> {
    fn swap(&self) -> &Swap<C>;
}

#[diagnostic::do_not_recommend]
impl<T: Deref<Target = Swap<C>>, C> HoldsSwap<C> for T {
    fn swap(&self) -> &Swap<C> {
        self
    }
}

impl<T: Default> Default for Swap<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Swap<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// The type; not the value, which may be secret or not printable.
impl<T> fmt::Debug for Swap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Swap<{}>", short_type_name(type_name::<T>()))
    }
}

/// Sees the value of a [`Swap`], and waits for the next one; from [`Swap::watch`].
///
/// It keeps the last value alive, and does not keep the swap from going.
///
/// # Examples
///
/// ```
/// use bootstrap::Swap;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let level = Swap::new("info");
/// let mut watch = level.watch();
/// let reader = tokio::spawn(async move { watch.changed().await });
/// level.replace("debug");
/// assert_eq!(*reader.await.unwrap().unwrap(), "debug");
/// # }
/// ```
pub struct SwapWatch<T> {
    value: Arc<ArcSwap<T>>,
    changes: watch::Receiver<()>,
}

impl<T> SwapWatch<T> {
    /// The value of this moment.
    pub fn load(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Waits until the value has been replaced since this watch was made, or told last, and returns
    /// the newest; `None` once the swap is gone, and its last value was told.
    ///
    /// Of several changes between two calls only the last one is seen.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future loses nothing.
    pub async fn changed(&mut self) -> Option<Arc<T>> {
        self.changes.changed().await.ok()?;
        Some(self.load())
    }
}

impl<T> Clone for SwapWatch<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            changes: self.changes.clone(),
        }
    }
}

impl<T> fmt::Debug for SwapWatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SwapWatch<{}>", short_type_name(type_name::<T>()))
    }
}
