//! Closures as plugins.

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

/// Makes a plugin of a closure: a step of the boot without states, which runs once.
///
/// `name` is what messages call it.
///
/// # Examples
///
/// ```
/// use bootstrap::plugin_fn;
/// use bootstrap::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let migrate = app.register(plugin_fn("migrate", async |_| Ok(())));
/// app.register(plugin_fn("warm-up", async |_| Ok(()))).after(&migrate);
/// app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn plugin_fn<F, Fut>(name: impl Into<Cow<'static, str>>, load: F) -> PluginFn<F>
where
    F: FnOnce(LoadContext) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    PluginFn {
        descriptor: Descriptor::at(name.into(), Location::caller()).hooks(HookSet::NONE),
        load: Mutex::new(Some(load)),
    }
}

/// A plugin that is one closure; see [`plugin_fn`].
pub struct PluginFn<F> {
    descriptor: Descriptor,
    /// A closure is `Send` but rarely `Sync`; this lock is never contended.
    load: Mutex<Option<F>>,
}

impl<F> fmt::Debug for PluginFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginFn")
            .field("name", &self.descriptor.name())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<F, Fut> Plugin for PluginFn<F>
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

impl<F: 'static> sealed::Sealed for PluginFn<F> {}

impl<F: 'static> Contextual for PluginFn<F> {
    type Handles = ();

    fn handles_of(_: &States) -> Option<()> {
        Some(())
    }
}
