//! Which types may be states, and which a plugin's fields.

use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::declare::asks::Asks;
use crate::declare::declaration::{Need, Provider, Requirement};
use crate::declare::field::{Bind, Field};
use crate::declare::lazy::Lazy;
use crate::declare::port::{Port, Ports};
use crate::declare::state::State;
use crate::declare::states::States;

/// A type that is a state: some plugin lists it in its `states`, or `main` supplies it.
///
/// It holds for every type that has a provider, and can't be implemented: see
/// [`OnlyOnePluginMayProvide`](crate::extend::OnlyOnePluginMayProvide). That every `State<T>` in a
/// plugin's field has a provider is therefore checked by the compiler. A generic plugin writes it as
/// a bound: `struct Cache<T: Provided> { source: State<T> }`.
#[diagnostic::on_unimplemented(
    message = "no plugin provides the state `{Self}`",
    label = "nobody provides `{Self}`",
    note = "list it in the `states = [..]` of the plugin that makes it, or, if `main` supplies it, write `bootstrap::supplied!({Self});` where the type is declared",
    note = "the state's own type stands in `State<..>`: not an `Arc`, a reference or an `Option` of it"
)]
pub trait Provided: OnlyOnePluginMayProvide {}

#[diagnostic::do_not_recommend]
impl<T: OnlyOnePluginMayProvide> Provided for T {}

/// A state and its one provider.
///
/// [`#[plugin(states = [T])]`](macro@crate::plugin) implements this for `T`, and so do
/// [`supplied!`](crate::supplied) and `section!`; nothing else may. Two providers are two
/// implementations, which is error E0119 at both of them: "conflicting implementations of trait
/// `OnlyOnePluginMayProvide` for type `T`".
pub trait OnlyOnePluginMayProvide: Sized + Send + Sync + 'static {
    #[doc(hidden)]
    const PROVIDER: Provider;
}

/// A state that some plugin provides, so that another can stand in for that one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "no plugin provides the state `{Self}`, so there is nothing to stand in for",
    label = "not a state of another plugin",
    note = "a stand-in lists states of the plugin that `stands_in_for` names: list `{Self}` in the `states = [..]` of that one"
)]
pub trait Original: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: OnlyOnePluginMayProvide> Original for T {}

/// How a state gets into what a `load` made, and is found in it again.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Made<T> {
    put: fn(T, States) -> States,
    find: fn(&States) -> Option<State<T>>,
}

/// The one door through which generated code refers to a state that a plugin makes.
///
/// A function rather than methods of [`OnlyOnePluginMayProvide`]: a call of a method checks the supertraits
/// again, and a state that is not `Send` would be reported twice.
#[doc(hidden)]
pub const fn made<T: OnlyOnePluginMayProvide>() -> Made<T> {
    Made {
        put: |state, states| states.with(state),
        find: |states| states.get(),
    }
}

/// The same door for a plugin that stands in for another.
#[doc(hidden)]
pub const fn made_instead<T: Original>() -> Made<T> {
    Made {
        put: |state, states| states.with(state),
        find: |states| states.get(),
    }
}

/// The door to what is provided at a port.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct MadePort<T: ?Sized> {
    put: fn(Arc<T>, States) -> States,
    find: fn(&States) -> Option<Port<T>>,
}

/// A function, for the reason for which [`made`] is one.
#[doc(hidden)]
pub const fn made_port<T: ?Sized + Shared>() -> MadePort<T> {
    MadePort {
        put: |value, states| states.with_port(value),
        find: States::get_port,
    }
}

impl<T: ?Sized> MadePort<T> {
    /// Adds what is provided.
    #[must_use]
    pub fn put(&self, value: Arc<T>, states: States) -> States {
        (self.put)(value, states)
    }

    /// Finds it.
    pub fn find(&self, states: &States) -> Option<Port<T>> {
        (self.find)(states)
    }
}

impl<T> Made<T> {
    /// Adds the state.
    #[must_use]
    pub fn put(&self, state: T, states: States) -> States {
        (self.put)(state, states)
    }

    /// Finds the state.
    pub fn find(&self, states: &States) -> Option<State<T>> {
        (self.find)(states)
    }
}

/// A plugin whose `load` makes the state `T`.
///
/// `#[plugin(states = [T])]` implements this; for a [`Plugin`](crate::Plugin) that is implemented
/// by hand, implement it to have [`Registration::state`](crate::Registration::state).
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::{Descriptor, Plugin, Provides, States};
///
/// struct Rows(u32);
/// struct Import(String);
///
/// impl Provides<Rows> for Import {}
///
/// #[bootstrap::async_trait]
/// impl Plugin for Import {
///     fn descriptor(&self) -> Descriptor {
///         Descriptor::new(self.0.clone()).provides::<Rows>()
///     }
///
///     async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
///         Ok(States::new().with(Rows(7)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let rows = app.register(Import("2024.csv".into())).state();
/// let running = app.boot().await?;
/// assert_eq!(rows.0, 7);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` does not provide the state `{T}`",
    label = "not one of its states",
    note = "the states of a plugin are those in its `states = [..]`"
)]
pub trait Provides<T> {}

