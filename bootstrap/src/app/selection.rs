//! Which part of what is linked an app holds.

use std::sync::Arc;

use crate::declare::{IntoPlugin, Plugin};

/// What [`App::only`](crate::App::only) takes: a plugin, or names of plugins in an array.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a plugin nor a list of names",
    label = "can't be the part of an app",
    note = "help: `App::only(Api::default())`, or `App::only([\"api\"])`"
)]
pub trait Selection {
    #[doc(hidden)]
    fn into_selected(self) -> Selected;
}

/// The part of an app.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub enum Selected {
    Plugin(Arc<dyn Plugin>),
    Names(Vec<&'static str>),
}

#[diagnostic::do_not_recommend]
impl<P: IntoPlugin> Selection for P {
    fn into_selected(self) -> Selected {
        Selected::Plugin(self.into_plugin())
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> Selection for [&'static str; N] {
    fn into_selected(self) -> Selected {
        Selected::Names(self.to_vec())
    }
}
