//! A place in the configuration with what is read there: texts, numbers, bools.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use serde::de::{Expected, Visitor};

use crate::values::halt::{Halt, Wanted, Wrong};
use crate::values::key::Key;
use crate::values::known::Known;
use crate::values::spot::{Leaf, Spot};
use crate::values::tree::Content;

/// What is noted while a value is read.
pub(super) struct Run {
    pub(super) known: RefCell<Known>,
    /// Where something is wrong, and has been told. Something stands in for it then, so that the
    /// next fault is found; the number says what.
    pub(super) bad: BTreeMap<Key, usize>,
    /// Words of tables that are not shown: other names of fields, whose own or other name wins.
    pub(super) hidden: BTreeSet<Key>,
    /// How many places have been read, in all attempts.
    pub(super) steps: Cell<usize>,
}

impl Run {
    /// Places are about to be read.
    pub(super) fn step(&self, places: usize) {
        self.steps.set(self.steps.get().saturating_add(places));
    }
}

/// What stands in for text that is wrong: one of these may be what its type takes.
pub(super) const STAND_INS: [&str; 7] = [
    "",
    "0",
    "a",
    "1s",
    "127.0.0.1",
    "127.0.0.1:0",
    "http://localhost/",
];

/// A place, and what is noted of it.
pub(super) struct Place<'r, 'l> {
    pub(super) spot: Spot<'l>,
    pub(super) run: &'r Run,
}

impl Place<'_, '_> {
    /// What stands in for this, if it is known to be wrong.
    pub(super) fn stand_in(&self) -> Option<usize> {
        self.run.bad.get(&self.spot.key).copied()
    }

    /// Something else than a value that is wanted is here, or nothing.
    pub(super) fn not(&self, expected: &dyn Expected) -> Halt {
        self.not_a(Wanted::Value, expected)
    }

    /// Something else than what is wanted is here, or nothing.
    pub(super) fn not_a(&self, wanted: Wanted, expected: &dyn Expected) -> Halt {
        if !self.spot.is_there() {
            return Halt::missing();
        }
        if let Some(Leaf::NotUnicode) = self.spot.leaf() {
            return Halt::new(Wrong::NotUnicode);
        }
        let (expected, found) = (expected.to_string(), self.spot.kind());
        Halt::new(Wrong::Kind {
            expected,
            found,
            wanted,
        })
    }

    pub(super) fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        let expected = (&visitor as &dyn Expected).to_string();
        let text = match (self.stand_in(), self.spot.leaf()) {
            (Some(which), _) => STAND_INS[which].to_owned(),
            (None, Some(Leaf::Text(text))) => match text.plain() {
                Some(text) => text.to_owned(),
                None => return Err(self.not(&visitor)),
            },
            (None, Some(Leaf::Node(node))) => match &node.value {
                Content::Text(text) => text.clone(),
                _ => return Err(self.not(&visitor)),
            },
            _ => return Err(self.not(&visitor)),
        };
        let read = visitor.visit_string::<Halt>(text);
        read.map_err(|halt| halt.expecting(expected))
    }

    pub(super) fn bool<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        let value = match (self.stand_in(), self.spot.leaf()) {
            (Some(_), _) => Some(false),
            (None, Some(Leaf::Text(text))) => text.bare_text().and_then(bool_of),
            (None, Some(Leaf::Node(node))) => match node.value {
                Content::Bool(value) => Some(value),
                _ => None,
            },
            _ => None,
        };
        match value {
            Some(value) => visitor.visit_bool(value),
            None => Err(self.not(&visitor)),
        }
    }

    pub(super) fn int<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        let number = match (self.stand_in(), self.spot.leaf()) {
            (Some(which), _) => which.try_into().ok().map(Content::Int),
            (None, Some(Leaf::Text(text))) => text.bare_text().and_then(int_of),
            (None, Some(Leaf::Node(node))) => Some(node.value.clone()),
            _ => None,
        };
        match number {
            Some(Content::Int(number)) => visit_int(number, visitor),
            Some(Content::Large(number)) => {
                let read = visitor.visit_u128(number);
                read.map_err(Halt::of_large_number)
            }
            Some(Content::Huge) => {
                let (expected, found) = ((&visitor as &dyn Expected).to_string(), "an integer");
                Err(Halt::new(Wrong::Value { expected, found }))
            }
            _ => Err(self.not(&visitor)),
        }
    }

    /// A number that is not greater than `most`, beyond which it would be infinite.
    pub(super) fn float<'de, V: Visitor<'de>>(
        self,
        most: f64,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        let number = match (self.stand_in(), self.spot.leaf()) {
            (Some(_), _) => Some(0.0),
            (None, Some(Leaf::Text(text))) => text.bare_text().and_then(float_of),
            (None, Some(Leaf::Node(node))) => match node.value {
                Content::Float(number) => Some(number),
                Content::Int(number) => return visit_int(number, visitor),
                Content::Large(_) | Content::Huge => Some(f64::MAX),
                _ => None,
            },
            _ => None,
        };
        match number {
            // What is too large to be parsed is infinite then, and not by its own word.
            Some(number) if number.abs() > most && !self.says_infinite() => {
                let (expected, found) = ((&visitor as &dyn Expected).to_string(), "a number");
                Err(Halt::new(Wrong::Value { expected, found }))
            }
            Some(number) => visitor.visit_f64(number),
            None => Err(self.not(&visitor)),
        }
    }

    fn says_infinite(&self) -> bool {
        match self.spot.leaf() {
            Some(Leaf::Text(text)) => text.text.to_lowercase().contains("inf"),
            Some(Leaf::Node(node)) => {
                matches!(node.value, Content::Float(number) if number.is_infinite())
            }
            _ => false,
        }
    }
}

/// The integer that a text is, of any size, as TOML writes them.
fn int_of(text: &str) -> Option<Content> {
    let text = text.trim();
    let radix = match text.get(..2) {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let digits = if radix == 10 { text } else { &text[2..] };
    let unsigned = digits.strip_prefix(['-', '+']).filter(|_| radix == 10);
    let is_digits = |part: &str| !part.is_empty() && part.chars().all(|it| it.is_digit(radix));
    if !unsigned.unwrap_or(digits).split('_').all(is_digits) {
        return None;
    }
    let digits = digits.replace('_', "");
    if let Ok(number) = i128::from_str_radix(&digits, radix) {
        Some(Content::Int(number))
    } else if let Ok(number) = u128::from_str_radix(&digits, radix) {
        Some(Content::Large(number))
    } else {
        Some(Content::Huge)
    }
}

/// The number that a text is, with a point or without.
fn float_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut parts = text.split('_').peekable();
    while let Some(part) = parts.next() {
        let next = parts.peek().map(|next| next.chars().next());
        if next.is_some_and(|next| !is_digit(next) || !is_digit(part.chars().last())) {
            return None;
        }
    }
    text.replace('_', "").parse().ok()
}

/// Whether a text looks like a number, for a type that does not say what it reads.
pub(super) fn looks_like_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
}

/// What people write into variables for a bool.
fn bool_of(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn visit_int<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, Halt> {
    if let Ok(number) = i64::try_from(number) {
        visitor.visit_i64(number)
    } else if let Ok(number) = u64::try_from(number) {
        visitor.visit_u64(number)
    } else {
        let read = visitor.visit_i128(number);
        read.map_err(Halt::of_large_number)
    }
}
