//! Reads a value, and goes on after a fault to find the others.

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use crate::base::panic;
use crate::values::fault::Fault;
use crate::values::halt::{Halt, Wrong};
use crate::values::key::Key;
use crate::values::known::Known;
use crate::values::layers::Layers;
use crate::values::place::{Run, STAND_INS};
use crate::values::reader::Reader;
use crate::values::spot::Spot;

/// How often a value is read again to find one more fault, at most.
const ATTEMPTS: usize = 200;

/// After how many places it is not read again, so that many faults in a large file take no longer than
/// one in it does.
const STEPS: usize = 250_000;

/// Whether anything is set at a key.
pub(crate) fn is_there(layers: &Layers, key: &Key) -> bool {
    Spot::find(layers, key).is_there()
}

/// What is wrong if a value stands where a table should, around the key.
pub(crate) fn blocked(layers: &Layers, key: &Key) -> Option<Fault> {
    let around = Spot::around(layers, key)?;
    Some(Fault::no_table(key.clone(), &around))
}

/// Where what stands at a key comes from, in words.
pub(crate) fn origin(layers: &Layers, key: &Key) -> Option<String> {
    Some(Spot::find(layers, key).origin()?.to_string())
}

/// Reads the value at a key; notes what of the configuration it knows. Runs the user's code.
///
/// `serde` stops at the first fault. So what is wrong is noted, something that its type may take
/// is put in its place, and it is read again, until there is nothing new.
///
/// # Errors
///
/// Every fault that was found; at least one.
pub(crate) fn read<T: DeserializeOwned>(
    layers: &Layers,
    key: &Key,
    known: &mut Known,
) -> Result<T, Vec<Fault>> {
    known.ask(key);
    let mut run = Run {
        known: RefCell::new(std::mem::take(known)),
        bad: BTreeMap::new(),
        hidden: BTreeSet::new(),
        steps: Cell::new(0),
    };
    let read = attempts(layers, key, &mut run);
    *known = run.known.into_inner();
    read
}

fn attempts<T: DeserializeOwned>(
    layers: &Layers,
    key: &Key,
    run: &mut Run,
) -> Result<T, Vec<Fault>> {
    let mut faults = Vec::new();
    for attempt in 0.. {
        if attempt == ATTEMPTS || run.steps.get() > STEPS {
            faults.push(Fault::cut_off(key.clone()));
            break;
        }
        let spot = Spot::find(layers, key);
        // The message of a panic may hold the value.
        let read = panic::guard(|| T::deserialize(Reader::new(spot, run)));
        let read = read.unwrap_or_else(|_| Err(Halt::refused(None)));
        let mut halt = match read {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(halt) => halt.at(key),
        };
        if let (Wrong::Refused { reason, .. }, true) = (&mut halt.wrong, is_secret::<T>()) {
            *reason = None;
        }
        if let Wrong::Twice {
            keys: Some((later, earlier)),
        } = &halt.wrong
        {
            let loser = loser(layers, later, earlier);
            if loser.is_none() {
                faults.push(Fault::of_halt(&halt, later.clone(), layers));
            }
            let hidden = loser.unwrap_or(later).clone();
            run.hidden.insert(hidden);
            continue;
        }
        if !note(&halt, layers, &mut run.bad, &mut faults) {
            break;
        }
    }
    Err(faults)
}

/// Whether a type says by itself that it holds a secret.
fn is_secret<T>() -> bool {
    type_name::<T>().contains("secrecy::SecretBox")
}

/// Of two names of one field, the one whose layer does not win; none if both stand in one.
fn loser<'k>(layers: &Layers, one: &'k Key, other: &'k Key) -> Option<&'k Key> {
    let (at_one, at_other) = (Spot::reach(layers, one), Spot::reach(layers, other));
    if at_one.is_weaker_than(&at_other) {
        return Some(one);
    }
    at_other.is_weaker_than(&at_one).then_some(other)
}

/// Notes what stopped reading; false if nothing new can be found.
fn note(
    halt: &Halt,
    layers: &Layers,
    bad: &mut BTreeMap<Key, usize>,
    faults: &mut Vec<Fault>,
) -> bool {
    let Some(at) = halt.key.clone() else {
        return false;
    };
    if let Some(which) = bad.get_mut(&at) {
        // What stands in for it is refused as well: perhaps another one is not.
        *which += 1;
        return *which < STAND_INS.len();
    }
    let is_within_bad = at.outwards().any(|around| bad.contains_key(&around));
    // What stands in for a part of it may be what its type refuses.
    let is_around_bad = matches!(halt.wrong, Wrong::Refused { .. })
        && bad
            .range(&at..)
            .next()
            .is_some_and(|(key, _)| key.is_within(&at));
    if !is_within_bad && !is_around_bad {
        faults.push(Fault::of_halt(halt, at.clone(), layers));
    }
    bad.insert(at, 0);
    true
}
