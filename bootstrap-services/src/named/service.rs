//! The definition of a service: its name and its factory.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use anyhow::{Context as _, Result, anyhow};
use bootstrap::plan::Location;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::ServiceContext;
use super::error::line;
use super::services::{Value, panic_message};

type Factory = Box<dyn FnOnce(ServiceContext) -> BoxFuture<'static, Result<()>> + Send>;

/// The definition of a service as a value: for a crate that offers a service, which
/// [`ServicesPlugin::with`](super::ServicesPlugin::with) adds to an app.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::named::{Service, Services, ServicesPlugin};
///
/// struct Mailer(&'static str);
///
/// fn mailer() -> Service {
///     Service::define("mailer", async |_| Ok(Mailer("smtp.example")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ServicesPlugin::default().with(mailer()));
/// let running = app.boot().await?;
/// let services = running.try_get::<State<Services>>()?;
/// assert_eq!(services.try_get::<Mailer>("mailer")?.0, "smtp.example");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a definition does nothing until a plugin has it: call `ServicesPlugin::with`"]
pub struct Service {
    name: Cow<'static, str>,
    at: Location,
    /// Calls the factory, and keeps what it returns.
    factory: Factory,
}

impl Service {
    /// Defines a service that `factory` creates; see
    /// [`ServicesPlugin::define`](super::ServicesPlugin::define).
    #[track_caller]
    pub fn define<T, F, Fut>(name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(ServiceContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let factory = |cx| async { factory(cx).await.map(Some) };
        Self::at(name.into(), Location::caller(), factory)
    }

    /// Defines a service that is disabled if `factory` returns `None`; see
    /// [`ServicesPlugin::define_if`](super::ServicesPlugin::define_if).
    #[track_caller]
    pub fn define_if<T, F, Fut>(name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(ServiceContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<T>>> + Send + 'static,
    {
        Self::at(name.into(), Location::caller(), factory)
    }

    fn at<T, F, Fut>(name: Cow<'static, str>, at: Location, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(ServiceContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<T>>> + Send + 'static,
    {
        let key = name.clone();
        let create = |cx: ServiceContext| async move {
            let services = cx.services().clone();
            let value = factory(cx).await?.map(Value::new);
            // A value that was set earlier is replaced. It is user code that drops it.
            drop(services.put(key, value)?);
            Ok(())
        };
        Self {
            name,
            at,
            factory: Box::new(|cx| create(cx).boxed()),
        }
    }

    /// Returns the name of the service.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn key(&self) -> &Cow<'static, str> {
        &self.name
    }

    pub(super) fn location(&self) -> Location {
        self.at
    }

    /// Runs the factory. A panic is an error, so that the error names the service.
    pub(super) async fn create(self, cx: ServiceContext) -> Result<()> {
        let Self { name, at, factory } = self;
        let created = AssertUnwindSafe(async { factory(cx).await });
        let created = created.catch_unwind().await;
        created
            .unwrap_or_else(|panic| Err(anyhow!("panicked: {}", panic_message(&*panic))))
            .with_context(|| format!("service `{}` ({at})", line(&name)))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
