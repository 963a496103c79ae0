//! Types as values: what a state or a plugin is known by at run time.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use crate::base::text::short_type_name;

/// The identity of a state, or of a port: its type.
///
/// Two keys are equal when their types are, and both are states or both ports; `Display` shows the type's name without its modules.
///
/// # Examples
///
/// ```
/// use bootstrap::plan::StateKey;
///
/// struct Pool;
/// assert_eq!(StateKey::of::<Pool>(), StateKey::of::<Pool>());
/// assert_eq!(StateKey::of::<Pool>().to_string(), "Pool");
/// ```
#[derive(Clone, Copy)]
pub struct StateKey {
    id: TypeId,
    about: &'static About,
}

/// What is known of a key besides its identity.
struct About {
    name: fn() -> &'static str,
    is_port: bool,
}

/// What a plugin provides at a port: a value whose type may be known only by its trait.
struct Ported<T: ?Sized>(Arc<T>);

/// That without its type, so that handles can be shared between threads whatever their type says:
/// what is in here can be.
pub(crate) struct AtPort(Box<dyn Value>);

trait Value: Any + Send + Sync {
    #[cfg(feature = "testing")]
    fn owners(&self) -> usize;
    #[cfg(feature = "testing")]
    fn watch(&self) -> IsHeld;
}

impl<T: ?Sized + Send + Sync + 'static> Value for Ported<T> {
    #[cfg(feature = "testing")]
    fn owners(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    #[cfg(feature = "testing")]
    fn watch(&self) -> IsHeld {
        is_held(&self.0)
    }
}

/// Says whether anybody still holds a value, and does not hold it itself.
#[cfg(feature = "testing")]
pub(crate) type IsHeld = Box<dyn Fn() -> bool + Send + Sync>;

#[cfg(feature = "testing")]
pub(crate) fn is_held<T: ?Sized + Send + Sync + 'static>(value: &Arc<T>) -> IsHeld {
    let weak = Arc::downgrade(value);
    Box::new(move || weak.strong_count() > 0)
}

impl AtPort {
    pub(crate) fn new<T: ?Sized + Send + Sync + 'static>(value: Arc<T>) -> Self {
        Self(Box::new(Ported(value)))
    }

    pub(crate) fn get<T: ?Sized + 'static>(&self) -> Option<&Arc<T>> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref().map(|Ported(value)| value)
    }

    /// How many hold the value: a handle of the port holds this, and so counts for none.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> usize {
        self.0.owners()
    }

    /// Watches the value, which may be held without this.
    #[cfg(feature = "testing")]
    pub(crate) fn watch(&self) -> IsHeld {
        self.0.watch()
    }
}

impl StateKey {
    /// The key of the state `T`.
    pub const fn of<T: 'static>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            about: const {
                &About {
                    name: type_name::<T>,
                    is_port: false,
                }
            },
        }
    }

    /// The key of the port `T`, which is another one than that of the state `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::plan::StateKey;
    ///
    /// trait Mailer: Send + Sync {}
    /// let port = StateKey::port::<dyn Mailer>();
    /// assert!(port.is_port());
    /// assert_eq!(port.to_string(), "dyn Mailer");
    /// assert_ne!(StateKey::port::<u32>(), StateKey::of::<u32>());
    /// ```
    pub const fn port<T: ?Sized + 'static>() -> Self {
        Self {
            id: TypeId::of::<Ported<T>>(),
            about: const {
                &About {
                    name: type_name::<T>,
                    is_port: true,
                }
            },
        }
    }

    /// The full name of the type, with its modules, as the compiler prints it.
    pub fn type_name(&self) -> &'static str {
        (self.about.name)()
    }

    /// Whether it is a port: see [`Port`](crate::Port).
    pub const fn is_port(&self) -> bool {
        self.about.is_port
    }

    /// What messages call it: the state `Pool`, the port `dyn Mailer`.
    pub(crate) fn described(&self) -> String {
        format!("{} `{self}`", self.noun())
    }

    /// The type of a field that asks for it: `State<Pool>`, `Port<dyn Mailer>`.
    pub(crate) fn handle(&self) -> String {
        let handle = if self.is_port() { "Port" } else { "State" };
        format!("{handle}<{self}>")
    }

    pub(crate) fn noun(&self) -> &'static str {
        if self.is_port() { "port" } else { "state" }
    }

    pub(crate) fn id(&self) -> TypeId {
        self.id
    }
}

impl PartialEq for StateKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for StateKey {}

impl Hash for StateKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short_type_name(self.type_name()))
    }
}

/// As messages call it.
#[cfg(feature = "serde")]
impl serde::Serialize for StateKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_port() { "port " } else { "" };
        write!(f, "StateKey({kind}{})", self.type_name())
    }
}

/// A map by type. A `TypeId` is a hash already, so hashing it again would only cost time.
pub(crate) type TypeMap<V> = std::collections::HashMap<TypeId, V, BuildHasherDefault<TypeHasher>>;

/// A set of types.
pub(crate) type TypeSet = std::collections::HashSet<TypeId, BuildHasherDefault<TypeHasher>>;

/// Takes the hash that a `TypeId` is.
#[derive(Debug, Default)]
pub(crate) struct TypeHasher(u64);

impl Hasher for TypeHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // `TypeId` hashes itself with one `write_u64`; should that ever change, fold what comes.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
