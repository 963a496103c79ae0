//! `current()`: the app around code that nobody has handed it to.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use crate::base::inside::{self, Place, Within};
use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::declare::context::Home;
use crate::declare::lookup::{port, serves, state};
use crate::declare::port::Port;
use crate::declare::state::State;
use crate::declare::swap::Replaceable;
use crate::life::Handle;
use crate::report::{LookupError, LookupFailure, SetError};

/// The app around code that runs, and its hook: what a [`Place`] holds.
pub(crate) struct Around {
    home: Arc<dyn Home>,
    /// Which hook, if it is one.
    phase: Option<Phase>,
    /// What messages call the owner of the hook; otherwise it is that of the node.
    name: Option<PluginName>,
}

impl Around {
    fn place(self, node: Option<u32>) -> Place {
        Place {
            around: Arc::new(self),
            node,
            scope: None,
        }
    }

    fn of_app(home: Arc<dyn Home>) -> Self {
        let (phase, name) = (None, None);
        Self { home, phase, name }
    }

    /// A place outside of all hooks.
    pub(crate) fn app(home: Arc<dyn Home>) -> Place {
        Self::of_app(home).place(None)
    }

    /// The place of hooks of plugins: whose they are is said for each.
    pub(crate) fn plugins(home: Arc<dyn Home>, phase: Phase) -> Place {
        let (phase, name) = (Some(phase), None);
        Self { home, phase, name }.place(None)
    }

    /// The place of a task, or of something else that a plugin has left to be done.
    pub(crate) fn task(home: Arc<dyn Home>, node: u32, phase: Phase, name: PluginName) -> Place {
        let (phase, name) = (Some(phase), Some(name));
        Self { home, phase, name }.place(Some(node))
    }

    /// The place of a hook of the app, or of one that a plugin has added.
    pub(crate) fn hook(
        home: Arc<dyn Home>,
        node: Option<u32>,
        phase: Phase,
        name: PluginName,
    ) -> Place {
        let (phase, name) = (Some(phase), Some(name));
        Self { home, phase, name }.place(node)
    }
}

/// The app around the caller, for code to which nobody has handed a context or a state.
///
/// What a hook calls and awaits is inside of its app: hooks of plugins in every phase, hooks of the
/// app, factories of services, tasks of [`cx.spawn(..)`](crate::LoadContext::spawn), and what has
/// entered a [`RequestScope`](crate::RequestScope) or a [`Current`] by itself. A bare
/// [`tokio::spawn`] is not followed, nor is a thread: carry the app over on purpose, with
/// [`Current::spawn`] or [`Current::enter`].
///
/// A field is better where there can be one: it is a requirement that the compiler proves. This is
/// for code far away, such as a helper that wants the configuration, or a type whose constructor
/// has no room for another argument.
///
/// # Errors
///
/// If the code runs in no app.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// struct Greeting(&'static str);
/// bootstrap::supplied!(Greeting);
///
/// // Far away from any plugin.
/// async fn greet() -> Result<String> {
///     let greeting = bootstrap::current()?.state::<Greeting>()?;
///     Ok(format!("{}, world", greeting.0))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().supply(Greeting("hello")).on_ready(async |_| {
///     assert_eq!(greet().await?, "hello, world");
///     Ok(())
/// });
/// let running = app.boot().await?;
///
/// // Outside of the app there is none, unless it is entered.
/// assert!(greet().await.is_err());
/// assert_eq!(running.current().enter(greet()).await?, "hello, world");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub fn current() -> Result<Current, LookupError> {
    let here = inside::look(Place::clone);
    here.and_then(Current::at).ok_or_else(LookupError::no_app)
}

