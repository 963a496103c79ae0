//! `Registration`: what `register` hands back.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use crate::base::location::Location;
use crate::base::lock::lock;
use crate::base::name::PluginName;
use crate::collect::registry::Registry;
use crate::declare::{Port, Precedence, Provides, ProvidesPort, Retry, State, Supervision};
use crate::life::Target;

/// A registry that registrations and their app share.
pub(crate) type SharedRegistry = Arc<Mutex<Registry>>;

/// Runs `f` on the registry. Nothing in there is left half changed by a panic.
pub(crate) fn with_registry<T>(shared: &SharedRegistry, f: impl FnOnce(&mut Registry) -> T) -> T {
    f(&mut lock(shared))
}

/// One plugin in one app, as [`App::register`](crate::App::register) returns it.
///
/// Its [`state`](Registration::state) handles can be put into the fields of other plugins before
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
/// #[plugin(states = [Config], collect = false)]
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
/// app.register(Report { left: a.state(), right: b.state() });
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

    /// A handle to one of the plugin's states.
    ///
    /// Before boot it is unbound, and aims at this registration: as a field of another plugin it
    /// is an edge of the graph, also where that plugin does not see this one's scope. Once this
    /// plugin has loaded it can be read.
    pub fn state<T: Send + Sync + 'static>(&self) -> State<T>
    where
        P: Provides<T>,
    {
        with_registry(&self.registry, |registry| registry.state(self.entry))
    }

    /// A handle to what the plugin provides at one of its ports; otherwise as
    /// [`state`](Registration::state).
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
    /// let second = app.register(Greeter { words: "welcome" });
    /// app.register(Door { greeter: second.port() });
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn port<T: ?Sized + Send + Sync + 'static>(&self) -> Port<T>
    where
        P: ProvidesPort<T>,
    {
        with_registry(&self.registry, |registry| registry.port(self.entry))
    }

    /// Makes this plugin the one that is meant where several in its scope provide the same state
    /// or port. The others are loaded all the same, and are among [`Ports`](crate::Ports). Two
    /// primary ones are as bad as two without. Without effect once the app boots.
    ///
    /// `#[plugin(primary = true)]` says it of every instance.
    pub fn primary(self) -> Self {
        self.prefer(Precedence::Primary)
    }

    /// Puts this plugin in the place of all others in its scope that provide the same state or
    /// port: nobody gets theirs, not even among [`Ports`](crate::Ports), but for handles that
    /// aim at them. A collected plugin that provides nothing else is not loaded then, nor what only
    /// that needs. Without effect once the app boots.
    pub fn overrides(self) -> Self {
        self.prefer(Precedence::Override)
    }

    fn prefer(self, precedence: Precedence) -> Self {
        with_registry(&self.registry, |registry| {
            registry.prefer(self.entry, precedence);
        });
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

    /// Switches this plugin off: it is not part of the plan, and never loaded. Without effect once
    /// the app boots.
    ///
    /// Nothing is collected for it alone, and no other one of its type takes its place. Who can do
    /// without its states does; who can't is a plan error that says why they are not there, as is a
    /// field with a handle to one. An `after` this registration is no order any more, what stands
    /// in for another one does not, and children are not brought. [`Plan::switched_off`] lists it.
    ///
    /// [`Plan::switched_off`]: crate::Plan::switched_off
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// # #[plugin] struct Metrics;
    /// # impl Hooks for Metrics {}
    /// let mut app = App::new();
    /// app.register(Metrics).switch_off("nobody looks at them here");
    /// let plan = app.plan()?;
    /// assert!(plan.is_empty());
    /// assert!(plan.switched_off()[0].because.starts_with("nobody looks at them here"));
    /// # Ok::<(), bootstrap::PlanErrors>(())
    /// ```
    #[track_caller]
    pub fn switch_off(self, because: impl AsRef<str>) -> Self {
        let at = Location::caller();
        with_registry(&self.registry, |registry| {
            registry.switch_off(self.entry, because.as_ref(), at);
        });
        self
    }

    /// Switches this plugin off unless `enabled`; see [`Registration::switch_off`].
    #[track_caller]
    pub fn enabled(self, enabled: bool, because: impl AsRef<str>) -> Self {
        if enabled {
            self
        } else {
            self.switch_off(because)
        }
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
    /// This is an order, and not a need. If `earlier` fails, this plugin does not load, because the boot ends;
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
