//! The hooks of a plugin, as its author writes them.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};

use crate::declare::context::{CloseContext, DrainContext, LoadContext, ReadyContext, RunContext};
use crate::declare::declaration::{Declaration, Link};
use crate::declare::states::States;

/// What `#[plugin]` knows about a struct: its requirements and its states.
///
/// Only the attribute implements this.
///
/// A plugin must be `Send + Sync` as well. That is asked for where the plugin is declared, and not
/// here: as a supertrait it would be checked, and reported, at every implementation as well.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "no `#[plugin]` on this type",
    note = "help: write `#[plugin]` on the struct; if its `load` returns states, `#[plugin(states = [..])]`"
)]
pub trait Declare: Sized + 'static {
    /// What `load` returns: `()`, the state, or a tuple of the states in the order of the list.
    type States: 'static;

    /// The same shape with a [`State`](crate::State) for each state.
    type Handles;

    #[doc(hidden)]
    const DECLARATION: &'static Declaration;

    #[doc(hidden)]
    const LINK: Link;

    #[doc(hidden)]
    fn pack(states: Self::States) -> States;

    #[doc(hidden)]
    fn handles(states: &States) -> Option<Self::Handles>;

    /// Puts the plugin itself at the ports where it stands as `self`.
    #[doc(hidden)]
    fn own_ports(_plugin: &Arc<Self>, states: States) -> States {
        states
    }

    /// Sets the fields marked `#[local]` back to their defaults.
    #[doc(hidden)]
    fn reset(&mut self) {}
}

