//! `Child`: a plugin that another one registers while it loads.

use std::any::type_name;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Error, Result};

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::text::short_type_name;
use crate::declare::adjust::Adjust;
use crate::declare::context::{Contextual, LoadContext, Site};
use crate::declare::handle_of::HandleOf;
use crate::declare::into_plugin::IntoPlugin;
use crate::declare::plugin::Plugin;
use crate::declare::retry::Retry;
use crate::declare::states::States;
use crate::declare::supervision::Supervision;
use crate::report::Mistake;

/// A plugin that another one has registered, as [`LoadContext::register`] returns it.
///
/// Awaited, it loads now, and gives its states: a [`State`](crate::State), or a tuple of them. Not awaited, it
/// loads once the `load` that registered it has returned.
///
/// What is said of it ([`named`](Child::named), [`retry`](Child::retry) and so on) counts until it
/// begins to load: say it where it is registered. One that is registered while its siblings load
/// already, when the `load` of its parent has returned, begins at once.
///
/// # Errors
///
/// Awaiting it returns the error of the child, or of what was registered before it. A parent that handles
/// it has recovered, and the boot goes on without the child. One that is passed on with `?` fails
/// the plugin that registered it; the report blames the child first.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Port(u16);
///
/// #[plugin(states = [Port], collect = never)]
/// struct Listener {
///     #[option(required)]
///     port: u16,
/// }
///
/// impl Hooks for Listener {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Port> {
///         Ok(Port(self.port))
///     }
/// }
///
/// #[plugin]
/// struct Server;
///
/// impl Hooks for Server {
///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
///         let public = cx.register(Listener { port: 80 }).await?;
///         assert_eq!(public.0, 80);
///         // This one loads when `load` has returned, and before `Server` counts as loaded.
///         cx.register(Listener { port: 9090 }).named("admin");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(Server).boot().await?;
/// let tree = running.report().boot_tree();
/// assert!(tree.contains("server/listener") && tree.contains("admin"), "{tree}");
/// running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Child<P: ?Sized> {
    site: Site,
    /// Its number in the registry, or why it did not join.
    entry: Result<u32, Box<Mistake>>,
    plugin: PhantomData<fn(&P)>,
}

impl<P: ?Sized> Child<P> {
    /// Returns a handle to what it provides, unbound until it has loaded; see
    /// [`Registration::handle`](crate::Registration::handle). In a field of another child it decides
    /// which provider that gets.
    pub fn handle<H: HandleOf<P>>(&self) -> H {
        match self.entry {
            Ok(entry) => H::in_slot(&self.site.home().slot(entry, &mut H::slot)),
            Err(_) => H::unbound(),
        }
    }

    /// Gives it a name of its own, instead of that of its parent and its own behind each other.
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = PluginName::from(Arc::<str>::from(name.into()));
        self.adjust(Adjust::Name(name))
    }

    /// Tries its `load` more than once; see [`Retry`].
    pub fn retry(self, retry: Retry) -> Self {
        self.adjust(Adjust::Retry(retry))
    }

    /// What happens when its `run` hook ends; see [`Supervision`].
    pub fn supervise(self, supervision: Supervision) -> Self {
        self.adjust(Adjust::Supervision(supervision))
    }

    /// Loads it after another one that it needs nothing from.
    pub fn after<Q: ?Sized>(self, earlier: &Child<Q>) -> Self {
        match earlier.entry {
            Ok(earlier) => self.adjust(Adjust::After(earlier)),
            Err(_) => self,
        }
    }

    /// Makes it the one that is meant where several provide the same; see
    /// [`Registration::primary`](crate::Registration::primary).
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// pub struct Pool(&'static str);
    ///
    /// #[plugin(states = [Pool], collect = never)]
    /// struct Database {
    ///     #[option(required)]
    ///     file: &'static str,
    /// }
    ///
    /// impl Hooks for Database {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
    ///         Ok(Pool(self.file))
    ///     }
    /// }
    ///
    /// #[plugin(collect = never)]
    /// struct Reader {
    ///     pool: State<Pool>,
    /// }
    ///
    /// impl Hooks for Reader {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
    ///         assert_eq!(self.pool.0, "main.db");
    ///         Ok(())
    ///     }
    /// }
    ///
    /// #[plugin]
    /// struct Server;
    ///
    /// impl Hooks for Server {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         cx.register(Database::new("main.db")).primary();
    ///         cx.register(Database::new("archive.db")).named("archive");
    ///         cx.register(Reader::default());
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// App::new().with(Server).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn primary(self) -> Self {
        self.adjust(Adjust::Primary)
    }

    /// Disables it unless `enabled`: then it never loads, and awaiting it is an error, `BOOT025`.
    #[track_caller]
    pub fn enabled(self, enabled: bool, because: impl Into<String>) -> Self {
        if enabled {
            return self;
        }
        self.adjust(Adjust::Disable(because.into(), Location::caller()))
    }

    /// Reads its configuration from below another key; see
    /// [`Registration::config_prefix`](crate::Registration::config_prefix).
    #[cfg(feature = "config")]
    pub fn config_prefix(self, prefix: impl Into<String>) -> Self {
        self.adjust(Adjust::ConfigPrefix(Arc::from(prefix.into())))
    }

    /// Shows its states in the scope around its own as well; see [`LoadContext::scope`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// pub struct Pool(&'static str);
    ///
    /// #[plugin(states = [Pool], collect = never)]
    /// struct Database {
    ///     #[option(required)]
    ///     file: &'static str,
    /// }
    ///
    /// impl Hooks for Database {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
    ///         Ok(Pool(self.file))
    ///     }
    /// }
    ///
    /// #[plugin]
    /// struct Server;
    ///
    /// impl Hooks for Server {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         cx.scope("admin", |admin| {
    ///             admin.register(Database::new("admin.db")).export();
    ///         });
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let running = App::new().with(Server).boot().await?;
    /// // Without `export` this would be the error `GET003`.
    /// assert_eq!(running.try_get::<State<Pool>>()?.0, "admin.db");
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(self) -> Self {
        self.adjust(Adjust::Export)
    }

    fn adjust(self, change: Adjust) -> Self {
        if let Ok(entry) = self.entry {
            self.site.home().adjust(entry, change);
        }
        self
    }

    /// Loads it now, and gives its states without their types: for a [`Plugin`] that is implemented
    /// by hand. Others are awaited as they are.
    ///
    /// # Errors
    ///
    /// As with awaiting it.
    ///
    /// # Cancel safety
    ///
    /// When this future is dropped, the child goes on loading, and its parent does not count as
    /// loaded before it has. If it fails, so does its parent, unless that waits once more and hears
    /// of it.
    pub async fn load(self) -> Result<States> {
        let entry = self.entry.map_err(|mistake| Error::new(*mistake))?;
        let (home, parent) = (Arc::clone(self.site.home()), self.site.node());
        let loading = Arc::clone(&home).load_registered(parent, Some(entry));
        loading.await?;
        home.states_of_entry(parent, entry)?
            .with_context(|| format!("`{}` did not load", short_type_name(type_name::<P>())))
    }
}

