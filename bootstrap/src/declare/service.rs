//! Services: values with a name that factories make once every plugin has loaded.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use anyhow::Result;

use crate::base::location::Location;
use crate::declare::app_context::AppContext;
use crate::declare::app_hook::AppHook;
use crate::declare::value::StateValue;

/// A service as a value: its name, and what makes it. Register it with
/// [`App::with_service`](crate::App::with_service).
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::service::Service;
///
/// struct Mailer(&'static str);
///
/// fn mailer() -> Service {
///     Service::define("mailer", async |_| Ok(Mailer("smtp.example.org")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with_service(mailer()).boot().await?;
/// assert_eq!(running.service::<Mailer>("mailer")?.0, "smtp.example.org");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a service does nothing until an app has it: call `App::with_service`"]
pub struct Service {
    name: Cow<'static, str>,
    /// Calls the factory, and keeps what it makes.
    start: AppHook,
}

impl Service {
    /// A service that `factory` makes; see [`App::service`](crate::App::service).
    #[track_caller]
    pub fn define<T, F, Fut>(name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let factory = move |cx| async move { factory(cx).await.map(Some) };
        Self::at(name.into(), Location::caller(), factory)
    }

    /// A service that is disabled if `factory` answers `None`; see
    /// [`App::service_if`](crate::App::service_if).
    #[track_caller]
    pub fn define_if<T, F, Fut>(name: impl Into<Cow<'static, str>>, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<T>>> + Send + 'static,
    {
        Self::at(name.into(), Location::caller(), factory)
    }

    fn at<T, F, Fut>(name: Cow<'static, str>, at: Location, factory: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<T>>> + Send + 'static,
    {
        let key = name.clone();
        let start = move |cx: AppContext| async move {
            let made = factory(cx.clone()).await?;
            let before = cx.home().put_service(key, made.map(StateValue::new), at)?;
            // A value that was set earlier: the factory has the last word.
            drop(before);
            Ok(())
        };
        Self {
            name,
            start: AppHook::new(start, at),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn key(&self) -> Cow<'static, str> {
        self.name.clone()
    }

    pub(crate) fn location(&self) -> Location {
        self.start.at()
    }

    pub(crate) fn into_start(self) -> AppHook {
        self.start
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("at", &self.location())
            .finish_non_exhaustive()
    }
}
