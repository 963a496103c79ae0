//! What can be registered: plugins, closures, and plugins that are made from states.

use std::sync::Arc;

use crate::declare::hooks::Hooks;
use crate::declare::plugin::Plugin;
use crate::declare::with::{Handles, PluginWith, With};

/// What `register` and `with` take: a plugin, a [`plugin_fn`](crate::plugin_fn), a
/// [`plugin_with`](crate::plugin_with), or a `Box<dyn Plugin>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "this can't be registered",
    note = "a plugin is a struct with `#[plugin]` and an `impl Hooks for {Self}`, one of which is missing; or a type that implements `Plugin` by hand"
)]
pub trait IntoPlugin {
    /// The plugin, as handles are taken from its registration.
    type Plugin: ?Sized;

    #[doc(hidden)]
    fn into_plugin(self) -> Arc<dyn Plugin>;
}

#[diagnostic::do_not_recommend]
impl<P: Plugin> IntoPlugin for P {
    type Plugin = P;

    fn into_plugin(self) -> Arc<dyn Plugin> {
        Arc::new(self)
    }
}

/// For plugins that are chosen at run time.
#[diagnostic::do_not_recommend]
impl IntoPlugin for Box<dyn Plugin> {
    type Plugin = dyn Plugin;

    fn into_plugin(self) -> Arc<dyn Plugin> {
        Arc::from(self)
    }
}

#[diagnostic::do_not_recommend]
impl<P, H, F> IntoPlugin for PluginWith<P, H, F>
where
    P: Hooks + Send + Sync,
    H: Handles,
    F: Fn(H) -> P + Send + Sync + 'static,
{
    type Plugin = P;

    fn into_plugin(self) -> Arc<dyn Plugin> {
        Arc::new(With::new(self))
    }
}
