//! `Current`: the app around code to which it was not handed.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::base::inside::{self, Place, Scope, What};
use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::declare::context::Home;
use crate::declare::lookup::{Lookup, LookupFrom};
use crate::declare::state::State;
use crate::declare::swap::HoldsSwap;
use crate::declare::value::StateValue;
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
            what: What::Hook(Arc::new(self)),
            node,
        }
    }

    /// What is read at a place, if that is known already; nothing in a `load`.
    fn shown(place: &Place, state: StateKey) -> Option<StateValue> {
        let around: &Self = place.around().downcast_ref()?;
        match around.phase {
            Some(Phase::Load) => None,
            _ => around.home.shown(place.node, state),
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

/// The app around code to which no context or state was handed: from [`Current::try_current`], or
/// [`Running::current`](crate::Running::current). Cheap to clone, and may be kept.
///
/// What a hook calls and awaits is inside of its app: hooks of plugins in every phase, hooks of the
/// app, tasks of [`cx.spawn(..)`](crate::LoadContext::spawn), and what has
/// entered a [`RequestScope`](crate::RequestScope) or a `Current` by itself. A bare
/// [`tokio::spawn`] is not followed, nor is a thread: carry the app over on purpose, with
/// [`Current::spawn`] or [`Current::enter`].
///
/// A field is better where there can be one: it is a requirement that the compiler proves. This is
/// for code far away, such as a helper that wants the configuration, or a type whose constructor
/// has no room for another argument.
///
/// It outlives the hook that it was taken in, and the app: look-ups are errors once their plugins
/// have closed, and [`Current::handle`] returns the status. One that is kept in a state of its own
/// app is released when that closes.
///
/// Look-ups begin in the scope of the plugin whose hook runs; outside of hooks of plugins, outside
/// of all scopes. In the `load` of a plugin each is an error: the provider may load before or after,
/// so it would be a race. A field makes it an order.
///
/// # Examples
///
/// Code far away from any plugin:
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::{Current, supplied};
///
/// #[supplied]
/// struct Greeting(&'static str);
///
/// async fn greet() -> Result<String> {
///     let greeting: State<Greeting> = Current::try_current()?.try_get()?;
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
///
/// Work that is spawned by hand, and still knows its app:
///
/// ```
/// # use bootstrap::prelude::*;
/// # use bootstrap::Current;
/// # #[bootstrap::supplied] struct Limit(u32);
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().supply(Limit(3)).on_ready(async |_| {
///     let limit = async || Ok::<_, anyhow::Error>(State::<Limit>::try_current()?.0);
///     assert!(tokio::spawn(limit()).await?.is_err());
///     assert_eq!(Current::try_current()?.spawn(limit()).await??, 3);
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
    scope: Option<Arc<dyn Scope>>,
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

    #[inline]
    fn at(place: &Place) -> Option<Self> {
        Some(Self {
            around: place.around_shared().downcast().ok()?,
            node: place.node,
            scope: place.scope().cloned(),
        })
    }

    pub(crate) fn place(&self) -> Place {
        let what = match &self.scope {
            Some(scope) => What::Scope(Arc::clone(scope)),
            None => What::Hook(self.around_shared()),
        };
        Place {
            what,
            node: self.node,
        }
    }

    /// The request scope that was entered, if one was.
    pub(crate) fn scope(&self) -> Option<&Arc<dyn Scope>> {
        self.scope.as_ref()
    }

    /// The node whose hook is around.
    pub(crate) fn node(&self) -> Option<u32> {
        self.node
    }

    /// The app around, and its hook.
    pub(crate) fn around(&self) -> &(dyn Any + Send + Sync) {
        &*self.around
    }

    pub(crate) fn around_shared(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(&self.around) as Arc<dyn Any + Send + Sync>
    }

    /// The same place in another request scope, or in none.
    pub(crate) fn with_scope(&self, scope: Option<Arc<dyn Scope>>) -> Self {
        Self {
            around: Arc::clone(&self.around),
            node: self.node,
            scope,
        }
    }

    fn home(&self) -> &dyn Home {
        &*self.around.home
    }

    /// The app around the caller; `None` if the code runs in no app.
    #[expect(clippy::self_named_constructors, reason = "as `State::current`")]
    pub fn current() -> Option<Self> {
        Self::try_current().ok()
    }

    /// The app around the caller.
    ///
    /// # Errors
    ///
    /// If the code runs in no app.
    pub fn try_current() -> Result<Self, LookupError> {
        // Not by way of `current`: another move of the handle costs more than the look.
        let current = inside::look(Self::at).flatten();
        current.ok_or_else(LookupError::no_app)
    }

    /// Returns a handle by its type, the one that a field would have: a [`State<T>`](State), a
    /// [`Port<dyn T>`](crate::Port), or [`Ports<dyn T>`](crate::Ports).
    ///
    /// `None` if no plugin of the app provides it, if several do, or if its plugin is not loaded; in
    /// the `load` of a plugin always.
    pub fn get<H: Lookup>(&self) -> Option<H> {
        self.try_get().ok()
    }

    /// Returns a handle by its type, as [`get`](Self::get) does.
    ///
    /// # Errors
    ///
    /// If no plugin of the app provides it, several do, or its plugin is not loaded; in the `load` of
    /// a plugin always.
    #[inline]
    pub fn try_get<H: Lookup>(&self) -> Result<H, LookupError> {
        if self.around.phase == Some(Phase::Load) {
            self.check_read(H::KEY)?;
        }
        H::look_up(&LookupFrom::new(self.home(), self.node))
    }

    /// In `load` nothing is read without an order.
    #[cold]
    fn check_read(&self, state: StateKey) -> Result<(), LookupError> {
        match self.node {
            Some(node) if self.home().is_in_load(node) => {
                let plugin = self.home().name_of(node);
                Err(LookupError::state(state, LookupFailure::InLoad { plugin }))
            }
            _ => Ok(()),
        }
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    ///
    /// Waiting for the app to close in a hook would wait for this very hook.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.home().life()))
    }

    /// Whose hook runs, as messages call it: a plugin, a task of one (`plugin/task`),
    /// or `app` for hooks of the app itself. `None` outside of hooks.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::lifecycle::Phase;
    /// use bootstrap::prelude::*;
    /// use bootstrap::Current;
    ///
    /// #[plugin]
    /// struct Cache;
    ///
    /// impl Hooks for Cache {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
    ///         let current = Current::try_current()?;
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

    /// Returns a future that is at this place: in it, [`Current::current`] finds this app, and what
    /// this was taken in: the hook, and the request scope. Also when it is spawned, and while it is
    /// dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops `future`.
    pub fn enter<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        inside::at_place(self.place(), future)
    }

    /// Calls a function at this place, as [`Current::enter`] does for futures: for a thread, such as
    /// one of [`tokio::task::spawn_blocking`]. Whatever this thread polls meanwhile is at this place:
    /// also tasks, if `call` blocks on a runtime of one thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[bootstrap::supplied] struct Limit(u32);
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let running = App::new().supply(Limit(3)).boot().await?;
    /// let current = running.current();
    /// let limit = move || current.enter_sync(|| State::<Limit>::current().unwrap().0);
    /// assert_eq!(tokio::task::spawn_blocking(limit).await?, 3);
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter_sync<T>(&self, call: impl FnOnce() -> T) -> T {
        inside::call_at(self.place(), call)
    }

    /// Spawns a future that is at this place; see [`Current::enter`]. It is detached: the app
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

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("name", &self.name())
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

/// A state of the app around, without a handle to it.
// The bounds are on the functions, so that a type that misses one is reported at the call.
impl<T: 'static> State<T> {
    /// The state of the app around the caller; `None` if there is no app, or it has no such state.
    /// Short for [`Current::current`] and [`Current::get`].
    pub fn current() -> Option<Self>
    where
        T: Send + Sync,
    {
        Self::try_current().ok()
    }

    /// The state of the app around the caller; short for [`Current::try_current`] and
    /// [`Current::try_get`].
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
    /// let error = State::<Pool>::try_current().unwrap_err();
    /// let error = error.to_string();
    /// assert!(error.starts_with("the state `Pool` is not initialized: no app is around"));
    /// ```
    pub fn try_current() -> Result<Self, LookupError>
    where
        T: Send + Sync,
    {
        let state = StateKey::of::<T>();
        // What is known already needs no handle to the app.
        let shown = inside::look(|place| Around::shown(place, state)).flatten();
        if let Some(value) = shown.and_then(StateValue::into_shared) {
            return Ok(Self::bound(value));
        }
        let current =
            Current::try_current().map_err(|error| LookupError::state(state, error.why))?;
        current.try_get()
    }

    /// Replaces what a state of the app around the caller holds, and returns what it held. Only a
    /// state that dereferences to a [`Swap`](crate::Swap) can be set.
    ///
    /// # Errors
    ///
    /// If there is no app, or it has no such state; in a `load` always.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::Deref;
    ///
    /// use bootstrap::prelude::*;
    /// use bootstrap::{Swap, supplied};
    ///
    /// #[supplied]
    /// struct Rates(Swap<f64>);
    ///
    /// impl Deref for Rates {
    ///     type Target = Swap<f64>;
    ///
    ///     fn deref(&self) -> &Swap<f64> {
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
    /// assert_eq!(*running.try_get::<State<Rates>>()?.load(), 1.1);
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set<C>(content: C) -> Result<Arc<C>, SetError>
    where
        T: HoldsSwap<C> + Send + Sync,
    {
        match Self::try_current() {
            Ok(state) => Ok(state.swap().replace(content)),
            Err(source) => Err(SetError::NotRead {
                state: StateKey::of::<T>(),
                source,
            }),
        }
    }
}
