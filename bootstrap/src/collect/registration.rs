//! `Registration`: what `register` hands back.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use crate::base::location::Location;
use crate::base::lock::lock;
use crate::base::name::PluginName;
use crate::collect::registry::Registry;
use crate::declare::{HandleOf, Retry, Supervision};
use crate::life::Target;

/// A registry that registrations and their app share.
pub(crate) type SharedRegistry = Arc<Mutex<Registry>>;

/// Runs `f` on the registry. Nothing in there is left half changed by a panic.
pub(crate) fn with_registry<T>(shared: &SharedRegistry, f: impl FnOnce(&mut Registry) -> T) -> T {
    f(&mut lock(shared))
}

/// One plugin in one app, as [`App::register`](crate::App::register) returns it.
///
/// Its [`handle`](Registration::handle)s can be put into the fields of other plugins before
/// boot: that is how one plugin is registered twice, and how a dependent is told which of the two
/// it gets.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Config(&'static str);
///
/// #[plugin(states = [Config], collect = never)]
/// struct ConfigPlugin {
///     #[option(required)]
///     path: &'static str,
/// }
///
/// impl Hooks for ConfigPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
///         Ok(Config(self.path))
///     }
/// }
///
/// #[plugin]
/// struct Report {
///     left: State<Config>,
///     right: State<Config>,
/// }
///
/// impl Hooks for Report {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!((self.left.0, self.right.0), ("a.toml", "b.toml"));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let a = app.register(ConfigPlugin { path: "a.toml" });
/// let b = app.register(ConfigPlugin { path: "b.toml" });
/// app.register(Report { left: a.handle(), right: b.handle() });
///
/// let running = app.boot().await?;
/// running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Registration<P: ?Sized> {
    registry: SharedRegistry,
    entry: u32,
    plugin: PhantomData<fn(&P)>,
}

impl<P: ?Sized> Registration<P> {
    pub(crate) fn new(registry: SharedRegistry, entry: u32) -> Self {
        Self {
            registry,
            entry,
            plugin: PhantomData,
        }
    }

    /// Returns a handle to what the plugin provides: a [`State<T>`](crate::State) of one of its states,
    /// a [`Port<dyn T>`](crate::Port) of one of its ports. The type of the field that it is put into
    /// decides.
    ///
    /// Before boot it is unbound, and aims at this registration: as a field of another plugin it
    /// is an edge of the graph, also where that plugin does not see this one's scope. Once this
    /// plugin has loaded it can be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use bootstrap::prelude::*;
    ///
    /// pub trait Greet: Send + Sync {
    ///     fn greet(&self) -> &str;
    /// }
    ///
    /// struct Fixed(&'static str);
    ///
    /// impl Greet for Fixed {
    ///     fn greet(&self) -> &str {
    ///         self.0
    ///     }
    /// }
    ///
    /// #[plugin(ports = [dyn Greet])]
    /// struct Greeter {
    ///     #[option(default = "hello")]
    ///     words: &'static str,
    /// }
    ///
    /// impl Hooks for Greeter {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Greet>> {
    ///         Ok(Arc::new(Fixed(self.words)))
    ///     }
    /// }
    ///
    /// #[plugin]
    /// struct Door {
    ///     greeter: Port<dyn Greet>,
    /// }
    ///
    /// impl Hooks for Door {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
    ///         assert_eq!(self.greeter.greet(), "welcome");
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new().with(Greeter::default());
    /// let second = app.register(Greeter::default().words("welcome"));
    /// app.register(Door { greeter: second.handle() });
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle<H: HandleOf<P>>(&self) -> H {
        with_registry(&self.registry, |registry| registry.handle(self.entry))
    }

    /// Makes this plugin the one that a field gets which asks for one, where several registered
    /// plugins of its scope provide the same state or port. The others are loaded all the same, and are
    /// among [`Ports`](crate::Ports). If two of them are primary, that is an error of the plan. No
    /// effect once the app boots.
    ///
    /// Supplied values come before registered plugins, and those before collected ones, whether they
    /// are primary or not. `#[plugin(primary)]` makes every instance primary.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// struct Pool(&'static str);
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
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// app.register(Database::new("main.db")).primary();
    /// app.register(Database::new("archive.db")).named("archive");
    /// let running = app.boot().await?;
    /// assert_eq!(running.try_get::<State<Pool>>()?.0, "main.db");
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn primary(self) -> Self {
        with_registry(&self.registry, |registry| registry.make_primary(self.entry));
        self
    }

