//! What an app is composed of besides single plugins.

use std::future::Future;

use anyhow::Result;

use crate::app::builder::App;
use crate::app::scope::Scope;
use crate::base::location::Location;
use crate::collect::{Unused, with_registry};
use crate::declare::{BarrierContext, BarrierKind, Identity, Plugin, Supply};
#[cfg(feature = "config")]
use crate::values::Configuration;

impl App {
    /// Adds a value from outside: a state, a state that the caller shares, or a port.
    ///
    /// A supplied value outranks every plugin that provides the same, see
    /// [`Registration::primary`](crate::Registration::primary). A state of a collected plugin that is
    /// supplied replaces that plugin: it is not part of the app, nor is what only it needs. Supplying
    /// two values of one type is an error of the plan, and one that no field requires a warning.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use bootstrap::prelude::*;
    ///
    /// #[supplied]
    /// pub struct Arguments {
    ///     verbose: bool,
    /// }
    ///
    /// #[supplied]
    /// struct Clock(u32);
    ///
    /// pub trait Mailer: Send + Sync {}
    /// # struct Fake;
    /// # impl Mailer for Fake {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let clock = Arc::new(Clock(12));
    /// let mailer: Arc<dyn Mailer> = Arc::new(Fake);
    /// let app = App::new()
    ///     .supply(Arguments { verbose: true })
    ///     .supply(State::from_arc(Arc::clone(&clock)))
    ///     .supply(Port::<dyn Mailer>::from_arc(mailer));
    /// let running = app.boot().await?;
    /// assert!(running.try_get::<State<Arguments>>()?.verbose);
    /// assert!(std::ptr::eq(&*running.try_get::<State<Clock>>()?, &*clock));
    /// running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn supply(mut self, value: impl Supply) -> Self {
        self.root().supply(value);
        self
    }

    /// Names plugins that must be part of the app: without one of them, it does not plan.
    ///
    /// Meant for the plugins of a collected app that nothing refers to, which are left out if the
    /// linker leaves out their crate. [`verify!`](crate::verify) finds that in a test, and also what
    /// is there and not expected. A disabled plugin counts as there: that was done on purpose.
    pub fn expect(self, names: impl IntoIterator<Item = &'static str>) -> Self {
        with_registry(&self.registry, |registry| registry.expect(names));
        self
    }

    /// Opens a scope: a part of the app whose states the other parts do not see. Returns what the
    /// closure returns, such as registrations.
    ///
    /// Plugins in a scope see its states and those of the app, and hide the latter if they provide
    /// the same. [`Scope`] has the whole of it.
    ///
    /// A name is one word without a `/`, and stands in front of the names of everything in the
    /// scope. A scope is opened once: two of one name beside each other are a plan error, because
    /// nothing would tell their plugins apart in messages.
    ///
    /// In a collected app, what is registered in a scope takes the place of no collected plugin;
    /// those stand in the app itself, and load besides. Mark a plugin that belongs in a scope with
    /// `collect = never`.
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
    /// let report = app.scope("admin", |admin| {
    ///     let users = admin.scope("users", |users| {
    ///         users.register(plugin_fn("import", async |_| Ok(())))
    ///     });
    ///     admin.register(plugin_fn("report", async |_| Ok(()))).after(&users)
    /// });
    /// assert_eq!(report.name(), "admin/report");
    ///
    /// let plan = app.plan()?;
    /// let names: Vec<String> = plan.order().map(|plugin| plugin.name().to_string()).collect();
    /// assert_eq!(names, ["admin/users/import", "admin/report"]);
    /// # app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn scope<R>(
        &mut self,
        name: impl Into<String>,
        build: impl FnOnce(&mut Scope<'_>) -> R,
    ) -> R {
        self.root().scope(name, build)
    }

    /// Calls a hook between what was registered before this call and what is registered after it:
    /// when all of the former has loaded, and before any of the latter does.
    ///
    /// It shows how the boot went up to here, with
    /// [`cx.outcome()`](BarrierContext::outcome), and changes nothing about that: an error goes on to
    /// the next barrier, or fails the boot. If the hook itself fails, that is one more.
    ///
    /// Before the barrier stands what was registered before it, in scopes that were opened before it
    /// as well, and all that is collected. One of those that needs something registered after it
    /// is a cycle, which [`App::plan`] reports.
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
    /// app.register(plugin_fn("migrate", async |_| Ok(())));
    /// let mut app = app.barrier(async |cx| {
    ///     println!("migrated: {:?}", cx.outcome());
    ///     Ok(())
    /// });
    /// app.register(plugin_fn("serve", async |_| Ok(())));
    ///
    /// let names: Vec<String> = app.plan()?.order().map(|it| it.name().to_string()).collect();
    /// assert_eq!(names, ["migrate", "barrier", "serve"]);
    /// # app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn barrier<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(BarrierContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.root()
            .add_barrier(BarrierKind::Observe, Location::caller(), hook);
        self
    }

    /// Adds a barrier as [`App::barrier`] does, whose hook is called only if something before it
    /// failed. If it returns `Ok`, the boot goes on without what failed; if it fails, so does the
    /// boot.
    ///
    /// Of what stands before the barrier, what loads at the time of the failure is cancelled, what
    /// has not begun is skipped, and what has loaded stays, but for a plugin whose children failed,
    /// and what it brought: that is closed. The report keeps showing them, and a
    /// [restart](crate::Handle::restart) may load them later. A scope is a boundary of its own if it
    /// has a barrier of its own. A plugin that needs one that failed fails as well, unless the field
    /// is optional. A shutdown and the end of the time for the boot are nothing to recover from.
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
    /// app.register(plugin_fn("metrics", async |_| Ok(())));
    /// let app = app.recover(async |cx| {
    ///     eprintln!("going on without: {:?}", cx.errors());
    ///     Ok(())
    /// });
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn recover<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(BarrierContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.root()
            .add_barrier(BarrierKind::Recover, Location::caller(), hook);
        self
    }

    /// What becomes of plugins without dependents; without it they are loaded like the others.
    ///
    /// Unused is a plugin that provides states, none of which a field of another one asks for, and
    /// that does nothing else: it overrides neither `ready` nor `run`. A state that is supplied has
    /// a warning of its own. A plugin that [`App::expect`] names is not unused, nor is one to whose
    /// states a handle was taken from its registration, nor that of [`App::only`]. Of plugins that
    /// are implemented by hand the hooks are not known: they are never unused.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap::Unused;
    ///
    /// struct Cache;
    ///
    /// #[plugin(name = "cache", states = [Cache])]
    /// struct CachePlugin;
    ///
    /// impl Hooks for CachePlugin {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Cache> {
    ///         Ok(Cache)
    ///     }
    /// }
    ///
    /// let app = || App::new().with(CachePlugin);
    /// assert_eq!(app().plan()?.len(), 1);
    /// assert_eq!(app().unused(Unused::Warn).plan()?.warnings().len(), 1);
    /// assert!(app().unused(Unused::Deny).plan().is_err());
    ///
    /// let plan = app().unused(Unused::Skip).plan()?;
    /// assert!(plan.is_empty());
    /// assert_eq!(plan.skipped(), ["cache"]);
    /// # Ok::<(), bootstrap::error::PlanErrors>(())
    /// ```
    pub fn unused(self, policy: Unused) -> Self {
        with_registry(&self.registry, |registry| registry.unused(policy));
        self
    }
}

