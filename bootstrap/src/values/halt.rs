//! Why reading a value stopped, without the value.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::values::key::Key;
use crate::values::written::Malformed;

/// What stopped reading. The texts in it come from types; only a reason may quote what was read.
pub(super) struct Halt {
    pub(super) wrong: Wrong,
    /// Where, once that is known.
    pub(super) key: Option<Key>,
}

pub(super) enum Wrong {
    /// It is another kind of thing than was expected.
    Kind {
        expected: String,
        found: &'static str,
        wanted: Wanted,
    },
    /// It is the right kind of thing, and still not one of those that are expected.
    Value {
        expected: String,
        found: &'static str,
    },
    /// Two words of a table are names of one field: the one that was read later comes first.
    Twice { keys: Option<(Key, Key)> },
    /// It has as many items as it may not have.
    Length { expected: String, len: usize },
    /// It is a variable that is not one list: it can be read in several ways.
    Malformed(Malformed),
    /// It names none of the variants.
    Variant { expected: &'static [&'static str] },
    /// A field is missing, or the whole.
    Missing { field: Option<&'static str> },
    /// Its type refuses it, and may say why. That may quote the value.
    Refused {
        expected: Option<String>,
        reason: Option<String>,
    },
    /// A variable is no Unicode.
    NotUnicode,
}

/// What was to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Value,
    List,
    Table,
}

impl Halt {
    pub(super) fn new(wrong: Wrong) -> Self {
        Self { wrong, key: None }
    }

    pub(super) fn refused(reason: Option<String>) -> Self {
        let expected = None;
        Self::new(Wrong::Refused { expected, reason })
    }

    pub(super) fn missing() -> Self {
        Self::new(Wrong::Missing { field: None })
    }

    /// It happened here, unless it is known to have happened further in.
    pub(super) fn at(mut self, key: &Key) -> Self {
        if self.key.is_none() {
            self.key = Some(match self.wrong {
                Wrong::Missing { field: Some(field) } => key.child(field),
                _ => key.clone(),
            });
        }
        self
    }

    /// Which two words of the table that was read are names of one field, if that is what is wrong.
    pub(super) fn twice(mut self, words: Option<(Key, Key)>) -> Self {
        if let (Wrong::Twice { keys }, None, Some(words)) = (&mut self.wrong, &self.key, words) {
            self.key = Some(words.0.clone());
            *keys = Some(words);
        }
        self
    }

    /// A number that its type does not know at all is out of its range.
    pub(super) fn of_large_number(mut self) -> Self {
        if let Wrong::Kind { expected, .. } = &mut self.wrong {
            let (expected, found) = (std::mem::take(expected), "an integer");
            self.wrong = Wrong::Value { expected, found };
        }
        self
    }

    /// What was expected, if that is not known yet.
    pub(super) fn expecting(mut self, what: String) -> Self {
        if let Wrong::Refused { expected, .. } = &mut self.wrong {
            expected.get_or_insert(what);
        }
        self
    }
}

/// What kind of thing a type found.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a bool",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) => "a character",
        Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit => "nothing",
        Unexpected::Option => "an optional value",
        Unexpected::Seq => "a list",
        Unexpected::Map | Unexpected::NewtypeStruct => "a table",
        Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant => "a variant",
        Unexpected::Other(_) => "something else",
    }
}

impl de::Error for Halt {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::refused(Some(reason.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Wrong::Kind {
            expected: expected.to_string(),
            found: kind(found),
            wanted: Wanted::Value,
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (expected, found) = (expected.to_string(), kind(found));
        Self::new(Wrong::Value { expected, found })
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Self::new(Wrong::Length { expected, len })
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Wrong::Variant { expected })
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::refused(Some(
            "it has a field that the type does not have".to_owned(),
        ))
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::new(Wrong::Twice { keys: None })
    }

    fn missing_field(field: &'static str) -> Self {
        let field = Some(field);
        Self::new(Wrong::Missing { field })
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the configuration can't be read")
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Halt {}
