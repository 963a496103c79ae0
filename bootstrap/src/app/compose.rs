//! What an app is composed of besides single plugins.

use std::borrow::Cow;

use crate::app::builder::App;
use crate::app::scope::Scope;

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
}
