//! `Scope`: a part of an app whose states the other parts do not see.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::base::location::Location;
use crate::collect::{Entry, ROOT, Registration, SharedRegistry, with_registry};
use crate::declare::{Barrier, BarrierContext, BarrierKind, IntoPlugin, Plugin, Supplied, Supply};

/// A part of an app, whose states are seen in it and in the scopes inside of it.
///
/// [`App::scope`](crate::App::scope) opens one. A field is resolved by its type from the inside
/// out: in the plugin's own scope, then in the one around it, and so on to the app itself, where
/// collected plugins stand. The first scope on that way which has a provider decides; two
/// providers in there are ambiguous. So a plugin in a scope may hide one further out, which the
/// [`Plan`](crate::plan::Plan) shows; scopes beside each other see nothing of each other; and the same
/// plugin in two scopes has two states.
///
/// There are two ways across. [`Registration::export`] shows the states of a plugin in the scope
/// around its own as well. And a handle from [`Registration::handle`] may be put into a field
/// anywhere: it was taken on purpose.
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
/// #[plugin(name = "listen", states = [Listen], collect = never)]
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
/// assert_eq!(public.handle::<State<Bound>>().0, 80);
/// assert_eq!(admin.handle::<State<Bound>>().0, 8080);
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
    pub fn register<P: IntoPlugin>(&mut self, plugin: P) -> Registration<P::Plugin> {
        let entry = self.add(plugin.into_plugin(), false);
        Registration::new(Arc::clone(self.registry), entry)
    }

    /// Registers a plugin in this scope, for chaining; see [`Scope::register`].
    #[track_caller]
    pub fn with<P: IntoPlugin>(&mut self, plugin: P) -> &mut Self {
        self.register(plugin);
        self
    }

    /// Adds a value from outside: plugins in this scope that ask for it get this one; see
    /// [`App::supply`](crate::App::supply).
    #[track_caller]
    pub fn supply(&mut self, value: impl Supply) -> &mut Self {
        let supplied = Supplied::new(value.into_supplied(), Location::caller());
        self.add(Arc::new(supplied), true);
        self
    }

    /// Opens a scope in this one; see [`App::scope`](crate::App::scope).
    #[track_caller]
    pub fn scope<R>(
        &mut self,
        name: impl Into<String>,
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::plugin_fn;
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut app = App::new();
    /// app.scope("admin", |admin| {
    ///     admin.timeout(Duration::from_millis(50));
    ///     admin.register(plugin_fn("hangs", async |_| std::future::pending().await));
    /// });
    /// let error = app.boot().await.unwrap_err();
    /// assert!(error.to_string().ends_with("timed out after 50 ms, the time of the scope `admin`"));
    /// # }
    /// ```
    pub fn timeout(&mut self, limit: Duration) -> &mut Self {
        with_registry(self.registry, |registry| {
            registry.limit_scope(self.number, limit);
        });
        self
    }

    /// Calls a hook between what was registered in this scope before this call and what is
    /// registered in it after; see [`App::barrier`](crate::App::barrier). What stands outside of the
    /// scope is not concerned.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::plugin_fn;
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// app.scope("admin", |admin| {
    ///     admin.register(plugin_fn("migrate", async |_| Ok(())));
    ///     admin.barrier(async |_| Ok(()));
    ///     admin.register(plugin_fn("serve", async |_| Ok(())));
    /// });
    /// let names: Vec<String> = app.plan()?.order().map(|it| it.name().to_string()).collect();
    /// assert_eq!(names, ["admin/migrate", "admin/barrier", "admin/serve"]);
    /// # app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::plugin_fn;
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// app.scope("admin", |admin| {
    ///     admin.register(plugin_fn("metrics", async |_| anyhow::bail!("no answer")));
    ///     admin.recover(async |cx| {
    ///         assert_eq!(cx.errors().len(), 1);
    ///         Ok(())
    ///     });
    /// });
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
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
    pub(super) fn add(&mut self, plugin: Arc<dyn Plugin>, supplied: bool) -> u32 {
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
