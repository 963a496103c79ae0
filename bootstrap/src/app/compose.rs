//! What an app is composed of besides single plugins.

use std::borrow::Cow;

use crate::app::builder::App;
use crate::app::scope::Scope;
use crate::collect::{Unused, with_registry};

impl App {
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
    /// `collect = false`.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// let report = app.scope("admin", |admin| {
    ///     let users = admin.scope("users", |users| {
    ///         users.register_fn("import", async |_| Ok(()))
    ///     });
    ///     admin.register_fn("report", async |_| Ok(())).after(&users)
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
        name: impl Into<Cow<'static, str>>,
        build: impl FnOnce(&mut Scope<'_>) -> R,
    ) -> R {
        self.root().scope(name, build)
    }

    /// What becomes of plugins that nobody needs; without it they are loaded like the others.
    ///
    /// Unused is a plugin that provides states, none of which a field of another one asks for, and
    /// that does nothing else: it overrides neither `ready` nor `run`. A state that is supplied has
    /// a warning of its own. A plugin that [`App::expect`] names is not unused, nor is one to whose
    /// states a handle was taken from its registration, nor that of [`App::only`]. Of plugins that
    /// are implemented by hand nobody knows which hooks they have: they are never unused.
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
    /// # Ok::<(), bootstrap::PlanErrors>(())
    /// ```
    pub fn unused(self, policy: Unused) -> Self {
        with_registry(&self.registry, |registry| registry.unused(policy));
        self
    }
}
