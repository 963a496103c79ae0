//! The fields of a plugin, as the runtime fills them.

use std::any::Any;
use std::fmt;

use crate::base::key::StateKey;
use crate::declare::state::{Aim, State};
use crate::declare::value::StateValue;

/// A field of the plugin `P` that has the type `T`.
#[doc(hidden)]
pub struct Field<P, T> {
    project: fn(&mut P) -> &mut T,
    erase: fn(&mut T) -> &mut dyn Bind,
}

impl<P, T: Bind> Field<P, T> {
    pub(crate) const fn new(project: fn(&mut P) -> &mut T) -> Self {
        Self {
            project,
            erase: |field| field,
        }
    }
}

/// A [`Field`] without its types.
#[doc(hidden)]
pub trait AnyField: fmt::Debug + Send + Sync {
    /// The field of `plugin`; `None` if that is another plugin.
    fn of<'p>(&self, plugin: &'p mut dyn Any) -> Option<&'p mut dyn Bind>;
}

impl<P: 'static, T: 'static> AnyField for Field<P, T> {
    fn of<'p>(&self, plugin: &'p mut dyn Any) -> Option<&'p mut dyn Bind> {
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
    pub trait Sealed {}
    impl<T> Sealed for super::State<T> {}
    impl<T> Sealed for Option<super::State<T>> {}
}

/// A field that the runtime can fill. Unlike [`Inject`](crate::declare::Inject) it asks for no proof that somebody
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
    /// Where the value lies that the field holds already.
    pub(crate) held: Option<usize>,
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

    pub(crate) fn value(&self) -> &StateValue {
        self.0
    }
}

impl<T: Send + Sync + 'static> Bind for State<T> {
    fn wish(&self) -> Wish {
        Wish {
            state: StateKey::of::<T>(),
            optional: false,
            aim: self.aim(),
            held: self.address(),
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
            held: self.as_ref().and_then(State::address),
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
    binds: bool,
}

impl<'a> Fields<'a> {
    /// A walk to see what the fields ask for.
    pub(crate) fn to_see(visit: &'a mut dyn FnMut(&'static str, &mut dyn Bind)) -> Self {
        let binds = false;
        Self { visit, binds }
    }

    /// A walk to bind them.
    pub(crate) fn to_bind(visit: &'a mut dyn FnMut(&'static str, &mut dyn Bind)) -> Self {
        let binds = true;
        Self { visit, binds }
    }

    pub(crate) fn binds(&self) -> bool {
        self.binds
    }

    pub(crate) fn show(&mut self, name: &'static str, field: &mut dyn Bind) {
        (self.visit)(name, field);
    }

    /// Shows a field, which is a `State<T>` or an `Option<State<T>>`.
    pub fn field<F: Bind>(&mut self, name: &'static str, field: &mut F) {
        (self.visit)(name, field);
    }
}
