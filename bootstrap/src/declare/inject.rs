//! Which types may be states, and which a plugin's fields.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::declare::asks::Asks;
use crate::declare::declaration::{Need, Provider, Requirement};
use crate::declare::field::{Bind, Field, sealed};
use crate::declare::lazy::Lazy;
use crate::declare::port::{Port, Ports};
use crate::declare::state::State;
use crate::declare::states::States;

/// A type that is a state: some plugin lists it in its `states`, or `main` supplies it.
///
/// It holds for every type that has a provider, and can't be implemented: see
/// [`OneProviderPerState`](crate::extend::OneProviderPerState). That every `State<T>` in a
/// plugin's field has a provider is therefore checked by the compiler. A generic plugin writes it as
/// a bound: `struct Cache<T: Provided> { source: State<T> }`.
#[diagnostic::on_unimplemented(
    message = "no plugin provides the state `{Self}`",
    label = "not provided by any plugin",
    note = "help: list `{Self}` in the `states = [..]` of the plugin that makes it; if `main` supplies it, write `#[supplied]` on the type; if it is a plugin, write one of its states instead"
)]
pub trait Provided: OneProviderPerState {}

#[diagnostic::do_not_recommend]
impl<T: OneProviderPerState> Provided for T {}

/// A state and its one provider.
///
/// [`#[plugin(states = [T])]`](macro@crate::plugin) implements this for `T`, and so do
/// [`#[supplied]`](macro@crate::supplied) and [`#[section]`](macro@crate::section); nothing else may. Two providers are two
/// implementations, which is error E0119 at both of them: "conflicting implementations of trait
/// `OneProviderPerState` for type `T`".
// rustc quotes this line where a bound does not hold.
#[rustfmt::skip]
pub trait OneProviderPerState: Sized
    + Send + Sync // help: threads share a state: put a `Mutex` or an atomic instead of a `Cell`, an `Arc` instead of an `Rc`
    + 'static
{
    #[doc(hidden)]
    const PROVIDER: Provider;
}

/// A state that some plugin provides, so that another can stand in for that one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "no plugin provides the state `{Self}`, so there is nothing to stand in for",
    label = "not a state of another plugin",
    note = "a replacement lists states of the plugin that `replaces` names: list `{Self}` in the `states = [..]` of that one"
)]
pub trait Original: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: OneProviderPerState> Original for T {}

/// How a state gets into what a `load` made, and is found in it again.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Made<T> {
    put: fn(T, States) -> States,
    find: fn(&States) -> Option<State<T>>,
}

/// The one door through which generated code refers to a state that a plugin makes.
///
/// A function rather than methods of [`OneProviderPerState`]: a call of a method checks the supertraits
/// again, and a state that is not `Send` would be reported twice.
#[doc(hidden)]
pub const fn made<T: OneProviderPerState>() -> Made<T> {
    Made {
        put: |state, states| states.with(state),
        find: |states| states.get(),
    }
}

/// The same door for a plugin that replaces another.
#[doc(hidden)]
pub const fn made_instead<T: Original>() -> Made<T> {
    Made {
        put: |state, states| states.with(state),
        find: |states| states.get(),
    }
}

/// The same for what is provided at a port: see [`SharedAtPort::MADE`].
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct MadePort<T: ?Sized> {
    put: fn(Arc<T>, States) -> States,
    find: fn(&States) -> Option<Port<T>>,
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
/// `#[plugin(states = [T])]` implements this; for a [`Plugin`](crate::extend::Plugin) that is implemented
/// by hand, implement it to have [`Registration::handle`](crate::Registration::handle).
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::extend::{Descriptor, Plugin, Provides, States};
///
/// struct Rows(u32);
/// struct Import(String);
///
/// impl Provides<Rows> for Import {}
///
/// #[bootstrap::extend::async_trait]
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
/// let rows: State<Rows> = app.register(Import("2024.csv".into())).handle();
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

/// A plugin that provides the port `T`.
///
/// `#[plugin(ports = [T])]` implements this; for a [`Plugin`](crate::extend::Plugin) that is implemented
/// by hand, implement it to have [`Registration::handle`](crate::Registration::handle).
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
///
/// It has no bounds on what it requires: that has a provider if it is [`RequiredBy`] the field. So
/// each mistake is reported by one trait, in the words of that trait.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` can't be injected into a plugin",
    label = "not a requirement, and not marked as an option",
    note = "requirements are `State<T>`, `Port<dyn T>`, `Option` of one of them, `Lazy` of one of them, and `Ports<dyn T>`, all of `bootstrap`: other crates have types with these names, for example `axum::extract::State`",
    note = "help: mark plain data `#[option]` and the plugin's own memory `#[local]`; write `State<C>` instead of `C` or `Arc<C>`, and `Port<dyn C>` instead of `Arc<dyn C>`"
)]
pub trait Inject: sealed::Sealed + Sized + 'static {
    /// The state, or [`PortOf`] the port.
    #[doc(hidden)]
    type Requires: ?Sized;

    /// What threads share through the field, if its provider is not known at compile time.
    #[doc(hidden)]
    type Shares: ?Sized;

    #[doc(hidden)]
    fn unbound() -> Self;
}