/// An app, seen from a place in it: from [`current`](current()), or
/// [`Running::current`](crate::Running::current). Cheap to clone, and may be kept.
///
/// It outlives the hook that it was taken in, and the app: states of plugins that have closed are
/// errors then, as services are, and [`Current::handle`] tells the status. One that is kept in a
/// state of its own app is let go of when that closes.
///
/// # Examples
///
/// Work that is spawned by hand, and still knows its app:
///
/// ```
/// # use bootstrap::prelude::*;
/// # struct Limit(u32);
/// # bootstrap::supplied!(Limit);
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().supply(Limit(3)).on_ready(async |_| {
///     let limit = async || Ok::<_, anyhow::Error>(bootstrap::current()?.state::<Limit>()?.0);
///     assert!(tokio::spawn(limit()).await?.is_err());
///     assert_eq!(bootstrap::current()?.spawn(limit()).await??, 3);
///     Ok(())
/// });
/// app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Current {
    around: Arc<Around>,
    node: Option<u32>,
    scope: Option<Arc<dyn Any + Send + Sync>>,
}

impl Current {
    /// Outside of all hooks of an app.
    pub(crate) fn app(home: Arc<dyn Home>) -> Self {
        Self {
            around: Arc::new(Around::of_app(home)),
            node: None,
            scope: None,
        }
    }

    fn at(place: Place) -> Option<Self> {
        let Place {
            around,
            node,
            scope,
        } = place;
        let around = around.downcast().ok()?;
        Some(Self {
            around,
            node,
            scope,
        })
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            around: Arc::clone(&self.around) as Arc<dyn Any + Send + Sync>,
            node: self.node,
            scope: self.scope.clone(),
        }
    }

    /// The request scope that was entered, if one was.
    pub(crate) fn scope(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.scope.as_ref()
    }

    /// The same place in another request scope, or in none.
    pub(crate) fn with_scope(&self, scope: Option<Arc<dyn Any + Send + Sync>>) -> Self {
        Self {
            around: Arc::clone(&self.around),
            node: self.node,
            scope,
        }
    }

    fn home(&self) -> &dyn Home {
        &*self.around.home
    }

    /// Any state of the app, by its type: as the plugin whose hook runs sees it, or somebody
    /// outside of all scopes.
    ///
    /// # Errors
    ///
    /// If no plugin of the app provides it, several do, or its plugin is not loaded, or has closed.
    /// In the `load` of a plugin always: the provider of a state may load before or after that, so
    /// reading it would be a race. A field makes it an order.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>, LookupError> {
        self.check_read(StateKey::of::<T>())?;
        state(self.home(), self.node)
    }

    /// What is provided at a port, by its type; otherwise as [`Current::state`].
    ///
    /// # Errors
    ///
    /// As with [`Current::state`].
    pub fn port<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Port<T>, LookupError> {
        self.check_read(StateKey::port::<T>())?;
        port(self.home(), self.node)
    }

    /// In `load` nothing is read without an order.
    fn check_read(&self, state: StateKey) -> Result<(), LookupError> {
        match (self.around.phase, self.node) {
            (Some(Phase::Load), Some(node)) if self.home().is_in_load(node) => {
                let plugin = self.home().name_of(node);
                Err(LookupError::state(state, LookupFailure::InLoad { plugin }))
            }
            _ => Ok(()),
        }
    }

    /// Any state of the app, by its type, if it is there; otherwise as [`Current::state`].
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        self.state().ok()
    }

    /// The same as [`Current::state`], as the counterpart of [`Current::get`].
    ///
    /// # Errors
    ///
    /// As with [`Current::state`].
    pub fn get_or_failed<T: Send + Sync + 'static>(&self) -> Result<State<T>, LookupError> {
        self.state()
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    ///
    /// Waiting for the app to close in a hook would wait for this very hook.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.home().life()))
    }

    /// Whose hook runs, as messages call it: a plugin, a task of one (`plugin/task`), a service,
    /// or `app` for hooks of the app itself. `None` outside of hooks.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap::Phase;
    ///
    /// #[plugin]
    /// struct Cache;
    ///
    /// impl Hooks for Cache {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
    ///         let current = bootstrap::current()?;
    ///         assert_eq!(current.name().unwrap(), "cache");
    ///         assert_eq!(current.phase(), Some(Phase::Load));
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # App::new().with(Cache).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn name(&self) -> Option<PluginName> {
        self.around.phase?;
        let of_node = || Some(self.home().name_of(self.node?));
        self.around.name.clone().or_else(of_node)
    }

    /// Which hook runs; `None` outside of hooks, and in [`App::on_error`](crate::App::on_error).
    pub fn phase(&self) -> Option<Phase> {
        self.around.phase
    }

    /// A future that is at this place: in it, [`current`](current()) finds this app, and what this
    /// was taken in: the hook, and the request scope. Also when it is spawned, and while it is
    /// dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops `future`.
    pub fn enter<F: Future>(&self, future: F) -> Entered<F> {
        Entered::new(self.place(), future)
    }

    /// Calls a function at this place, as [`Current::enter`] does for futures: for a thread, such as
    /// one of [`tokio::task::spawn_blocking`]. Whatever this thread polls meanwhile is at this place:
    /// also tasks, if `call` blocks on a runtime of one thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # struct Limit(u32);
    /// # bootstrap::supplied!(Limit);
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let running = App::new().supply(Limit(3)).boot().await?;
    /// let current = running.current();
    /// let limit = move || current.enter_sync(|| State::<Limit>::get().unwrap().0);
    /// assert_eq!(tokio::task::spawn_blocking(limit).await?, 3);
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter_sync<T>(&self, call: impl FnOnce() -> T) -> T {
        inside::call_at(self.place(), call)
    }

    /// Spawns a future that is at this place; see [`Current::enter`]. It belongs to nobody: the app
    /// does not wait for it. [`cx.spawn(..)`](crate::LoadContext::spawn) is for what it should
    /// wait for.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(self.enter(future))
    }
}

