//! Requirements beside the fields of a plugin: `#[plugin(requires = ..)]`.
//!
//! A crate that makes plugins of something else than a struct (routes, jobs) derives a list of
//! requirements from it, with a function. They are requirements as those of fields are: each has a
//! provider by its type, and all are planned and bound; their handles are in one field of the type
//! [`Requirements`]. A cycle through one of them is found by the plan.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::base::location::Location;
use crate::declare::declaration::{Identity, Need, Requirement as Declared};
use crate::declare::field::{AnyField, Bind};
use crate::declare::inject::{Inject, Required, RequiredBy};

/// A requirement that is not a field: an argument of a handler, or of a hook.
///
/// The type parameter of [`Requirement::of`] is what a field would have: `State<T>`, `Port<dyn T>`,
/// an `Option` or a [`Lazy`](crate::Lazy) of one of them, or `Ports<dyn T>`.
///
/// # Examples
///
/// ```
/// use bootstrap::extend::{Requirement, Requirements};
/// use bootstrap::prelude::*;
/// use bootstrap::plan::Location;
///
/// #[supplied]
/// struct Table(u32);
///
/// // What another crate finds in the arguments of functions.
/// fn of_handlers() -> Vec<Requirement> {
///     let here = Location::new(file!(), line!(), column!());
///     vec![Requirement::of::<State<Table>>("argument `State<Table>` of `list`", here)]
/// }
///
/// #[plugin(requires = of_handlers)]
/// struct Routes {
///     requirements: Requirements,
/// }
///
/// impl Hooks for Routes {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         let table: &State<Table> = self.requirements.get().unwrap();
///         assert_eq!(table.0, 7);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// App::new().supply(Table(7)).with(Routes::default()).boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Requirement {
    need: Need,
    text: Cow<'static, str>,
    location: Location,
    handle: TypeId,
    make: fn() -> Box<dyn Held>,
}

impl Requirement {
    /// A requirement of the type `H`.
    ///
    /// `text` is what messages call it, `` argument `State<Table>` of `list` ``; `location` is where
    /// it is written.
    pub fn of<H>(text: impl Into<Cow<'static, str>>, location: Location) -> Self
    where
        H: Inject + Send + Sync,
        H::Requires: RequiredBy<H>,
    {
        Self {
            need: <H::Requires as RequiredBy<H>>::REQUIRED.need,
            text: text.into(),
            location,
            handle: TypeId::of::<H>(),
            make: || {
                Box::new(Handle(
                    H::unbound(),
                    <H::Requires as RequiredBy<H>>::REQUIRED,
                ))
            },
        }
    }

    /// The type of its handle, `State<Table>`.
    pub fn handle(&self) -> TypeId {
        self.handle
    }

    /// What messages call it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requirement").field(&self.text).finish()
    }
}

/// What is bound of the requirements in `#[plugin(requires = ..)]`.
///
/// The type of one field of such a plugin; the attribute fills it. Bound before `load` runs, as all
/// fields are.
#[derive(Default)]
pub struct Requirements(Vec<Box<dyn Held>>);

impl Requirements {
    /// Unbound handles, one for each requirement of a list.
    pub fn of(list: &[Requirement]) -> Self {
        Self(
            list.iter()
                .map(|requirement| (requirement.make)())
                .collect(),
        )
    }

    /// The handle of this type, the first of several; `None` if it is not in the list.
    pub fn get<H: 'static>(&self) -> Option<&H> {
        self.0.iter().find_map(|held| held.handle().downcast_ref())
    }

    /// The number of requirements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn field(&mut self, place: usize) -> Option<&mut dyn Bind> {
        Some(self.0.get_mut(place)?.field())
    }
}

impl fmt::Debug for Requirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirements")
            .field("len", &self.len())
            .finish()
    }
}

/// A handle without its type.
trait Held: Send + Sync {
    fn handle(&self) -> &dyn Any;
    fn field(&mut self) -> &mut dyn Bind;
}

struct Handle<H>(H, Required<H>);

impl<H: Send + Sync + 'static> Held for Handle<H> {
    fn handle(&self) -> &dyn Any {
        &self.0
    }

    fn field(&mut self) -> &mut dyn Bind {
        self.1.erase(&mut self.0)
    }
}

/// The field of a plugin that holds what is bound of its derived requirements.
#[doc(hidden)]
pub struct DerivedField<P>(fn(&mut P) -> &mut Requirements);

/// The door through which generated code refers to that field.
#[doc(hidden)]
pub const fn derived<P>(project: fn(&mut P) -> &mut Requirements) -> DerivedField<P> {
    DerivedField(project)
}

impl<P: 'static> AnyField for DerivedField<P> {
    fn of<'p>(&self, plugin: &'p mut dyn Any, place: usize) -> Option<&'p mut dyn Bind> {
        (self.0)(plugin.downcast_mut()?).field(place)
    }
}

impl<P> fmt::Debug for DerivedField<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DerivedField").finish_non_exhaustive()
    }
}

/// The requirements of a plugin beside its fields: the function that lists them, and the field that
/// holds their handles.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Derived {
    list: fn() -> Vec<Requirement>,
    access: &'static dyn AnyField,
}

/// The requirements of the plugins that derive some, fields included. A function lists them once for
/// each type of plugin, so what is leaked is bounded by the program's text.
static DERIVED: LazyLock<Mutex<HashMap<TypeId, &'static [Declared]>>> =
    LazyLock::new(Mutex::default);

impl Derived {
    #[allow(missing_docs)]
    pub const fn new(list: fn() -> Vec<Requirement>, access: &'static dyn AnyField) -> Self {
        Self { list, access }
    }

    /// The requirements of the fields of `plugin`, and the derived ones behind them.
    pub(super) fn behind(&self, plugin: Identity, fields: &[Declared]) -> &'static [Declared] {
        let known = || DERIVED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = known().get(&plugin.id) {
            return all;
        }
        // Not under the lock: the function is the user's.
        let listed = (self.list)();
        let derived = listed.into_iter().enumerate().map(|it| self.declared(it));
        let all: Vec<_> = fields.iter().copied().chain(derived).collect();
        known().entry(plugin.id).or_insert_with(|| all.leak())
    }

    fn declared(&self, (place, requirement): (usize, Requirement)) -> Declared {
        Declared {
            field: "requires",
            type_text: "",
            location: requirement.location,
            need: requirement.need,
            access: self.access,
            derived: Some((place, requirement.text.into_owned().leak())),
        }
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived").finish_non_exhaustive()
    }
}
