//! Types as values: what a state or a plugin is known by at run time.

use std::any::{TypeId, type_name};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::base::text::short_type_name;

/// The identity of a state: its type.
///
/// Two keys are equal when their types are; `Display` shows the type's name without its modules.
///
/// # Examples
///
/// ```
/// use bootstrap::StateKey;
///
/// struct Pool;
/// assert_eq!(StateKey::of::<Pool>(), StateKey::of::<Pool>());
/// assert_eq!(StateKey::of::<Pool>().to_string(), "Pool");
/// ```
#[derive(Clone, Copy)]
pub struct StateKey {
    id: TypeId,
    name: fn() -> &'static str,
}

impl StateKey {
    /// The key of the state `T`.
    pub const fn of<T: 'static>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            name: type_name::<T>,
        }
    }

    /// The full name of the type, with its modules, as the compiler prints it.
    pub fn type_name(&self) -> &'static str {
        (self.name)()
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
        write!(f, "StateKey({})", self.type_name())
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