serves!(impl Current);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("name", &self.name())
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A future that is at a place in an app; from [`Current::enter`] and
    /// [`RequestScope::enter`](crate::RequestScope::enter).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Entered<F> {
        #[pin]
        future: Within<F>,
    }
}

impl<F> Entered<F> {
    pub(crate) fn new(place: Place, future: F) -> Self {
        let future = inside::at_place(place, future);
        Self { future }
    }
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl<F> fmt::Debug for Entered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

/// A state of the app around, without a handle to it.
// The bounds are on the functions, so that a type that misses one is reported at the call.
impl<T: 'static> State<T> {
    /// The state of the app around the caller, if there is one; short for [`current`](current())
    /// and [`Current::get`].
    pub fn get() -> Option<Self>
    where
        T: Send + Sync,
    {
        Self::get_or_failed().ok()
    }

    /// The state of the app around the caller; short for [`current`](current()) and
    /// [`Current::state`].
    ///
    /// # Errors
    ///
    /// If there is no app, or it has no such state; in a `load` always.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// struct Pool;
    ///
    /// let error = State::<Pool>::get_or_failed().unwrap_err();
    /// let error = error.to_string();
    /// assert!(error.starts_with("the state `Pool` is not initialized: no app is around"));
    /// ```
    pub fn get_or_failed() -> Result<Self, LookupError>
    where
        T: Send + Sync,
    {
        let state = StateKey::of::<T>();
        let current = current().map_err(|error| LookupError::state(state, error.why))?;
        current.state()
    }

    /// Replaces what a state of the app around the caller holds, and returns what it held. Only a
    /// state that is [`Replaceable`] can be set, because it is made of a [`Swap`](crate::Swap).
    ///
    /// # Errors
    ///
    /// If there is no app, or it has no such state; in a `load` always.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap::{Replaceable, Swap};
    ///
    /// struct Rates(Swap<f64>);
    /// bootstrap::supplied!(Rates);
    ///
    /// impl Replaceable for Rates {
    ///     type Content = f64;
    ///
    ///     fn content(&self) -> &Swap<f64> {
    ///         &self.0
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let error = State::<Rates>::set(1.1).unwrap_err();
    /// assert!(error.to_string().starts_with("Cannot set value for state `Rates`: "));
    ///
    /// let running = App::new().supply(Rates(Swap::new(1.0))).boot().await?;
    /// let before = running.current().enter_sync(|| State::<Rates>::set(1.1))?;
    /// assert_eq!(*before, 1.0);
    /// assert_eq!(*running.state::<Rates>()?.0.load(), 1.1);
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set(content: T::Content) -> Result<Arc<T::Content>, SetError>
    where
        T: Replaceable,
    {
        match Self::get_or_failed() {
            Ok(state) => Ok(T::content(&state).replace(content)),
            Err(source) => Err(SetError::NotRead {
                state: StateKey::of::<T>(),
                source,
            }),
        }
    }
}
