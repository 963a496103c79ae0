//! Closures and values as plugins.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use crate::base::location::Location;
use crate::declare::context::{Contextual, LoadContext, sealed};
use crate::declare::descriptor::Descriptor;
use crate::declare::hooks::HookSet;
use crate::declare::plugin::Plugin;
use crate::declare::states::States;
use crate::declare::value::StateValue;

/// A plugin that is one closure, made by [`App::register_fn`](crate::App::register_fn).
pub struct FnPlugin<F> {
    descriptor: Descriptor,
    /// A closure is `Send` but rarely `Sync`; nobody ever waits for this lock.
    load: Mutex<Option<F>>,
}

impl<F> FnPlugin<F> {
    pub(crate) fn new(name: Cow<'static, str>, location: Location, load: F) -> Self {
        Self {
            descriptor: Descriptor::at(name, location).hooks(HookSet::NONE),
            load: Mutex::new(Some(load)),
        }
    }
}

impl<F> fmt::Debug for FnPlugin<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnPlugin")
            .field("name", &self.descriptor.name())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<F, Fut> Plugin for FnPlugin<F>
where
    F: FnOnce(LoadContext) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    fn is_once(&self) -> bool {
        true
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        let load = self
            .load
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .context("a closure can be loaded only once")?;
        load(cx.clone()).await?;
        Ok(States::new())
    }
}

impl<F: 'static> sealed::Sealed for FnPlugin<F> {}

impl<F: 'static> Contextual for FnPlugin<F> {
    type Handles = ();

    fn handles_of(_: &States) -> Option<()> {
        Some(())
    }
}

/// A value from outside as a plugin, made by [`App::supply`](crate::App::supply).
pub(crate) struct Supplied {
    descriptor: Descriptor,
    value: StateValue,
}

impl Supplied {
    pub(crate) fn new(value: StateValue, location: Location) -> Self {
        let name = format!("supplied {}", value.key());
        let descriptor = Descriptor::at(name.into(), location)
            .provides_key(value.key())
            .hooks(HookSet::NONE);
        #[cfg(feature = "testing")]
        let descriptor = descriptor.shared(value.is_shared());
        Self { descriptor, value }
    }
}

#[async_trait]
impl Plugin for Supplied {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        let mut states = States::new();
        states.push(self.value.clone());
        Ok(states)
    }
}

/// Declares states that `main` supplies, where their types are declared.
///
/// Plugins may then have fields `State<Settings>` although no plugin provides `Settings`; an app
/// that needs it and was not given one by [`App::supply`](crate::App::supply) does not plan.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Settings {
///     pub listen: String,
/// }
/// bootstrap::supplied!(Settings);
///
/// #[plugin]
/// struct Server {
///     settings: State<Settings>,
/// }
///
/// impl Hooks for Server {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.settings.listen, "0.0.0.0:80");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let settings = Settings { listen: "0.0.0.0:80".into() };
/// let running = App::new().with(Server::default()).supply(settings).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! supplied {
    ($($state:ty),+ $(,)?) => {$(
        impl $crate::__private::OnlyOnePluginMayProvide for $state {
            const PROVIDER: $crate::__private::Provider = $crate::__private::Provider::Supplied(
                $crate::Location::new(
                    ::core::file!(),
                    ::core::line!(),
                    ::core::column!(),
                ),
            );
        }
    )+};
}