/// What a plugin does, and when.
///
/// Written by hand for every struct that has `#[plugin]`. Every hook is optional, except that a
/// plugin with `states` or `ports` needs a [`load`](Hooks::load) that returns them. The order over
/// an app's life, along the edges of the graph:
///
/// | hook | when | order |
/// |---|---|---|
/// | `load` | `boot`, once all fields are bound | after what it needs |
/// | `ready` | `boot`, once every plugin has loaded | after what it needs |
/// | `run` | a task of its own from then on | all at once |
/// | `drain` | closing has begun: take no more work, finish what is there | before what it needs |
/// | `close` | after the `run` task has ended | before what it needs |
///
/// Plugins that do not depend on each other do each of these at the same time.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Connection(u32);
///
/// #[plugin(states = [Connection])]
/// struct Database {
///     #[option(default = 5432)]
///     port: u32,
/// }
///
/// impl Hooks for Database {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Connection> {
///         Ok(Connection(self.port))
///     }
///
///     async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
///         println!("closing the connection to port {}", cx.states().0);
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` has no hooks",
    label = "`impl Hooks for {Self}` is missing",
    note = "help: write `impl Hooks for {Self} {{}}`; if it has `states` or `ports`, with `async fn load(&mut self, cx: &mut LoadContext) -> Result<..>`"
)]
pub trait Hooks: Declare {
    /// Makes the plugin's states. Every field is bound, and no other code has the plugin yet.
    ///
    /// A plugin without states and ports may leave it out: it counts as loaded once everything that
    /// it requires has loaded. If a plugin with states has no `load`, that is a compile error; for a
    /// generic plugin, where it is registered.
    ///
    /// # Errors
    ///
    /// An error (or a panic) fails the boot: nothing more is started, what has loaded is closed
    /// in reverse, and `boot` returns an error that names this plugin and keeps this error as its
    /// source.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where it waits when the boot fails elsewhere, is interrupted, or
    /// this plugin's time is up. `close` is not called then: what was acquired half-way must
    /// clean up after itself when it is dropped.
    // rustc quotes the line of the bound that a `load` does not meet, so what to do is at its end.
    fn load(
        &mut self,
        cx: &mut LoadContext,
    ) -> impl Future<
        Output = Result<Self::States>, // help: make `load` return what the plugin lists in `states` and `ports`, or list it there
    > + Send // help: drop what is not `Send` before the `await`; write `Arc` for `Rc`, and `Mutex` for `RefCell`
    {
        let _ = cx;
        NoLoad(PhantomData)
    }

    /// Runs once every plugin of the app has loaded.
    ///
    /// # Errors
    ///
    /// An error fails the boot, as one of `load` does; this plugin is closed as well then.
    fn ready(&self, cx: &ReadyContext<Self>) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        NotOverridden
    }

    /// The plugin's background task, from the end of the boot until [`RunContext::stopped`].
    ///
    /// It is told to stop after everything that depends on it has stopped, and waited for before
    /// `close`.
    ///
    /// # Errors
    ///
    /// An error or a panic shuts the app down, and is part of the result of closing it.
    /// Returning `Ok` early does not.
    fn run(&self, cx: &RunContext<Self>) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        NotOverridden
    }

    /// Closing has begun: take no more work, and finish what is being done.
    ///
    /// Everything is still there. What depends on this plugin has drained already.
    ///
    /// # Errors
    ///
    /// An error is reported; it keeps nothing from draining or closing.
    fn drain(&self, cx: &DrainContext<Self>) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        NotOverridden
    }

    /// Releases what `load` acquired. Called once for each `load` that returned `Ok`.
    ///
    /// What depends on this plugin has closed already; what this plugin needs is still there.
    ///
    /// # Errors
    ///
    /// An error is reported; it keeps nothing else from closing.
    fn close(&self, cx: &CloseContext<Self>) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        NotOverridden
    }
}

/// The future of a hook that its author did not write.
///
/// Its odd alignment is how [`HookSet::of`] recognises it at compile time: the future of an
/// `async fn` holds at least its `&self`, so none has size 0 and alignment 128.
#[repr(align(128))]
struct NotOverridden;

impl Future for NotOverridden {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

/// The future of a `load` that its author did not write. Recognised as [`NotOverridden`] is.
#[repr(align(128))]
struct NoLoad<S>(PhantomData<fn() -> S>);

impl<S: 'static> Future for NoLoad<S> {
    type Output = Result<S>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let mut states: Option<S> = None;
        // `S` is `()`: `Behaviour::with_load` rejects any other plugin without a `load`.
        let any: &mut dyn Any = &mut states;
        if let Some(states) = any.downcast_mut() {
            *states = Some(());
        }
        Poll::Ready(states.context("it has states and no `load`"))
    }
}

/// Which hooks a plugin has. Those besides `load` are never called if it does not have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each stands for a hook, and any may be true"
)]
pub struct HookSet {
    pub(crate) load: bool,
    pub(crate) ready: bool,
    pub(crate) run: bool,
    pub(crate) drain: bool,
    pub(crate) close: bool,
}

impl HookSet {
    /// Every hook: what is assumed of plugins that are implemented by hand.
    pub const ALL: Self = Self {
        load: true,
        ready: true,
        run: true,
        drain: true,
        close: true,
    };

    /// No hook besides `load`.
    pub const NONE: Self = Self {
        load: true,
        ready: false,
        run: false,
        drain: false,
        close: false,
    };

    /// The hooks that `P` overrides.
    pub const fn of<P: Hooks>() -> Self {
        Self {
            load: is_load_overridden(&P::load),
            ready: is_overridden(&P::ready),
            run: is_overridden(&P::run),
            drain: is_overridden(&P::drain),
            close: is_overridden(&P::close),
        }
    }
}

/// `hook` only gives its type: a function item, which has no value at run time.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "see above")]
const fn is_overridden<P, C, H, F>(_hook: &H) -> bool
where
    P: 'static,
    C: 'static,
    H: Fn(&'static P, &'static C) -> F,
{
    !is_default::<F>()
}

/// The same for `load`, which takes its arguments in another way.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "see above")]
const fn is_load_overridden<P, H, F>(_load: &H) -> bool
where
    P: 'static,
    H: Fn(&'static mut P, &'static mut LoadContext) -> F,
{
    !is_default::<F>()
}

/// Whether the future of a hook is the one of its default.
const fn is_default<F>() -> bool {
    size_of::<F>() == 0 && align_of::<F>() == align_of::<NotOverridden>()
}
