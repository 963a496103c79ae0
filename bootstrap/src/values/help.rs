//! What to do about a value that is missing or wrong.

use crate::values::halt::{Wanted, Wrong};
use crate::values::key::Key;
use crate::values::layers::Layers;
use crate::values::spot::Spot;
use crate::values::tree::Origin;

/// What to write for a value that is missing.
pub(crate) fn help_to_set(key: &Key, layers: &Layers) -> String {
    let mut ways = Vec::new();
    if let Some(variable) = layers.variable(key) {
        ways.push(format!("set the environment variable `{variable}`"));
    }
    if let Some(file) = layers.names.last() {
        let table = key.parent().map(|table| table.to_string());
        let place = match table.filter(|table| !table.is_empty()) {
            Some(table) => format!("into `[{table}]` in {file}"),
            None => format!("into {file}"),
        };
        ways.push(format!("write `{} = ..` {place}", key.last()));
    }
    if ways.is_empty() {
        ways.push(format!("add `.set(\"{key}\", ..)` to the `Configuration`"));
    }
    ways.join(", or ")
}

/// What to do about what stopped reading at a place.
pub(super) fn help(wrong: &Wrong, spot: &Spot<'_>, layers: &Layers) -> String {
    match wrong {
        Wrong::Missing { .. } => match item(&spot.key, layers) {
            Some(at) => format!("add `{}` to the item of the list: {at}", spot.key.last()),
            None => help_to_set(&spot.key, layers),
        },
        Wrong::Malformed(_) => {
            let correct = help_to_correct(spot.origin().as_ref());
            format!(
                "{correct}: write commas between the items, and those that hold commas, brackets or \
                 quotes in quotes, as in `[a, \"b, c\"]`"
            )
        }
        _ if spot.empty_variable().is_some() => "set it to a value, or unset it".to_owned(),
        Wrong::Kind { wanted, .. } => {
            let other = || help_to_correct(spot.origin().as_ref());
            of_variables(*wanted, spot, layers).unwrap_or_else(other)
        }
        Wrong::Twice {
            keys: Some((later, earlier)),
        } => {
            let places = [later, earlier].map(|key| Spot::reach(layers, key).origin());
            match places {
                [Some(later), Some(earlier)] => {
                    format!("take one of the two away: {later}, or {earlier}")
                }
                _ => "take one of the two away".to_owned(),
            }
        }
        _ => help_to_correct(spot.origin().as_ref()),
    }
}

/// Where the item of a list is that a key lies in.
fn item(key: &Key, layers: &Layers) -> Option<Origin> {
    let around = key.outwards().skip(1);
    let mut spots = around.map(|key| Spot::reach(layers, &key));
    let nearest = spots.find(Spot::is_there)?;
    nearest.origin().filter(|_| !nearest.has_variable())
}

/// What to do about variables where none can be.
fn of_variables(wanted: Wanted, spot: &Spot<'_>, layers: &Layers) -> Option<String> {
    let file = layers.names.last().map_or("a file", String::as_str);
    if wanted == Wanted::Table && spot.is_item_of_variable() {
        let (list, origin) = (spot.key.parent()?, spot.origin()?);
        return Some(format!(
            "take {origin} away: a list of tables has none; write `[[{list}]]` into {file}"
        ));
    }
    let within = spot.only_variable_within()?;
    let (key, own) = (&spot.key, layers.variable(&spot.key)?);
    Some(match wanted {
        Wanted::Table => return None,
        Wanted::List => format!(
            "take the environment variable `{within}` away: the items of a list have none; set \
             `{own}`, with commas between them, or write a list of tables into {file}, as \
             `[[{key}]]`"
        ),
        Wanted::Value => {
            format!("take the environment variable `{within}` away, or call it `{own}`")
        }
    })
}

pub(super) fn help_to_correct(origin: Option<&Origin>) -> String {
    match origin {
        Some(Origin::Variable(name)) => format!("correct the environment variable `{name}`"),
        Some(origin) => format!("correct it: {origin}"),
        None => "correct it".to_owned(),
    }
}
