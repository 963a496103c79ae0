//! The hooks of the app itself, as the user adds them.

use std::borrow::Cow;
use std::future::Future;

use anyhow::Result;

use crate::app::builder::App;
use crate::base::location::Location;
use crate::declare::{AppContext, AppHook, ErrorContext, Service};

impl App {
    /// Adds a hook that runs once every plugin has loaded, before any is ready: the report that
    /// it sees holds every load. Services start after it. Otherwise as [`App::on_ready`].
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

    /// Adds a service: a value with a name, which `factory` makes once every plugin has loaded and
    /// the hooks [`App::on_loaded`] have run, before anything is ready.
    ///
    /// Services start one after the other, in the order of their registration, so that a factory
    /// may use those that were registered earlier. What is a component of its own, with states,
    /// `run` or `close`, is better a plugin; a service is for what has to be found by a name, or
    /// may be set at run time. Every context after `load` reads it, by `cx.service::<T>(name)`, and
    /// [`Running::service`](crate::Running::service).
    ///
    /// A factory that fails, panics or takes longer than [`App::load_timeout`] says fails the boot,
    /// which closes what had loaded. When the app closes, its services are dropped, the last one
    /// first: after the hooks [`App::on_close`], before the first plugin closes. A restart of a
    /// part leaves them alone. A value that was set under the name of a service before it starts
    /// is replaced by what the factory makes.
    ///
    /// Two services with one name are a mistake that [`App::plan`] finds.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// struct Smtp(&'static str);
    /// struct Mailer(String);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let app = App::new()
    ///     .service("smtp", async |_| Ok(Smtp("localhost:25")))
    ///     .service("mailer", async |cx| {
    ///         let smtp = cx.service::<Smtp>("smtp")?;
    ///         Ok(Mailer(format!("by {}", smtp.0)))
    ///     });
    /// let running = app.boot().await?;
    /// assert_eq!(running.service::<Mailer>("mailer")?.0, "by localhost:25");
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn service<T, F, Fut>(self, name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.with_service(Service::define(name, factory))
    }

    /// Adds a service that its factory may leave out, by returning `None`: a look-up of it
    /// then reports that it is disabled. Otherwise as [`App::service`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// use bootstrap::service::ServiceError;
    ///
    /// struct Mailer(String);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let app = App::new().service_if("mailer", async |_| {
    ///     let host = std::env::var("NO_SUCH_SMTP_HOST").ok();
    ///     Ok(host.map(Mailer))
    /// });
    /// let running = app.boot().await?;
    /// let error = running.service::<Mailer>("mailer").err();
    /// assert!(matches!(error, Some(ServiceError::Disabled { .. })));
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn service_if<T, F, Fut>(self, name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<T>>> + Send + 'static,
    {
        self.with_service(Service::define_if(name, factory))
    }

    /// Adds a service that was defined elsewhere; see [`Service`] and [`App::service`].
    pub fn with_service(mut self, service: Service) -> Self {
        self.hooks.services.push(service);
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