    /// Gives this instance a name of its own, which must be unique in the app, instead of the
    /// plugin's name and a number. Without effect once the app boots.
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = PluginName::from(Arc::<str>::from(name.into()));
        with_registry(&self.registry, |registry| registry.rename(self.entry, name));
        self
    }

    /// Shows this plugin's states in the scope around its own as well, where two plugins that provide
    /// one state are two as ever. Without effect in the app itself, and once the app boots.
    ///
    /// See [`App::scope`](crate::App::scope).
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// struct Users(usize);
    ///
    /// #[plugin(states = [Users], collect = never)]
    /// struct UsersPlugin;
    ///
    /// impl Hooks for UsersPlugin {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Users> {
    ///         Ok(Users(3))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// app.scope("admin", |admin| {
    ///     admin.register(UsersPlugin).export();
    /// });
    /// let running = app.boot().await?;
    /// // Without `export` this would be the error `GET003`.
    /// assert_eq!(running.try_get::<State<Users>>()?.0, 3);
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(self) -> Self {
        with_registry(&self.registry, |registry| registry.export(self.entry));
        self
    }

    /// Tries the `load` of this plugin more than once; see [`Retry`]. Without effect once the app
    /// boots.
    ///
    /// The limit of the `load` holds for each attempt. What an attempt left with
    /// [`LoadContext::on_close`](crate::LoadContext::on_close) is done before the next one.
    pub fn retry(self, retry: Retry) -> Self {
        with_registry(&self.registry, |registry| registry.retry(self.entry, retry));
        self
    }

    /// What happens when the `run` hook of this plugin ends; see [`Supervision`]. Without effect
    /// once the app boots.
    pub fn supervise(self, supervision: Supervision) -> Self {
        with_registry(&self.registry, |registry| {
            registry.supervise(self.entry, supervision);
        });
        self
    }

    /// Disables this plugin unless `enabled`: then it is not part of the plan, and never loads. No
    /// effect once the app boots.
    ///
    /// Nothing is collected for it alone, and no other one of its type takes its place. A plugin that
    /// can do without its states does; one that can't is an error of the plan that says why they are
    /// not there, as is a field with a handle to one. An `after` this registration is no order any
    /// more, a replacement does not replace, and children are not registered.
    /// [`Plan::disabled`](crate::plan::Plan::disabled) lists it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// # #[plugin] struct Metrics;
    /// # impl Hooks for Metrics {}
    /// let mut app = App::new();
    /// app.register(Metrics).enabled(false, "they are not read here");
    /// let plan = app.plan()?;
    /// assert!(plan.is_empty());
    /// assert!(plan.disabled()[0].because.starts_with("they are not read here"));
    /// # Ok::<(), bootstrap::error::PlanErrors>(())
    /// ```
    #[track_caller]
    pub fn enabled(self, enabled: bool, because: impl Into<String>) -> Self {
        if !enabled {
            let (because, at) = (because.into(), Location::caller());
            with_registry(&self.registry, |registry| {
                registry.disable_entry(self.entry, &because, at);
            });
        }
        self
    }

    /// Reads the configuration of this instance from below another key: an option with
    /// `config = "database.size"` from `replica.database.size`. Without effect once the app boots.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::Configuration;
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin]
    /// struct Database {
    ///     #[option(config = "size", default = 1)]
    ///     size: u32,
    /// }
    ///
    /// impl Hooks for Database {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         assert_eq!(self.size, if cx.name() == "replica" { 2 } else { 4 });
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let configuration = Configuration::new().set("main.size", 4).set("replica.size", 2);
    /// let mut app = App::new().configure(configuration);
    /// app.register(Database::default()).named("main").config_prefix("main");
    /// app.register(Database::default()).named("replica").config_prefix("replica");
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "config")]
    pub fn config_prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = Arc::from(prefix.into());
        with_registry(&self.registry, |registry| {
            registry.configure_from(self.entry, prefix);
        });
        self
    }

    /// Loads this plugin after another one that it needs nothing from. Without effect once the
    /// app boots.
    ///
    /// This is an order, and not a need. A restart of `earlier` does not restart this plugin. If `earlier` fails, this plugin does not load, because the boot ends;
    /// but if a barrier between the two ([`App::recover`](crate::App::recover)) handles the failure,
    /// this plugin loads all the same, without `earlier`. A plugin that must not load then needs a state of it: a
    /// field `State<T>` is an error there, and an `Option<State<T>>` is `None`.
    ///
    /// A registration of another app is a plan error: its plugins are in no order with these.
    pub fn after<Q: ?Sized>(self, earlier: &Registration<Q>) -> Self {
        if Arc::ptr_eq(&self.registry, &earlier.registry) {
            with_registry(&self.registry, |registry| {
                registry.order_after(self.entry, earlier.entry);
            });
        } else {
            let earlier = earlier.name();
            with_registry(&self.registry, |registry| {
                registry.order_after_foreign(self.entry, earlier);
            });
        }
        self
    }

    /// What a restart of it means in a booted app.
    pub(crate) fn target_in(&self, home: *const ()) -> Target {
        with_registry(&self.registry, |registry| {
            registry.target_in(home, self.entry)
        })
    }

    /// What this instance is called; messages and reports add a number to it if there are
    /// several.
    pub fn name(&self) -> PluginName {
        with_registry(&self.registry, |registry| registry.name(self.entry))
    }
}

impl<P: ?Sized> Clone for Registration<P> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.registry), self.entry)
    }
}

impl<P: ?Sized> fmt::Debug for Registration<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(&self.name()).finish()
    }
}
