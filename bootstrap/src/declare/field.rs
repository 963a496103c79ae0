//! The fields of a plugin, as the runtime fills them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::declare::asks::Asks;
use crate::declare::later::Later;
use crate::declare::state::{Origin, State};
use crate::declare::value::StateValue;

/// A field of the plugin `P` that has the type `T`.
#[doc(hidden)]
pub struct Field<P, T> {
    project: fn(&mut P) -> &mut T,
    erase: fn(&mut T) -> &mut dyn Bind,
}

impl<P, T> Field<P, T> {
    pub(super) const fn new(
        project: fn(&mut P) -> &mut T,
        erase: fn(&mut T) -> &mut dyn Bind,
    ) -> Self {
        Self { project, erase }
    }
}

/// A [`Field`] without its types.
#[doc(hidden)]
pub trait AnyField: fmt::Debug + Send + Sync {
    /// The field of `plugin`, or what lies at a place in it; `None` if that is another plugin.
    fn of<'p>(&self, plugin: &'p mut dyn Any, place: usize) -> Option<&'p mut dyn Bind>;
}

impl<P: 'static, T: 'static> AnyField for Field<P, T> {
    fn of<'p>(&self, plugin: &'p mut dyn Any, _: usize) -> Option<&'p mut dyn Bind> {
        let plugin = plugin.downcast_mut()?;
        Some((self.erase)((self.project)(plugin)))
    }
}

impl<P, T> fmt::Debug for Field<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").finish_non_exhaustive()
    }
}

pub(super) mod sealed {
    /// Only types of this crate are fields.
    pub trait Sealed {}
}

/// A field that the runtime can fill. Unlike [`Inject`](crate::declare::Inject) it asks for no proof that a plugin
/// provides the state, so that plugins that are made at run time can have fields too.
#[doc(hidden)]
pub trait Bind: sealed::Sealed + Send + Sync + 'static {
    fn wish(&self) -> Wish;
    fn bind(&mut self, value: Option<&Bound>);
}

/// What a field asks for in this instance of its plugin.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Wish {
    pub(crate) state: StateKey,
    pub(crate) asks: Asks,
    pub(crate) aim: Option<Arc<Origin>>,
    /// Where the value lies that the field holds already.
    pub(crate) held: Option<usize>,
}

/// What a field gets.
#[doc(hidden)]
#[derive(Clone)]
#[allow(missing_debug_implementations)]
pub struct Bound {
    pub(crate) to: BoundTo,
    /// The node that provides it, if it is one.
    pub(crate) provider: Option<u32>,
}

#[derive(Clone)]
pub(crate) enum BoundTo {
    One(StateValue),
    /// All providers, with their names.
    All(Vec<(PluginName, StateValue)>),
    /// A provider that is looked up later.
    Later(Later),
}

impl Bound {
    /// The value under its type, if it is one value.
    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        match &self.to {
            BoundTo::One(value) => value.get(),
            BoundTo::All(_) | BoundTo::Later(_) => None,
        }
    }
}

impl<T> sealed::Sealed for State<T> {}

impl<T: Send + Sync + 'static> Bind for State<T> {
    fn wish(&self) -> Wish {
        Wish {
            state: StateKey::of::<T>(),
            asks: Asks::Required,
            aim: self.aim(),
            held: self.address(),
        }
    }

    fn bind(&mut self, value: Option<&Bound>) {
        *self = value
            .and_then(Bound::get)
            .map_or_else(State::unbound, State::bound);
    }
}

/// A field that may hold nothing: what is asked for is the same, and whether it has to be there is
/// not.
macro_rules! optional {
    ($handle:ident, $key:path, $($bounds:tt)*) => {
        impl<T: $($bounds)*> $crate::declare::field::Bind for Option<$handle<T>> {
            fn wish(&self) -> $crate::declare::field::Wish {
                $crate::declare::field::Wish {
                    state: $key(),
                    asks: $crate::declare::asks::Asks::Optional,
                    aim: self.as_ref().and_then($handle::aim),
                    held: self.as_ref().and_then($handle::address),
                }
            }

            fn bind(&mut self, value: Option<&$crate::declare::field::Bound>) {
                *self = value.and_then($crate::declare::field::Bound::get).map($handle::bound);
            }
        }
    };
}
pub(super) use optional;

impl<T> sealed::Sealed for Option<State<T>> {}

optional!(State, StateKey::of::<T>, Send + Sync + 'static);

/// Walks over the fields of a plugin that are requirements.
///
/// A [`Plugin`](crate::extend::Plugin) that is implemented by hand shows its fields to it, each with the
/// name that messages use, in the same order every time. The runtime walks twice: before boot to
/// see what the fields ask for, and before `load` to bind them.
///
/// # Examples
///
/// ```
/// use bootstrap::State;
/// use bootstrap::extend::Fields;
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
    /// Only on a walk to bind them.
    provider_of: Option<ProviderOf<'a>>,
}

/// The node that provides what a handle in a field refers to: by the registration that it was taken
/// from, or by its value. `None` for a handle of another app.
pub(crate) type ProviderOf<'a> = &'a dyn Fn(&Wish) -> Option<u32>;

impl<'a> Fields<'a> {
    /// A walk to see what the fields ask for.
    pub(crate) fn to_see(visit: &'a mut dyn FnMut(&'static str, &mut dyn Bind)) -> Self {
        let provider_of = None;
        Self { visit, provider_of }
    }

    /// A walk to bind them.
    pub(crate) fn to_bind(
        visit: &'a mut dyn FnMut(&'static str, &mut dyn Bind),
        provider_of: ProviderOf<'a>,
    ) -> Self {
        let provider_of = Some(provider_of);
        Self { visit, provider_of }
    }

    /// Finds the providers of handles, on a walk to bind fields.
    pub(crate) fn provider_of(&self) -> Option<ProviderOf<'a>> {
        self.provider_of
    }

    pub(crate) fn show(&mut self, name: &'static str, field: &mut dyn Bind) {
        (self.visit)(name, field);
    }

    /// Shows a field: a [`State`], a [`Port`](crate::Port), an `Option` of one of them,
    /// [`Ports`](crate::Ports), or a [`Lazy`](crate::Lazy).
    pub fn field<F: Bind>(&mut self, name: &'static str, field: &mut F) {
        (self.visit)(name, field);
    }
}
