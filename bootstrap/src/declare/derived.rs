//! Requirements beside the fields of a plugin: `#[plugin(requires = ..)]`.
//!
//! A crate that makes plugins of something else than a struct (routes, jobs) derives a constant list
//! of requirements from it. They become requirements as those of fields are: proven, planned and
//! bound; what is bound lies in one field of the type [`Requirements`].

use std::any::Any;
use std::fmt;

use crate::base::location::Location;
use crate::declare::declaration::{Need, Requirement as Declared};
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
/// // What an attribute of another crate would write down.
/// const OF_LIST: &[Requirement] = &[Requirement::of::<State<Table>>(
///     || "argument `State<Table>` of `list`".into(),
///     Location::new(file!(), line!(), column!()),
/// )];
///
/// #[plugin(requires = OF_LIST)]
/// struct Routes {
///     requirements: Requirements,
/// }
///
/// impl Hooks for Routes {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         let table: &State<Table> = self.requirements.get(0).unwrap();
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
#[derive(Clone, Copy)]
pub struct Requirement {
    need: Need,
    text: fn() -> String,
    location: Location,
    make: fn() -> Box<dyn Held>,
}

impl Requirement {
    /// A requirement of the type `H`.
    ///
    /// `text` is what messages call it, `` argument `State<Table>` of `list` ``: a function, because
    /// names of types are not known in constants. `location` is where it is written.
    pub const fn of<H>(text: fn() -> String, location: Location) -> Self
    where
        H: Inject + Send + Sync,
        H::Requires: RequiredBy<H>,
    {
        Self {
            need: <H::Requires as RequiredBy<H>>::REQUIRED.need,
            text,
            location,
            make: || {
                Box::new(Handle(
                    H::unbound(),
                    <H::Requires as RequiredBy<H>>::REQUIRED,
                ))
            },
        }
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requirement").field(&(self.text)()).finish()
    }
}

/// What is bound of the requirements in `#[plugin(requires = ..)]`, in their order.
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

    /// The handle at a place of the list, counted from 0; `None` if there is none at this place, or
    /// if it is of another type.
    pub fn get<H: 'static>(&self, place: usize) -> Option<&H> {
        self.0.get(place)?.handle().downcast_ref()
    }

    /// How many there are.
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

/// The requirements of the fields, and behind them the derived ones: `N` in all.
///
/// # Panics
///
/// In a constant, if `N` is another number.
#[doc(hidden)]
pub const fn with_derived<const N: usize>(
    fields: &[Declared],
    derived: &[Requirement],
    access: &'static dyn AnyField,
) -> [Declared; N] {
    assert!(
        fields.len() + derived.len() == N,
        "another number of requirements"
    );
    let mut all = [Declared::placeholder(access); N];
    let mut place = 0;
    while place < N {
        all[place] = if place < fields.len() {
            fields[place]
        } else {
            let at = place - fields.len();
            let Requirement {
                need,
                text,
                location,
                ..
            } = derived[at];
            Declared {
                field: "requires",
                type_text: "",
                location,
                need,
                access,
                derived: Some((at, text)),
            }
        };
        place += 1;
    }
    all
}