impl App {
    /// Disables every plugin of a type, registered or collected, in every scope: it is not part of the
    /// plan, and never loads. If no plugin of the app is of that type, that is a
    /// [`PlanWarning`](crate::plan::PlanWarning).
    ///
    /// [`Registration::enabled`](crate::Registration::enabled) disables one instance, and says what that
    /// means for others; a plugin disables itself with `#[plugin(enabled = ..)]`.
    ///
    /// # Examples
    ///
    /// ```standalone_crate
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin]
    /// struct Consumer;
    ///
    /// impl Hooks for Consumer {}
    ///
    /// # fn main() -> Result<(), bootstrap::error::PlanErrors> {
    /// let plan = App::collect().disable::<Consumer>("this process only serves").plan()?;
    /// assert!(plan.is_empty());
    /// assert_eq!(plan.disabled()[0].place.plugin, "consumer");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn disable<P: Plugin>(self, because: impl Into<String>) -> Self {
        let at = Location::caller();
        with_registry(&self.registry, |registry| {
            registry.disable(Identity::of::<P>(), &because.into(), at);
        });
        self
    }

    /// Gives the app its configuration: options with `#[option(config = "key")]` and sections
    /// ([`#[section]`](macro@crate::section)) are read from it. A second one takes the place of the first.
    ///
    /// It is read whenever the app is planned, which a boot begins with. Every fault in it is a
    /// [`Mistake`](crate::error::Mistake); nothing has run then. A part that restarts
    /// ([`Handle::restart`](crate::Handle::restart)) reads it anew; if there is a fault, nothing is
    /// closed.
    ///
    /// An option whose key is set has that value, also if code has given it another one. Without a
    /// configuration all have the values that code gives them, or their defaults.
    #[cfg(feature = "config")]
    pub fn configure(self, configuration: Configuration) -> Self {
        with_registry(&self.registry, |registry| registry.configure(configuration));
        self
    }
}