/// What may be provided at a port: any type that threads can share.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be shared between threads, and so not be provided at a port",
    label = "not `Send + Sync`",
    note = "if it is a trait of yours, write `trait ..: Send + Sync` where it is declared"
)]
pub trait Shared: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync + 'static> Shared for T {}

/// A plugin that provides the port `T`.
///
/// `#[plugin(ports = [T])]` implements this; for a [`Plugin`](crate::Plugin) that is implemented
/// by hand, implement it to have [`Registration::port`](crate::Registration::port).
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` does not provide the port `{T}`",
    label = "not one of its ports",
    note = "the ports of a plugin are those in its `ports = [..]`"
)]
pub trait ProvidesPort<T: ?Sized> {}

/// A type that the runtime can inject into a plugin's field.
///
/// | field | meaning |
/// |---|---|
/// | [`State<T>`](State), [`Port<T>`](Port) | a requirement |
/// | `Option` of one of them | a requirement if its provider is part of the app; otherwise `None` |
/// | [`Ports<T>`](Ports) | all that are provided at a port |
/// | [`Lazy<State<T>>`](Lazy), `Lazy<Port<T>>` | a requirement without an order, which is looked up when it is used |
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be injected into a plugin",
    label = "neither a requirement nor marked as an option",
    note = "if it is an option, mark the field `#[option]`; if it is the plugin's own memory, `#[local]`",
    note = "if it is a state, ask for `State<..>` of the type that a plugin lists in its `states`: `State<C>` instead of `C` or `Arc<C>`, `Option<State<C>>` instead of `Option<C>`",
    note = "if any crate may provide it, ask for a `Port<..>`: `Port<dyn C>` instead of `Arc<dyn C>`; `Ports<dyn C>` for all of them"
)]
pub trait Inject: Bind + Sized {
    #[doc(hidden)]
    const NEED: Need;

    /// The port that it requires, for `plugins!`.
    #[doc(hidden)]
    type Port: ?Sized;

    #[doc(hidden)]
    fn unbound() -> Self;
}

/// What a field requires that requires no port.
#[doc(hidden)]
#[derive(Debug)]
pub struct NoPort;

impl<T: Provided> Inject for State<T> {
    const NEED: Need = state::<T>(Asks::Required);
    type Port = NoPort;

    fn unbound() -> Self {
        State::unbound()
    }
}

impl<T: Provided> Inject for Option<State<T>> {
    const NEED: Need = state::<T>(Asks::Optional);
    type Port = NoPort;

    fn unbound() -> Self {
        None
    }
}

impl<T: Provided> Inject for Lazy<State<T>> {
    const NEED: Need = state::<T>(Asks::Later);
    type Port = NoPort;

    fn unbound() -> Self {
        Lazy::unbound()
    }
}

/// A state, of which its type knows who provides it.
const fn state<T: Provided>(asks: Asks) -> Need {
    Need {
        state: StateKey::of::<T>(),
        asks,
        provider: Some(T::PROVIDER),
    }
}

impl<T: ?Sized + Shared> Inject for Port<T> {
    const NEED: Need = port::<T>(Asks::Required);
    type Port = T;

    fn unbound() -> Self {
        Port::unbound()
    }
}

impl<T: ?Sized + Shared> Inject for Option<Port<T>> {
    const NEED: Need = port::<T>(Asks::Optional);
    type Port = NoPort;

    fn unbound() -> Self {
        None
    }
}

impl<T: ?Sized + Shared> Inject for Ports<T> {
    const NEED: Need = port::<T>(Asks::All);
    type Port = NoPort;

    fn unbound() -> Self {
        Ports::unbound()
    }
}

impl<T: ?Sized + Shared> Inject for Lazy<Port<T>> {
    const NEED: Need = port::<T>(Asks::Later);
    type Port = T;

    fn unbound() -> Self {
        Lazy::unbound()
    }
}

const fn port<T: ?Sized + 'static>(asks: Asks) -> Need {
    Need {
        state: StateKey::port::<T>(),
        asks,
        provider: None,
    }
}

/// A field that is a requirement.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Injected<P, T> {
    /// How it starts.
    pub unbound: fn() -> T,
    need: Need,
    field: Field<P, T>,
}

/// The one door through which generated code refers to a field, so that a field that can't be
/// injected is one error.
#[doc(hidden)]
pub const fn field<P, T: Inject>(project: fn(&mut P) -> &mut T) -> Injected<P, T> {
    Injected {
        unbound: T::unbound,
        need: T::NEED,
        field: Field::new(project),
    }
}

impl<P: 'static, T: 'static> Injected<P, T> {
    /// What it says in a declaration.
    pub const fn requirement(
        &'static self,
        field: &'static str,
        type_text: &'static str,
        location: Location,
    ) -> Requirement {
        Requirement {
            field,
            type_text,
            location,
            need: self.need,
            access: &self.field,
        }
    }
}
