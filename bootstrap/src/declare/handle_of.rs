//! Which handles a registration can give.

use crate::declare::inject::{Provides, ProvidesPort};
use crate::declare::lazy::Handle;
use crate::declare::port::Port;
use crate::declare::state::State;

/// A handle that a registration of `P` can give: a [`State`] of one of its states, a [`Port`] of one
/// of its ports.
#[diagnostic::on_unimplemented(
    message = "the plugin `{P}` does not provide what `{Self}` needs",
    label = "not one of its states or ports",
    note = "help: take the handle from the registration of the plugin that lists it in `states` or `ports`"
)]
pub trait HandleOf<P: ?Sized>: Handle {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static, P: ?Sized + Provides<T>> HandleOf<P> for State<T> {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + 'static, P: ?Sized + ProvidesPort<T>> HandleOf<P> for Port<T> {}
