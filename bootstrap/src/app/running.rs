//! `Running`: an app that has booted.

use std::fmt;
use std::sync::Arc;

use crate::base::log::log;
use crate::collect::Registration;
use crate::declare::{Current, Home, LookupFrom, looks_up};
use crate::life::{Handle, RestartError, ShutdownReason, Status};
use crate::live::Nodes;
use crate::plan::Plan;
use crate::report::{CloseError, Report};
use crate::request::RequestScope;

/// An app that has booted: everything has loaded and is ready.
///
/// Close it with [`Running::close`], before the runtime ends. One that is dropped instead closes in the background as far
/// as the runtime lives long enough, with a warning in the log.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let running = bootstrap::App::new().boot().await?;
/// let report = running.close().await?;
/// assert!(report.boot.is_some() && report.close.is_some());
/// # Ok(())
/// # }
/// ```
#[must_use = "an app that is dropped closes in the background: keep it, and call `close`"]
pub struct Running {
    nodes: Arc<Nodes>,
    current: Current,
}

impl Running {
    pub(super) fn new(nodes: Arc<Nodes>) -> Self {
        let current = Current::app(Arc::clone(&nodes) as Arc<dyn Home>);
        Self { nodes, current }
    }

    /// Waits until the app has to stop, and returns why: a call of [`Handle::shutdown`] or
    /// [`Handle::close`], the `run` task of a plugin failed, the runtime is being shut down; under
    /// [`App::run`](crate::App::run) also a signal.
    ///
    /// Returns at once if that has happened already. The app begins to close by itself then;
    /// [`Running::close`] waits for the end of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future has no effect.
    pub async fn wait(&self) -> ShutdownReason {
        self.nodes.life.stop_token().cancelled().await;
        self.nodes.life.reason()
    }

    /// Drains and closes everything in reverse, and waits for the end of it.
    ///
    /// # Errors
    ///
    /// If a `run` task, a `drain` or a `close` hook failed, now or before: with all the errors.
    /// Everything else has closed all the same.
    ///
    /// # Cancel safety
    ///
    /// The app goes on closing when this future is dropped.
    pub async fn close(self) -> Result<Report, CloseError> {
        let handle = self.handle();
        // Asked for before the drop of `self` can warn about it.
        handle.shutdown();
        drop(self);
        handle.close().await
    }

    /// The app as [`Current::current`] finds it in code that has entered it: to enter it, outside of
    /// its hooks.
    pub fn current(&self) -> Current {
        self.current.clone()
    }

    /// Opens a request scope: for the values of one request, one job, one message. Cheap: one
    /// allocation.
    ///
    /// (A [`Scope`](crate::Scope) is something else: a part of an app that is put together.)
    pub fn request_scope(&self) -> RequestScope {
        self.current.request_scope()
    }

    /// Restarts a plugin and everything that depends on it; see [`Handle::restart`].
    ///
    /// # Errors
    ///
    /// As with [`Handle::restart`].
    ///
    /// # Cancel safety
    ///
    /// A restart that has begun goes on when this future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// struct Settings;
    ///
    /// #[plugin(name = "settings", states = [Settings])]
    /// struct SettingsPlugin;
    ///
    /// impl Hooks for SettingsPlugin {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Settings> {
    ///         println!("reading the settings");
    ///         Ok(Settings)
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let mut app = App::new();
    /// let settings = app.register(SettingsPlugin);
    /// let running = app.boot().await?;
    /// running.restart(&settings).await?; // prints it once more
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn restart<P: ?Sized>(
        &self,
        registration: &Registration<P>,
    ) -> Result<(), RestartError> {
        let home = Arc::as_ptr(&self.nodes).cast::<()>();
        let target = registration.target_in(home);
        self.nodes.life.restart(target).await
    }

    fn from(&self) -> LookupFrom<'_> {
        LookupFrom::new(&*self.nodes, None)
    }

    /// A handle to the app, for code that does not own it.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.nodes.life))
    }

    /// How far the app is.
    pub fn status(&self) -> Status {
        self.nodes.life.status()
    }

    /// The plan that the app was booted by.
    pub fn plan(&self) -> &Plan {
        &self.nodes.plan
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        self.nodes.report()
    }
}

looks_up!(impl Running);

impl Drop for Running {
    fn drop(&mut self) {
        if !self.nodes.life.is_stopping() {
            log(|| {
                tracing::warn!(
                    target: "bootstrap",
                    "a running app was dropped without `close`: it closes in the background"
                );
            });
            self.nodes.life.request_stop(ShutdownReason::Dropped);
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("status", &self.status())
            .field("plan", &self.nodes.plan)
            .finish_non_exhaustive()
    }
}
