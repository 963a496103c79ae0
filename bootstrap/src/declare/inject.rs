//! Which types may be a plugin's field, and how the runtime fills them.

use crate::base::key::StateKey;
use crate::declare::declaration::{Need, Provider};
use crate::declare::state::{Aim, State};
use crate::declare::states::States;
use crate::declare::value::StateValue;

/// A type that is a state: some plugin lists it in its `states`, or `main` supplies it.
///
/// `#[plugin(states = [T])]` implements this for `T`, and [`supplied!`](crate::supplied) does; it
/// is not implemented by hand. That a type has at most one provider is therefore checked by the
/// compiler (two are E0119), and so is that every `State<T>` in a plugin's field has one at all.
#[diagnostic::on_unimplemented(
    message = "no plugin provides the state `{Self}`",
    label = "nobody provides `{Self}`",
    note = "list it in the `states = [..]` of the plugin that makes it, or, if `main` supplies it, write `bootstrap::supplied!({Self});` where the type is declared",
    note = "the state's own type stands in `State<..>`: not an `Arc`, a reference or an `Option` of it"
)]
pub trait Provided: Sized + Send + Sync + 'static {
    #[doc(hidden)]
    const PROVIDER: Provider;
}

/// Adds a state to what a `load` made.
///
/// A function rather than a method of [`Provided`]: a call of a method checks the supertraits
/// again, and a state that is not `Send` would be reported twice.
#[doc(hidden)]
#[must_use]
pub fn put<T: Provided>(state: T, states: States) -> States {
    states.with(state)
}

/// Finds a state in what a `load` made.
#[doc(hidden)]
pub fn find<T: Provided>(states: &States) -> Option<State<T>> {
    states.get()
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

/// A type that the runtime can inject into a plugin's field: [`State<T>`](State) and
/// `Option<State<T>>`.
///
/// `State<T>` is a requirement. `Option<State<T>>` is one only if the provider of `T` is part of
/// the app; otherwise the field is `None`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be injected into a plugin",
    label = "neither a requirement nor marked as an option",
    note = "if it is an option, mark the field `#[option]`; if it is the plugin's own memory, `#[local]`",
    note = "if it is a state of another plugin, ask for `State<{Self}>`"
)]
pub trait Inject: Bind + Sized {
    #[doc(hidden)]
    const NEED: Need;
}

impl<T: Provided> Inject for State<T> {
    const NEED: Need = Need {
        state: StateKey::of::<T>(),
        optional: false,
        provider: Some(T::PROVIDER),
    };
}

impl<T: Provided> Inject for Option<State<T>> {
    const NEED: Need = Need {
        state: StateKey::of::<T>(),
        optional: true,
        provider: Some(T::PROVIDER),
    };
}

/// A field of the plugin `P` that is a requirement of type `T`.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Field<P, T> {
    /// What it asks for.
    pub need: Need,
    project: fn(&mut P) -> &mut T,
    erase: fn(&mut T) -> &mut dyn Bind,
}

/// The one door through which generated code refers to a field, so that a field that can't be
/// injected is one error.
#[doc(hidden)]
pub const fn field<P, T: Inject>(project: fn(&mut P) -> &mut T) -> Field<P, T> {
    Field {
        need: T::NEED,
        project,
        erase: |field| field,
    }
}

impl<P, T> Field<P, T> {
    /// Shows the field of `plugin`.
    pub fn show(&self, name: &'static str, plugin: &mut P, fields: &mut Fields<'_>) {
        (fields.visit)(name, (self.erase)((self.project)(plugin)));
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::State<T> {}
    impl<T> Sealed for Option<super::State<T>> {}
}

/// A field that the runtime can fill. Unlike [`Inject`] it asks for no proof that somebody
/// provides the state, so that plugins that are made at run time can have fields too.
#[doc(hidden)]
pub trait Bind: sealed::Sealed + Send + Sync + 'static {
    fn wish(&self) -> Wish;
    fn bind(&mut self, value: Option<Bound<'_>>);
}

/// What a field asks for in this instance of its plugin.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub(crate) state: StateKey,
    pub(crate) optional: bool,
    pub(crate) aim: Option<Aim>,
}

/// The value that a field gets.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations)]
pub struct Bound<'a>(&'a StateValue);

impl<'a> Bound<'a> {
    pub(crate) fn new(value: &'a StateValue) -> Self {
        Self(value)
    }
}

impl<T: Send + Sync + 'static> Bind for State<T> {
    fn wish(&self) -> Wish {
        Wish {
            state: StateKey::of::<T>(),
            optional: false,
            aim: self.aim(),
        }
    }

    fn bind(&mut self, value: Option<Bound<'_>>) {
        *self = value
            .and_then(|bound| bound.0.get())
            .map_or_else(State::unbound, State::bound);
    }
}

impl<T: Send + Sync + 'static> Bind for Option<State<T>> {
    fn wish(&self) -> Wish {
        Wish {
            state: StateKey::of::<T>(),
            optional: true,
            aim: self.as_ref().and_then(State::aim),
        }
    }

    fn bind(&mut self, value: Option<Bound<'_>>) {
        *self = value.and_then(|bound| bound.0.get()).map(State::bound);
    }
}

/// Walks over the fields of a plugin that are requirements.
///
/// A [`Plugin`](crate::Plugin) that is implemented by hand shows its fields to it, each with the
/// name that messages use, in the same order every time. The runtime walks twice: before boot to
/// see what the fields ask for, and before `load` to bind them.
///
/// # Examples
///
/// ```
/// use bootstrap::{Fields, State};
///
/// struct Pool;
/// struct Report {
///     pool: State<Pool>,
///     cache: Option<State<Vec<u8>>>,
/// }
///
/// impl Report {
///     fn fields(&mut self, fields: &mut Fields<'_>) {
///         fields.field("pool", &mut self.pool);
///         fields.field("cache", &mut self.cache);
///     }
/// }
/// ```
#[allow(missing_debug_implementations)]
pub struct Fields<'a> {
    visit: &'a mut dyn FnMut(&'static str, &mut dyn Bind),
}

impl<'a> Fields<'a> {
    pub(crate) fn new(visit: &'a mut dyn FnMut(&'static str, &mut dyn Bind)) -> Self {
        Self { visit }
    }

    /// Shows a field, which is a `State<T>` or an `Option<State<T>>`.
    pub fn field<F: Bind>(&mut self, name: &'static str, field: &mut F) {
        (self.visit)(name, field);
    }
}
