//! What was probably meant by a key that is missing.

use crate::base::text::nearest;
use crate::values::key::{Key, folded};
use crate::values::known::Known;
use crate::values::layers::Layers;
use crate::values::spot::Spot;
use crate::values::tree::Table;

/// How many places of a file are looked at to find a key elsewhere.
const PLACES: usize = 10_000;

/// What is set and nearly called like a key, in words; nothing that is known as another key.
pub(super) fn near(key: &Key, layers: &Layers, known: &Known) -> Option<String> {
    near_variable(key, layers)
        .or_else(|| near_key(key, layers, known))
        .or_else(|| variable_around(key, layers))
        .or_else(|| elsewhere(key, layers, known))
}

/// A variable whose name has the words of the key, but not between two underscores, or in another
/// case; or behind nearly the prefix.
fn near_variable(key: &Key, layers: &Layers) -> Option<String> {
    let own = layers.variable(key)?;
    let wanted = folded(&own);
    let named = layers.variable_names();
    let mut near = named.filter(|name| *name != own && folded(name) == wanted);
    let found = near.next().or_else(|| {
        let mut others = layers.others.iter().cloned();
        others.find(|name| layers.is_behind_near_prefix(name, &key.variable()))
    })?;
    Some(format!(
        "the environment variable `{found}` is set: was that meant?"
    ))
}

/// A key whose first word that is not there is nearly another one that is.
fn near_key(key: &Key, layers: &Layers, known: &Known) -> Option<String> {
    let mut spot = Spot::root(layers);
    for (depth, part) in key.parts().iter().enumerate() {
        let next = spot.inner(part);
        if next.is_there() {
            spot = next;
            continue;
        }
        let words = spot.words();
        let words = words.iter().map(String::as_str);
        let near = nearest(part, words.filter(|word| !known.has(&spot.key.child(word))))?;
        let sibling = spot.child(near);
        let rest = key.parts()[depth + 1..].iter();
        let inner = rest.fold(sibling.clone(), |spot, part| spot.child(part));
        let found = if inner.is_there() { inner } else { sibling };
        return is_set(&found);
    }
    None
}

fn is_set(spot: &Spot<'_>) -> Option<String> {
    let (key, origin) = (&spot.key, spot.origin()?);
    Some(format!("`{key}` is set ({origin}): was that meant?"))
}

/// A variable that has the name of the table in which the missing key would be.
fn variable_around(key: &Key, layers: &Layers) -> Option<String> {
    let mut around = key.outwards().skip(1).map(|key| Spot::find(layers, &key));
    let spot = around.find(Spot::is_variable)?;
    let origin = spot.origin()?;
    Some(format!("{origin} is set, and `{}` is a table", spot.key))
}

/// The same key in another table, or without the first of its tables.
fn elsewhere(key: &Key, layers: &Layers, known: &Known) -> Option<String> {
    let mut search = Search {
        parts: key.parts(),
        known,
        left: PLACES,
    };
    let tables = [&layers.set, &layers.files].into_iter();
    let mut found = tables.filter_map(|layer| search.within(layer.table()?, &Key::default()));
    is_set(&Spot::find(layers, &found.next()?))
}

struct Search<'s> {
    parts: &'s [String],
    known: &'s Known,
    left: usize,
}

impl Search<'_> {
    fn within(&mut self, table: &Table, at: &Key) -> Option<Key> {
        for (word, node) in table {
            self.left = self.left.checked_sub(1)?;
            let key = at.child(word);
            if self.is_it(&key) {
                return Some(key);
            }
            let found = node.table().and_then(|table| self.within(table, &key));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn is_it(&self, key: &Key) -> bool {
        let (own, wanted) = (key.parts(), self.parts);
        let is_deeper = own.len() > wanted.len() && own.ends_with(wanted);
        let is_higher =
            own.len() < wanted.len() && own.len() + 1 == wanted.len() && wanted.ends_with(own);
        (is_deeper || is_higher) && !self.known.has(key)
    }
}