impl<P: Contextual> IntoFuture for Child<P>
where
    P::Handles: Send,
{
    type Output = Result<P::Handles>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let states = self.load().await?;
            P::handles_of(&states).context("it did not make every state that it declares")
        })
    }
}

impl<P: ?Sized> fmt::Debug for Child<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

impl LoadContext {
    /// Registers a plugin that belongs to this one: a child.
    ///
    /// It loads when this `load` has returned, and this plugin counts as loaded, and its states can
    /// be seen, once its children have loaded as well. Awaited, it loads now, with everything that
    /// was registered before it, and gives its states.
    ///
    /// A child finds its states among those that its siblings provide, then its parent's siblings,
    /// and so on, then all others of the app; what has not loaded yet is waited for. It can't need
    /// a state of its own parent, which is there only when the child is: that, and any other cycle
    /// of plugins that would wait for each other, is an error of the child, at once. Its time is
    /// part of its parent's. It closes before its parent if it loads when `load` has returned. A child that
    /// loads earlier closes after its parent: one that is awaited, and those that were registered before
    /// that one, or before a [`flush`](LoadContext::flush).
    ///
    /// Whose state plugins need that are no relatives says so where it is declared, with
    /// `child_of = ..`, or its parent does, with `children = [..]`: see
    /// [`#[plugin]`](macro@crate::plugin).
    ///
    /// # When a child fails
    ///
    /// An await returns the error: of the child itself, or of one that was registered before it and
    /// is loaded with it. The rest of what loads with it is cancelled or skipped, and stays away
    /// even if the error is handled; what had loaded stays. What the failed one had brought is
    /// closed before. A child that is not awaited fails its parent, and that its own, up to a parent that
    /// awaits, a barrier that recovers, or the boot. A [`Retry`] of the parent tries what it awaits
    /// again, after closing it, and not what comes after its `load`.
    ///
    /// # From elsewhere
    ///
    /// A context may be cloned and used from elsewhere: the child belongs to the plugin whose
    /// context it is. A child that awaits through the context of its parent would wait for itself,
    /// because what that has registered includes the child: it gets an error at once. When the
    /// parent has loaded, nothing can be registered any more: the child is refused. Awaiting it
    /// fails then, and [`App::on_error`](crate::App::on_error) and the log hear of it.
    ///
    /// # Examples
    ///
    /// What an awaited child gives can be kept in the plugin, for its later hooks:
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// pub struct Pool(u32);
    ///
    /// #[plugin(states = [Pool], collect = never)]
    /// struct PoolPlugin;
    ///
    /// impl Hooks for PoolPlugin {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
    ///         Ok(Pool(8))
    ///     }
    /// }
    ///
    /// #[plugin]
    /// struct Server {
    ///     #[local]
    ///     pools: Vec<State<Pool>>,
    /// }
    ///
    /// impl Hooks for Server {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         self.pools.push(cx.register(PoolPlugin).await?);
    ///         Ok(())
    ///     }
    ///
    ///     async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
    ///         assert_eq!(self.pools[0].0, 8);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// App::new().with(Server::default()).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn register<P: IntoPlugin>(&self, plugin: P) -> Child<P::Plugin> {
        self.enroll(None, plugin.into_plugin(), Location::caller())
    }

    fn enroll<P: ?Sized>(
        &self,
        scope: Option<u32>,
        plugin: Arc<dyn Plugin>,
        at: Location,
    ) -> Child<P> {
        let home = Arc::clone(self.site().home());
        let entry = home.enroll(self.site().node(), scope, plugin, at);
        Child {
            site: self.site().clone(),
            entry,
            plugin: PhantomData,
        }
    }

    /// Registers children in a scope of their own: they see what this plugin's other children see,
    /// and no plugin outside of the scope sees their states. Two scopes may have one name: they are two
    /// all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::plugin_fn;
    /// use bootstrap::prelude::*;
    ///
    /// pub struct Prefix(&'static str);
    ///
    /// #[plugin(states = [Prefix], collect = never)]
    /// struct PrefixPlugin {
    ///     #[option(default = "/")]
    ///     path: &'static str,
    /// }
    ///
    /// impl Hooks for PrefixPlugin {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Prefix> {
    ///         Ok(Prefix(self.path))
    ///     }
    /// }
    ///
    /// #[plugin(collect = never)]
    /// struct Routes {
    ///     prefix: State<Prefix>,
    ///     #[option(default = "/")]
    ///     expected: &'static str,
    /// }
    ///
    /// impl Hooks for Routes {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
    ///         assert_eq!(self.prefix.0, self.expected);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// app.register(PrefixPlugin::default());
    /// app.register(plugin_fn("http", async |cx| {
    ///     cx.register(Routes::default());
    ///     cx.scope("admin", |scope| {
    ///         scope.register(PrefixPlugin { path: "/admin" });
    ///         scope.register(Routes::default().expected("/admin"));
    ///     });
    ///     Ok(())
    /// }));
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn scope<R>(
        &self,
        name: impl Into<String>,
        build: impl FnOnce(&mut ChildScope<'_>) -> R,
    ) -> R {
        build(&mut self.open(None, &name.into(), Location::caller()))
    }

    fn open(&self, around: Option<u32>, name: &str, at: Location) -> ChildScope<'_> {
        let home = self.site().home();
        let scope = home.open_scope(self.site().node(), around, Arc::from(name), at);
        ChildScope { cx: self, scope }
    }

    /// Loads everything that this plugin has registered so far, now.
    ///
    /// What a flush loads closes after this plugin, as an awaited child does, and whether or not it was
    /// registered right before the flush; see [`LoadContext::register`].
    ///
    /// # Errors
    ///
    /// The first error of what was registered; the rest of it has been cancelled. A caller that handles
    /// it has recovered.
    ///
    /// # Cancel safety
    ///
    /// When this future is dropped, the children go on loading. If one fails, so does this plugin,
    /// unless it waits once more and hears of it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::plugin_fn;
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// app.register(plugin_fn("parent", async |cx| {
    ///     cx.register(plugin_fn("first", async |_| Ok(())));
    ///     cx.register(plugin_fn("second", async |_| Ok(())));
    ///     cx.flush().await?;
    ///     // Both have loaded.
    ///     Ok(())
    /// }));
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self) -> Result<()> {
        let home = Arc::clone(self.site().home());
        home.load_registered(self.site().node(), None).await?;
        Ok(())
    }
}

/// A scope for children; see [`LoadContext::scope`].
pub struct ChildScope<'a> {
    cx: &'a LoadContext,
    scope: u32,
}

impl ChildScope<'_> {
    /// Registers a child in this scope; see [`LoadContext::register`].
    #[track_caller]
    pub fn register<P: IntoPlugin>(&mut self, plugin: P) -> Child<P::Plugin> {
        self.enroll(plugin.into_plugin(), Location::caller())
    }

    /// Opens a scope within this one.
    #[track_caller]
    pub fn scope<R>(
        &mut self,
        name: impl Into<String>,
        build: impl FnOnce(&mut ChildScope<'_>) -> R,
    ) -> R {
        let name = name.into();
        build(&mut self.cx.open(Some(self.scope), &name, Location::caller()))
    }

    fn enroll<P: ?Sized>(&self, plugin: Arc<dyn Plugin>, at: Location) -> Child<P> {
        self.cx.enroll(Some(self.scope), plugin, at)
    }
}

impl fmt::Debug for ChildScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildScope")
            .field("of", &self.cx.name())
            .finish_non_exhaustive()
    }
}
