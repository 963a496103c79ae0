//! `Plugin`: the object-safe form in which the runtime holds every plugin.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;

use crate::declare::context::{CloseContext, DrainContext, LoadContext, ReadyContext, RunContext};
use crate::declare::declaration::Identity;
use crate::declare::descriptor::Descriptor;
use crate::declare::field::Fields;
use crate::declare::hooks::{Declare, HookSet, Hooks};
use crate::declare::outside::Outside;
#[cfg(feature = "config")]
use crate::declare::setting::configure;
use crate::declare::states::States;

/// A plugin, as the runtime sees it.
///
/// Every struct with `#[plugin]` and an [`impl Hooks`](Hooks) is one. Implement it by hand for
/// plugins whose name, requirements or states are only known at run time; mark the implementation
/// with `#[bootstrap::extend::async_trait]`. See [`Hooks`] for what each hook is for and when it runs.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::extend::{Descriptor, Fields, Plugin, States};
///
/// #[supplied]
/// struct Input(u32);
/// struct Output(u32);
///
/// /// One step of a pipeline that was read from a file.
/// struct Double {
///     input: State<Input>,
/// }
///
/// #[bootstrap::extend::async_trait]
/// impl Plugin for Double {
///     fn descriptor(&self) -> Descriptor {
///         Descriptor::new("double").provides::<Output>()
///     }
///
///     fn fields(&mut self, fields: &mut Fields<'_>) {
///         fields.field("input", &mut self.input);
///     }
///
///     async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
///         Ok(States::new().with(Output(self.input.0 * 2)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().supply(Input(21)).with(Double { input: State::unbound() });
/// let running = app.boot().await?;
/// assert_eq!(running.try_get::<State<Output>>()?.0, 42);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "this can't be registered",
    note = "a plugin is a struct with `#[plugin]` and an `impl Hooks for {Self}`, one of which is missing; or a type that implements `Plugin` by hand"
)]
#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    /// What the plugin is called and what it provides. Asked once, when it is registered.
    fn descriptor(&self) -> Descriptor;

    /// Shows the fields that are requirements, the same ones in the same order every time.
    fn fields(&mut self, fields: &mut Fields<'_>) {
        let _ = fields;
    }

    /// Makes the states that the descriptor promised.
    ///
    /// # Errors
    ///
    /// An error fails the boot.
    async fn load(&mut self, cx: &mut LoadContext) -> Result<States>;

    /// Runs once every plugin has loaded.
    ///
    /// # Errors
    ///
    /// An error fails the boot.
    async fn ready(&self, cx: &ReadyContext) -> Result<()> {
        let _ = cx;
        Ok(())
    }

    /// The plugin's background task.
    ///
    /// # Errors
    ///
    /// An error shuts the app down.
    async fn run(&self, cx: &RunContext) -> Result<()> {
        let _ = cx;
        Ok(())
    }

    /// Takes no more work and finishes what is there.
    ///
    /// # Errors
    ///
    /// An error is reported and keeps nothing from closing.
    async fn drain(&self, cx: &DrainContext) -> Result<()> {
        let _ = cx;
        Ok(())
    }

    /// Releases what `load` acquired.
    ///
    /// # Errors
    ///
    /// An error is reported and keeps nothing else from closing.
    async fn close(&self, cx: &CloseContext) -> Result<()> {
        let _ = cx;
        Ok(())
    }

    /// Adds what the plugin itself is at ports, once it has loaded.
    #[doc(hidden)]
    fn own_ports(self: Arc<Self>, states: States) -> States {
        states
    }

    /// Fills the options that are read from the configuration.
    #[doc(hidden)]
    fn configure(&mut self, outside: &Outside, prefix: Option<&str>) -> Result<()> {
        let _ = (outside, prefix);
        Ok(())
    }

    /// Forgets what an earlier `load` left in the plugin's own memory, before another.
    #[doc(hidden)]
    fn reset(&mut self) {}

    /// Whether it can be loaded only once.
    #[doc(hidden)]
    fn is_once(&self) -> bool {
        false
    }

    /// Tells two plugins with one name from two instances of one plugin.
    #[doc(hidden)]
    fn identity(&self) -> Identity {
        Identity::of::<Self>()
    }
}

/// What `#[async_trait]` makes of the future of a hook.
type HookFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// The future of a hook that its plugin does not override. It is compiled once for all plugins,
/// which is why the hooks below are written without `async`.
fn not_overridden<'a>() -> HookFuture<'a> {
    Box::pin(std::future::ready(Ok(())))
}

#[diagnostic::do_not_recommend]
#[async_trait]
impl<P: Hooks + Send + Sync> Plugin for P {
    fn descriptor(&self) -> Descriptor {
        Descriptor::declared(P::DECLARATION)
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        for requirement in P::DECLARATION.requirements() {
            if let Some(field) = requirement.handle(self) {
                fields.show(requirement.field, field);
            }
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        Hooks::load(self, cx).await.map(P::pack)
    }

    fn ready<'plugin, 'context, 'async_trait>(
        &'plugin self,
        cx: &'context ReadyContext,
    ) -> HookFuture<'async_trait>
    where
        'plugin: 'async_trait,
        'context: 'async_trait,
        Self: 'async_trait,
    {
        if const { HookSet::of::<P>().ready } {
            Box::pin(async move { Hooks::ready(self, &cx.typed::<P>()).await })
        } else {
            not_overridden()
        }
    }

    fn run<'plugin, 'context, 'async_trait>(
        &'plugin self,
        cx: &'context RunContext,
    ) -> HookFuture<'async_trait>
    where
        'plugin: 'async_trait,
        'context: 'async_trait,
        Self: 'async_trait,
    {
        if const { HookSet::of::<P>().run } {
            Box::pin(async move { Hooks::run(self, &cx.typed::<P>()).await })
        } else {
            not_overridden()
        }
    }

    fn drain<'plugin, 'context, 'async_trait>(
        &'plugin self,
        cx: &'context DrainContext,
    ) -> HookFuture<'async_trait>
    where
        'plugin: 'async_trait,
        'context: 'async_trait,
        Self: 'async_trait,
    {
        if const { HookSet::of::<P>().drain } {
            Box::pin(async move { Hooks::drain(self, &cx.typed::<P>()).await })
        } else {
            not_overridden()
        }
    }

    fn close<'plugin, 'context, 'async_trait>(
        &'plugin self,
        cx: &'context CloseContext,
    ) -> HookFuture<'async_trait>
    where
        'plugin: 'async_trait,
        'context: 'async_trait,
        Self: 'async_trait,
    {
        if const { HookSet::of::<P>().close } {
            Box::pin(async move { Hooks::close(self, &cx.typed::<P>()).await })
        } else {
            not_overridden()
        }
    }

    fn own_ports(self: Arc<Self>, states: States) -> States {
        P::own_ports(&self, states)
    }

    #[cfg(feature = "config")]
    fn configure(&mut self, outside: &Outside, prefix: Option<&str>) -> Result<()> {
        configure(self, P::DECLARATION, outside, prefix)
    }

    fn reset(&mut self) {
        Declare::reset(self);
    }
}