/// A state, or a port, that a field of type `F` can require: it has a provider, or may have one.
///
/// Every state that a plugin lists in its `states` is required by fields of the types
/// [`State<T>`](State), `Option<State<T>>` and [`Lazy<State<T>>`](Lazy). Generated code asks for
/// nothing else of a field, so that a missing provider is one error. Not to be implemented.
#[diagnostic::on_unimplemented(
    message = "no plugin provides the state `{Self}`",
    label = "not provided by any plugin",
    note = "the type in `State<..>` is one that a plugin lists in its `states = [..]`: not the plugin, nor a reference to the state",
    note = "help: list `{Self}` in the `states = [..]` of the plugin that makes it; if `main` supplies it, write `#[supplied]` on the type; if it is a plugin, write one of its states instead"
)]
pub trait RequiredBy<F> {
    #[doc(hidden)]
    const REQUIRED: Required<F>;
}

/// What a field of type `F` requires, and how it is bound.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Required<F> {
    /// What it requires.
    pub need: Need,
    erase: fn(&mut F) -> &mut dyn Bind,
}

impl<F> Required<F> {
    pub(super) fn erase<'f>(&self, field: &'f mut F) -> &'f mut dyn Bind {
        (self.erase)(field)
    }
}

/// What is shared through a port. Without supertraits, as generated code names its constant: a path
/// to that would check them again, and one mistake would be two errors.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be shared between threads, and so not be provided at a port",
    label = "not `Send + Sync`",
    note = "help: if it is a trait of yours, write `trait ..: Send + Sync` where it is declared"
)]
pub trait SharedAtPort {
    const SHARED: () = ();

    /// The door to what is provided at this port.
    const MADE: MadePort<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync + 'static> SharedAtPort for T {
    const MADE: MadePort<T> = MadePort {
        put: |value, states| states.with_port(value),
        find: States::get_port,
    };
}

/// What a field with a port requires.
#[doc(hidden)]
#[derive(Debug)]
pub struct PortOf<T: ?Sized>(PhantomData<fn(&T)>);

/// Fields that require a state: its type names the provider.
macro_rules! states {
    ($($field:ty, $asks:ident, $unbound:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: 'static> Inject for $field {
            type Requires = T;
            type Shares = ();

            fn unbound() -> Self {
                $unbound
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: Provided> RequiredBy<$field> for T {
            const REQUIRED: Required<$field> = Required {
                need: Need {
                    state: StateKey::of::<T>(),
                    asks: Asks::$asks,
                    provider: Some(T::PROVIDER),
                },
                erase: |field| field,
            };
        }
    )*};
}

/// Fields that require a port, whose provider only the plan knows.
macro_rules! ports {
    ($($field:ty, $asks:ident, $unbound:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: ?Sized + 'static> Inject for $field {
            type Requires = PortOf<T>;
            type Shares = T;

            fn unbound() -> Self {
                $unbound
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: ?Sized + 'static> RequiredBy<$field> for PortOf<T> {
            const REQUIRED: Required<$field> = Required {
                need: Need {
                    state: StateKey::port::<T>(),
                    asks: Asks::$asks,
                    provider: None,
                },
                erase: |field| field,
            };
        }
    )*};
}

states! {
    State<T>, Required, State::unbound();
    Option<State<T>>, Optional, None;
    Lazy<State<T>>, Later, Lazy::of(State::unbound());
}

ports! {
    Port<T>, Required, Port::unbound();
    Option<Port<T>>, Optional, None;
    Ports<T>, All, Ports::unbound();
    Lazy<Port<T>>, Later, Lazy::of(Port::unbound());
}

/// A field that is a requirement.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Injected<P, T> {
    need: Need,
    field: Field<P, T>,
}

/// The door through which generated code refers to a field. It has no bounds, which messages would
/// quote: the paths to its last two arguments have checked everything.
#[doc(hidden)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "a constant, for which a reference is more to write"
)]
pub const fn field<P, T>(
    project: fn(&mut P) -> &mut T,
    required: Required<T>,
    _shared: (),
) -> Injected<P, T> {
    let Required { need, erase } = required;
    let field = Field::new(project, erase);
    Injected { need, field }
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
            derived: None,
        }
    }
}
