//! `Scope`: a part of an app whose states the other parts do not see.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::base::location::Location;
use crate::collect::{Entry, ROOT, Registration, SharedRegistry, with_registry};
use crate::declare::{
    BarrierContext, Barrier, BarrierKind, FnPlugin, Hooks, Ingredients, LoadContext, Plugin,
    StateValue, Supplied, With,
};

/// A part of an app, whose states are seen in it and in the scopes inside of it.
///
/// [`App::scope`](crate::App::scope) opens one. A field is resolved by its type from the inside
/// out: in the plugin's own scope, then in the one around it, and so on to the app itself, where
/// collected plugins stand. The first scope on that way which has a provider decides; two
/// providers in there are ambiguous. So a plugin in a scope may hide one further out, which the
/// [`Plan`](crate::Plan) shows; scopes beside each other see nothing of each other; and the same
/// plugin in two scopes has two states.
///
/// There are two ways across. [`Registration::export`] shows the states of a plugin in the scope
/// around its own as well. And a handle from [`Registration::state`] may be put into a field
/// anywhere: whoever has the registration has been given it on purpose.
///
/// A plugin is called `scope/plugin` in messages and reports. Its `after = [..]` waits for those
/// plugins of that type which it sees.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Listen(u16);
///
/// #[plugin(name = "listen", states = [Listen], collect = false)]
/// struct ListenPlugin {
///     #[option(required)]
///     port: u16,
/// }
///
/// impl Hooks for ListenPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Listen> {
///         Ok(Listen(self.port))
///     }
/// }
///
/// struct Bound(u16);
///
/// #[plugin(name = "server", states = [Bound])]
/// struct Server {
///     listen: State<Listen>,
/// }
///
/// impl Hooks for Server {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Bound> {
///         Ok(Bound(self.listen.0))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let public = app.scope("public", |scope| {
///     scope.register(ListenPlugin { port: 80 });
///     scope.register(Server::default())
/// });
/// let admin = app.scope("admin", |scope| {
///     scope.register(ListenPlugin { port: 8080 });
///     scope.register(Server::default())
/// });
///
/// let running = app.boot().await?;
/// assert_eq!(public.state::<Bound>().0, 80);
/// assert_eq!(admin.state::<Bound>().0, 8080);
/// assert_eq!(admin.name(), "admin/server");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Scope<'a> {
    registry: &'a SharedRegistry,
    number: u32,
}

impl<'a> Scope<'a> {
    /// The app itself, as the outermost scope.
    pub(super) fn root(registry: &'a SharedRegistry) -> Self {
        Self {
            registry,
            number: ROOT,
        }
    }

    /// Registers a plugin in this scope; see [`App::register`](crate::App::register).
    ///
    /// # Panics
    ///
    /// If a hand-written [`Plugin::descriptor`] or [`Plugin::fields`] does, which are called here.
    #[track_caller]
    pub fn register<P: Plugin>(&mut self, plugin: P) -> Registration<P> {
        let entry = self.add(Arc::new(plugin), false);
        Registration::new(Arc::clone(self.registry), entry)
    }

    /// Registers a closure as a plugin without states, to be run once; see
    /// [`App::register_fn`](crate::App::register_fn).
    #[track_caller]
    pub fn register_fn<F, Fut>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        load: F,
    ) -> Registration<FnPlugin<F>>
    where
        F: FnOnce(LoadContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.register(FnPlugin::new(name.into(), Location::caller(), load))
    }

    /// Registers a plugin that is made when its turn comes, from states of others; see
    /// [`App::register_with`](crate::App::register_with).
    #[track_caller]
    pub fn register_with<P, I, F>(&mut self, from: I, make: F) -> Registration<P>
    where
        P: Hooks + Send + Sync,
        I: Ingredients,
        F: Fn(I) -> P + Send + Sync + 'static,
    {
        let entry = self.add(Arc::new(With::new(from, make)), false);
        Registration::new(Arc::clone(self.registry), entry)
    }

    /// Adds a state from outside: plugins in this scope that ask for a `T` get this one.
    ///
    /// Supplying two values of one type in one scope is a plan error, and one that nobody asks for
    /// a warning.
    #[track_caller]
    pub fn supply<T: Send + Sync + 'static>(&mut self, value: T) -> &mut Self {
        self.supply_arc(Arc::new(value))
    }

    /// Adds a state from outside that the caller holds already; see [`Scope::supply`].
    #[track_caller]
    pub fn supply_arc<T: Send + Sync + 'static>(&mut self, value: Arc<T>) -> &mut Self {
        self.supply_value(StateValue::shared(value))
    }

    /// Provides a port from outside: plugins in this scope that ask for a `Port<T>` get this one,
    /// whoever else provides it; see [`App::supply_port`](crate::App::supply_port).
    #[track_caller]
    pub fn supply_port<T: ?Sized + Send + Sync + 'static>(&mut self, value: Arc<T>) -> &mut Self {
        self.supply_value(StateValue::port(value))
    }

    #[track_caller]
    fn supply_value(&mut self, value: StateValue) -> &mut Self {
        self.add(Arc::new(Supplied::new(value, Location::caller())), true);
        self
    }

    /// Opens a scope in this one; see [`App::scope`](crate::App::scope).
    #[track_caller]
    pub fn scope<R>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        build: impl FnOnce(&mut Scope<'_>) -> R,
    ) -> R {
        let (name, at) = (Arc::from(name.into()), Location::caller());
        let number = with_registry(self.registry, |registry| {
            registry.open_scope(self.number, name, at)
        });
        build(&mut Scope {
            registry: self.registry,
            number,
        })
    }

    /// How long all loads in this scope may take together, with those in the scopes inside of it.
    /// Without it there is no limit but those of the app and of its plugins.
    pub fn timeout(&mut self, limit: Duration) -> &mut Self {
        with_registry(self.registry, |registry| {
            registry.limit_scope(self.number, limit);
        });
        self
    }

    /// Calls a hook between what was registered in this scope before this call and what is
    /// registered in it after; see [`App::barrier`](crate::App::barrier). What stands outside of the
    /// scope is not concerned.
    #[track_caller]
    pub fn barrier<F, Fut>(&mut self, hook: F) -> &mut Self
    where
        F: FnOnce(BarrierContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.add_barrier(BarrierKind::Observe, Location::caller(), hook);
        self
    }

    /// Adds a barrier as [`Scope::barrier`] does, whose hook is called only if something before it
    /// in this scope failed; see [`App::recover`](crate::App::recover).
    #[track_caller]
    pub fn recover<F, Fut>(&mut self, hook: F) -> &mut Self
    where
        F: FnOnce(BarrierContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.add_barrier(BarrierKind::Recover, Location::caller(), hook);
        self
    }

    pub(super) fn add_barrier<F, Fut>(&mut self, kind: BarrierKind, at: Location, hook: F)
    where
        F: FnOnce(BarrierContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let entry = Entry::barrier(Barrier::new(kind, at, hook), self.number, at);
        with_registry(self.registry, |registry| registry.add(entry));
    }

    #[track_caller]
    fn add(&mut self, plugin: Arc<dyn Plugin>, supplied: bool) -> u32 {
        // Asks the plugin about itself, which runs the user's code: before the lock.
        let entry = Entry::new(plugin, self.number, Location::caller(), supplied);
        with_registry(self.registry, |registry| registry.add(entry))
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = with_registry(self.registry, |registry| registry.scope_path(self.number));
        f.debug_tuple("Scope").field(&path).finish()
    }
}
