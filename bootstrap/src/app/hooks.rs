//! The hooks of the app itself, as the user adds them.

use std::future::Future;

use anyhow::Result;

use crate::app::builder::App;
use crate::base::location::Location;
use crate::declare::{AppContext, AppHook, ErrorContext};

impl App {
    /// Adds a hook that runs once every plugin has loaded, before any is ready: the report that
    /// it sees holds every load. Otherwise as [`App::on_ready`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let app = App::new().on_loaded(async |cx| {
    ///     println!("{}", cx.report());
    ///     Ok(())
    /// });
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn on_loaded<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks
            .on_loaded
            .push(AppHook::new(hook, Location::caller()));
        self
    }

    /// Adds a hook that runs once every plugin is ready, before those of [`App::on_start`].
    /// Plugins add theirs with [`LoadContext::on_ready`](crate::LoadContext::on_ready), behind
    /// those of the app.
    ///
    /// Several run one after the other, in the order in which they were added. The first one that
    /// fails, panics or takes longer than [`App::load_timeout`] says keeps the others from
    /// running, and fails the boot, which closes what had loaded. A hook whose failure shall not
    /// do that catches it inside:
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # async fn warm_up() -> Result<()> { anyhow::bail!("no connection") }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let app = App::new().on_ready(async |_| {
    ///     if let Err(error) = warm_up().await {
    ///         eprintln!("cold cache: {error}");
    ///     }
    ///     Ok(())
    /// });
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn on_ready<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks
            .on_ready
            .push(AppHook::new(hook, Location::caller()));
        self
    }

    /// Adds a hook that runs once everything is ready, as the last of all, before `boot` returns:
    /// the app has started, and its status is [`Ready`](crate::lifecycle::Status::Ready). Otherwise as
    /// [`App::on_ready`].
    ///
    /// A hook that fails still fails the boot, unless a request to stop came first. A request to stop (a signal, or
    /// [`Handle::shutdown`](crate::Handle::shutdown)) that comes now closes an app that has started:
    /// the hook that runs is cancelled, the others do not run, no `run` hook begins, and `boot` returns
    /// the app, which closes as ever. The exit code is then that of the close.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let app = App::new().on_start(async |cx| {
    ///     println!("{}", cx.report());
    ///     Ok(())
    /// });
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn on_start<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks
            .on_start
            .push(AppHook::new(hook, Location::caller()));
        self
    }

    /// Adds a hook that runs when a booted app closes: after the plugins have drained and their
    /// tasks have ended, before the first of them closes. Several run one after the other, the
    /// one that was added last first. One that fails is part of the error, and stops nothing.
    #[track_caller]
    pub fn on_close<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks
            .on_close
            .push(AppHook::new(hook, Location::caller()));
        self
    }

    /// Adds a hook that hears of every error: of a hook that fails the boot, of a background task
    /// also if the app goes on, of everything that goes wrong while closing. For a service that
    /// tracks errors, or a counter.
    ///
    /// It may be called for several errors at a time, and changes nothing about what becomes of
    /// them. What it does wrong itself is logged. Each call may take as long as
    /// [`App::close_timeout`] says; the end of the close waits a moment for those that are not done.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::plugin_fn;
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut app = App::new().on_error(async |cx| {
    ///     eprintln!("{}", cx.error());
    ///     Ok(())
    /// });
    /// app.register(plugin_fn("cache", async |_| anyhow::bail!("connection refused")));
    /// assert!(app.boot().await.is_err());
    /// # }
    /// ```
    pub fn on_error<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(ErrorContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.on_error.add(hook);
        self
    }
}
