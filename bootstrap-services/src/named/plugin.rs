//! The plugin `services`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use bootstrap::lifecycle::Status;
use bootstrap::{Current, Handle, prelude::*};

use super::error::line;
use super::{Service, ServiceContext, Services};

/// Creates services by name, and drops them when the app closes.
///
/// The factories run in the `ready` hook of this plugin, when every plugin has loaded: one after the other, in the order
/// of their definitions, so that each one may use those before it. A plugin with a field `State<Services>` becomes ready
/// after them, and so do the hooks of [`App::on_ready`](bootstrap::App::on_ready).
///
/// An error or a panic of a factory fails the boot and names the service. Each factory has the limit of a `ready` hook
/// ([`App::load_timeout`](bootstrap::App::load_timeout)).
///
/// When the app stops, or its boot is rolled back, the values are dropped, the last one first: after the tasks of the
/// plugins that require [`Services`] have stopped, and before the first plugin closes. A drop that panics is an error of
/// the close, and so is one that blocks its thread for more than two seconds; the others are dropped all the same.
///
/// The values are created once: a restart of this plugin restarts its dependents and keeps the values.
///
/// The plugin is `collect = needed`: an app that collects has it, without any definition, if a field requires
/// [`Services`].
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::named::{Services, ServicesPlugin};
///
/// struct Smtp(&'static str);
/// struct Mailer(String);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let services = ServicesPlugin::default()
///     .define("smtp", async |_| Ok(Smtp("localhost:25")))
///     .define("mailer", async |cx| {
///         let smtp = cx.service::<Smtp>("smtp")?;
///         Ok(Mailer(format!("by {}", smtp.0)))
///     });
/// let running = App::new().with(services).boot().await?;
/// let services = running.try_get::<State<Services>>()?;
/// assert_eq!(services.try_get::<Mailer>("mailer")?.0, "by localhost:25");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "services", states = [Services], collect = needed)]
pub struct ServicesPlugin {
    /// In a lock because factories are not `Sync`.
    #[option(setter = false)]
    definitions: Mutex<Vec<Service>>,
    /// Made with the plugin and not by `load`, so that it survives a restart.
    #[option(setter = false)]
    services: Services,
}

impl ServicesPlugin {
    /// Defines a service: a value with a name, which `factory` creates.
    ///
    /// Two services with one name fail the boot.
    #[track_caller]
    pub fn define<T, F, Fut>(self, name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(ServiceContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.with(Service::define(name, factory))
    }

    /// Defines a service that its factory may leave out, by returning `None`: a lookup of it returns
    /// [`ServiceError::Disabled`](super::ServiceError::Disabled).
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap_services::named::{ServiceError, Services, ServicesPlugin};
    ///
    /// #[derive(Debug)]
    /// struct Mailer(String);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let services = ServicesPlugin::default()
    ///     .define_if("mailer", async |_| Ok(std::env::var("SMTP_HOST_OF_TEST").ok().map(Mailer)));
    /// let running = App::new().with(services).boot().await?;
    /// let services = running.try_get::<State<Services>>()?;
    /// let error = services.try_get::<Mailer>("mailer").unwrap_err();
    /// assert!(matches!(error, ServiceError::Disabled { .. }));
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn define_if<T, F, Fut>(self, name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(ServiceContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<T>>> + Send + 'static,
    {
        self.with(Service::define_if(name, factory))
    }

    /// Adds a service that was defined elsewhere.
    pub fn with(mut self, service: Service) -> Self {
        let definitions = self.definitions.get_mut();
        definitions
            .unwrap_or_else(PoisonError::into_inner)
            .push(service);
        self
    }
}

impl Hooks for ServicesPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Services> {
        let definitions = self.definitions.get_mut();
        let definitions = definitions.unwrap_or_else(PoisonError::into_inner);
        check_names(definitions)?;
        for service in definitions {
            self.services.expect(service.key());
        }
        // A task, because all tasks end before the first plugin closes, also if the boot fails.
        let services = self.services.clone();
        cx.spawn("values", async move |cx| {
            // Made here: an app without tasks drops this closure, and keeps the values.
            let unclosed = Unclosed(Some(services));
            cx.stopped().await;
            let services = unclosed.into_inner();
            if ends(&cx.handle()) {
                services.release(|text| cx.progress(text)).await?;
            }
            Ok(())
        });
        Ok(self.services.clone())
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        let definitions = self.definitions.lock();
        let definitions = std::mem::take(&mut *definitions.unwrap_or_else(PoisonError::into_inner));
        for service in definitions {
            // It starts the limit again: that is the limit of each factory.
            cx.progress(format!("creating the service `{}`", line(service.name())));
            let context = ServiceContext::new(self.services.clone(), Current::try_current()?);
            service.create(context).await?;
        }
        Ok(())
    }

    /// Drops what the task did not: the time for closing was up, or the app runs without tasks.
    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        if ends(&cx.handle()) {
            self.services.release(|text| cx.progress(text)).await?;
        }
        Ok(())
    }
}

/// Drops the values with its task, if the runtime goes away without a close: a value that keeps its context holds the
/// services that hold it.
struct Unclosed(Option<Services>);

impl Unclosed {
    fn into_inner(mut self) -> Services {
        self.0.take().unwrap_or_default()
    }
}

impl Drop for Unclosed {
    fn drop(&mut self) {
        if let Some(services) = &self.0 {
            services.release_now();
        }
    }
}

impl fmt::Debug for ServicesPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServicesPlugin").finish_non_exhaustive()
    }
}

/// Whether the app as a whole closes, and not only a part of it, to be loaded again.
fn ends(app: &Handle) -> bool {
    !matches!(app.status(), Status::Booting | Status::Ready)
}

fn check_names(definitions: &[Service]) -> Result<()> {
    let mut places = BTreeMap::new();
    for service in definitions {
        if let Some(first) = places.insert(service.name(), service.location()) {
            anyhow::bail!(
                "two services are called `{}` ({first}, {}): rename one of them, or remove it",
                line(service.name()),
                service.location(),
            );
        }
    }
    Ok(())
}
