//! Values from outside: what `App::supply` takes.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use crate::base::key::{AtPort, StateKey};
use crate::base::location::Location;
use crate::declare::context::LoadContext;
use crate::declare::descriptor::Descriptor;
use crate::declare::hooks::HookSet;
use crate::declare::inject::OneProviderPerState;
use crate::declare::plugin::Plugin;
use crate::declare::port::Port;
use crate::declare::state::State;
use crate::declare::states::States;
use crate::declare::value::StateValue;

/// A value that [`App::supply`](crate::App::supply) takes: a state, a state that the caller shares, or
/// what is provided at a port.
///
/// | value | fields that get it |
/// |---|---|
/// | `T`, with [`#[supplied]`](macro@crate::supplied), or a state of a plugin | `State<T>` |
/// | `State::from_arc(Arc<T>)` | `State<T>` |
/// | `Port::<dyn X>::from_arc(Arc<X>)` | `Port<dyn X>` |
#[diagnostic::on_unimplemented(
    message = "a value of the type `{Self}` can't be supplied",
    label = "not declared as a state that is supplied",
    note = "a value at a port is supplied as `Port::<dyn Trait>::from_arc(arc)`, and a shared state as `State::from_arc(arc)`",
    note = "help: write `#[supplied]` on the type"
)]
pub trait Supply {
    #[doc(hidden)]
    fn into_supplied(self) -> SuppliedValue;
}

/// A value from outside, without its type.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct SuppliedValue {
    key: StateKey,
    /// `None` for a handle that is not bound.
    value: Option<StateValue>,
}

#[diagnostic::do_not_recommend]
impl<T: OneProviderPerState> Supply for T {
    fn into_supplied(self) -> SuppliedValue {
        SuppliedValue {
            key: StateKey::of::<T>(),
            value: Some(StateValue::new(self)),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: OneProviderPerState> Supply for State<T> {
    fn into_supplied(self) -> SuppliedValue {
        SuppliedValue {
            key: StateKey::of::<T>(),
            value: State::to_arc(&self).map(StateValue::shared),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync + 'static> Supply for Port<T> {
    fn into_supplied(self) -> SuppliedValue {
        SuppliedValue {
            key: StateKey::port::<T>(),
            value: Port::to_arc(&self).map(StateValue::port),
        }
    }
}

impl<T> State<T> {
    /// Returns a handle to a value that the caller shares, for [`App::supply`](crate::App::supply).
    pub fn from_arc(value: Arc<T>) -> Self {
        State::bound(value)
    }
}

impl<T: ?Sized + Send + Sync + 'static> Port<T> {
    /// Returns a handle to a value that the caller shares, for [`App::supply`](crate::App::supply):
    /// `Port::<dyn Mailer>::from_arc(Arc::new(Fake))`.
    // No `From`, whose argument would not be coerced to the trait object.
    pub fn from_arc(value: Arc<T>) -> Self {
        Port::bound(Arc::new(AtPort::new(value)))
    }
}

/// A value from outside as a plugin.
pub(crate) struct Supplied {
    descriptor: Descriptor,
    value: Option<StateValue>,
}

impl Supplied {
    pub(crate) fn new(SuppliedValue { key, value }: SuppliedValue, location: Location) -> Self {
        let name = format!("supplied {key}");
        let descriptor = Descriptor::at(name.into(), location)
            .provides_key(key)
            .hooks(HookSet::NONE);
        #[cfg(feature = "testing")]
        let descriptor = descriptor.shared(value.as_ref().is_some_and(StateValue::is_shared));
        Self { descriptor, value }
    }
}

#[async_trait]
impl Plugin for Supplied {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        let value = self.value.clone();
        let value = value.context(
            "the handle that was supplied is not bound: supply a value, `State::from_arc(arc)` or \
             `Port::<dyn Trait>::from_arc(arc)`",
        )?;
        let mut states = States::new();
        states.push(value);
        Ok(states)
    }
}
