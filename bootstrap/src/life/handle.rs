//! `Handle`: what everybody may hold.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::base::location::Location;
use crate::base::log::log;
use crate::base::name::PluginName;
use crate::life::restart::{RestartError, Target};
use crate::life::state::{End, Life};
use crate::life::status::{ShutdownReason, Status};
use crate::report::{CloseError, Report, WAITS_FOR_ITSELF};

/// A handle to an app, for code that does not own it: cheap to clone, valid in every phase,
/// before boot and after the close as well.
///
/// # Examples
///
/// ```
/// use bootstrap::App;
/// use bootstrap::lifecycle::Status;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let app = App::new();
/// let handle = app.handle();
/// assert_eq!(handle.status(), Status::Configured);
///
/// let running = app.boot().await?;
/// assert_eq!(handle.status(), Status::Ready);
///
/// handle.shutdown();
/// running.wait().await;
/// running.close().await?;
/// assert_eq!(handle.status(), Status::Closed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    life: Arc<Life>,
}

impl Handle {
    pub(crate) fn new(life: Arc<Life>) -> Self {
        Self { life }
    }

    /// Asks the app to stop, and returns at once. Asking again changes nothing.
    ///
    /// An app that is running drains and closes. A boot that is under way is interrupted: what
    /// has loaded is closed, and `boot` returns an error that says so. Before boot, the request
    /// waits: `boot` returns that error without running any hook.
    pub fn shutdown(&self) {
        self.request(ShutdownReason::Requested);
    }

    pub(crate) fn request(&self, reason: ShutdownReason) {
        self.life.request_stop(reason);
    }

    /// Asks the app to stop and waits until it has closed. Every caller gets the same outcome,
    /// whenever it calls.
    ///
    /// Before boot this answers at once, and no hook will ever run.
    ///
    /// # Errors
    ///
    /// If a `run` task, a `drain` or a `close` hook failed; everything has closed all the same. In a
    /// hook or a task of the app itself, at once: the app is asked to stop, but a caller that waited for the
    /// end of it would wait for itself.
    ///
    /// # Cancel safety
    ///
    /// The app goes on closing when this future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// let running = bootstrap::App::new().boot().await?;
    /// let handle = running.handle();
    /// let (one, other) = tokio::join!(handle.close(), handle.close());
    /// assert!(one.is_ok() && other.is_ok());
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&self) -> Result<Report, CloseError> {
        self.life.end_unbooted();
        self.shutdown();
        if self.life.would_wait_for_itself() {
            return Err(CloseError::waits_for_itself(self.report()));
        }
        let End {
            report,
            close_error,
        } = self.life.ended().await;
        close_error.map_or(Ok(report), Err)
    }

    /// Waits until the app has closed, or its boot has failed and is rolled back.
    ///
    /// Does not ask for it. An app that is dropped without having booted counts as closed.
    ///
    /// In a hook of the app itself this waits until the time of the hook is up, and in a task of it
    /// until that is cancelled, because the app waits for those: the log says so. In a `select!`
    /// that is no harm.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future has no effect.
    pub async fn closed(&self) -> Report {
        if self.life.would_wait_for_itself() {
            log(|| {
                tracing::error!(
                    target: "bootstrap",
                    "[STOP007] {WAITS_FOR_ITSELF}: wait for it elsewhere, or for the wish to stop"
                );
            });
        }
        self.life.ended().await.report
    }

    /// Restarts a plugin, by its name: closes it and everything that depends on it, in reverse,
    /// and loads all of that again, in order, with states of its own. The rest of the app goes on.
    ///
    /// The part drains, its tasks end, and it closes as it would with the app; then it loads, is
    /// ready, and runs. Fields of the part are bound anew; [`Running::get`](crate::Running::get)
    /// and [`Registration::handle`](crate::Registration::handle) give the new states, and handles
    /// from before keep the old ones. Restarts wait for each other, and for the end of the boot.
    ///
    /// What goes wrong while closing is reported to [`App::on_error`](crate::App::on_error), and the
    /// restart goes on: also after a `close` that panicked, or that was cancelled because its time was
    /// up. Only a hook that was abandoned, because it blocks its thread, still holds its plugin. Such a
    /// plugin is built anew if it is collected; any other can't be loaded again before the hook has
    /// ended.
    ///
    /// Awaited in a hook, or in a task of the part itself, this would wait for itself, and is
    /// refused: spawn it elsewhere.
    ///
    /// # Errors
    ///
    /// If the app does not run, was asked to stop, has no such plugin, or a closure is part of what
    /// would load again; nothing is done then. If the part does not load again, the app stops, unless
    /// [`App::tolerate_failed_restarts`](crate::App::tolerate_failed_restarts) says otherwise.
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
    /// let running = App::new().with(SettingsPlugin).boot().await?;
    /// running.handle().restart("settings").await?; // prints it once more
    /// assert!(running.handle().restart("setings").await.is_err());
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn restart(&self, plugin: &str) -> Result<(), RestartError> {
        self.life.restart(Target::Name(plugin.to_owned())).await
    }

    /// How far the app is.
    pub fn status(&self) -> Status {
        self.life.status()
    }

    /// Every status from now on, as it comes: for what is told to a load balancer, or to the
    /// service manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::App;
    /// use bootstrap::lifecycle::Status;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// let app = App::new();
    /// let mut watch = app.handle().watch();
    /// let watching = tokio::spawn(async move {
    ///     let mut last = watch.status();
    ///     while let Some(status) = watch.changed().await {
    ///         last = status;
    ///     }
    ///     last
    /// });
    /// app.boot().await?.close().await?;
    /// assert_eq!(watching.await?, Status::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self) -> StatusWatch {
        StatusWatch {
            status: self.life.subscribe(),
        }
    }

    /// Reports an error that no hook returns, as one of `source`: it is logged and reaches
    /// [`App::on_error`](crate::App::on_error), and nothing stops because of it. For libraries that a
    /// plugin uses, and for tasks of their own.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let app = App::new().on_error(async |cx| {
    ///     println!("{}", cx.error());
    ///     Ok(())
    /// });
    /// let running = app.boot().await?;
    /// running.handle().report_error("kafka", anyhow::anyhow!("lost a partition"));
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn report_error(&self, source: impl Into<String>, error: impl Into<anyhow::Error>) {
        let source = PluginName::from(Arc::<str>::from(source.into()));
        self.life
            .report_error(source, Location::caller(), error.into());
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        self.life.report()
    }
}

/// Sees how far an app is, and waits for what comes next; from [`Handle::watch`].
#[derive(Clone)]
pub struct StatusWatch {
    status: watch::Receiver<Status>,
}

impl StatusWatch {
    /// How far the app is.
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// Waits until the status is another one than this watch has last seen, and returns it; `None`
    /// after the last.
    ///
    /// Of several changes that come between two calls only the last one is seen: statuses are
    /// where the app is, not a history.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future loses nothing.
    pub async fn changed(&mut self) -> Option<Status> {
        if matches!(self.status.has_changed(), Ok(false)) && self.status().is_final() {
            return None;
        }
        // Without an app there is nothing to wait for; what it was last may still be unseen.
        self.status.changed().await.ok()?;
        Some(*self.status.borrow_and_update())
    }
}

impl fmt::Debug for StatusWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StatusWatch").field(&self.status()).finish()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
