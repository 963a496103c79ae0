//! What was read, as a tree that knows where each value comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ::config::{Value, ValueKind};

use crate::base::location::Location;
use crate::values::key::Key;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    File {
        file: Arc<str>,
        line: usize,
        column: usize,
    },
    /// A source of the crate `config`, which may say what it is called.
    Source(Arc<str>),
    Variable(String),
    Code(Location),
}

impl Origin {
    /// What the file, or another source, is called.
    pub(super) fn source(&self) -> Option<&str> {
        match self {
            Origin::File { file: name, .. } | Origin::Source(name) => Some(name),
            Origin::Variable(_) | Origin::Code(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Origin::Source(name) => f.write_str(name),
            Origin::Variable(name) => write!(f, "the environment variable `{name}`"),
            Origin::Code(at) => write!(f, "the value that is set at {at}"),
        }
    }
}

/// A value, and where it comes from. It has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Content,
    pub(super) origin: Origin,
}

#[derive(Clone)]
pub(super) enum Content {
    Nil,
    Bool(bool),
    Int(i128),
    /// Greater than any `i128`.
    Large(u128),
    /// An integer that is too large for any type.
    Huge,
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
}

pub(super) type Table = BTreeMap<String, Node>;

impl Content {
    /// What kind of value it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Content::Nil => "nothing",
            Content::Bool(_) => "a bool",
            Content::Int(_) | Content::Large(_) | Content::Huge => "an integer",
            Content::Float(_) => "a float",
            Content::Text(text) if text.is_empty() => "an empty string",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Table(_) => "a table",
        }
    }
}

impl Node {
    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The whole of a layer.
    pub(super) fn root(table: Table) -> Self {
        Self {
            value: Content::Table(table),
            origin: Origin::Source("the configuration".into()),
        }
    }

    pub(super) fn into_table(self) -> Option<Table> {
        match self.value {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    /// A value of the crate `config`; `origin` if it does not say where it comes from.
    pub(super) fn from_value(value: Value, origin: &Origin) -> Self {
        let own = value.origin().map(|own| Origin::Source(own.into()));
        let origin = own.unwrap_or_else(|| origin.clone());
        let value = match value.kind {
            ValueKind::Nil => Content::Nil,
            ValueKind::Boolean(value) => Content::Bool(value),
            ValueKind::I64(value) => Content::Int(value.into()),
            ValueKind::I128(value) => Content::Int(value),
            ValueKind::U64(value) => Content::Int(value.into()),
            ValueKind::U128(value) => {
                i128::try_from(value).map_or(Content::Large(value), Content::Int)
            }
            ValueKind::Float(value) => Content::Float(value),
            ValueKind::String(value) => Content::Text(value),
            ValueKind::Array(values) => {
                let nodes = values.into_iter().map(|it| Self::from_value(it, &origin));
                Content::List(nodes.collect())
            }
            ValueKind::Table(values) => {
                let nodes = values.into_iter();
                let nodes = nodes.map(|(key, it)| (key, Self::from_value(it, &origin)));
                Content::Table(nodes.collect())
            }
        };
        Self { value, origin }
    }
}

/// Puts `over` over `under`: tables are merged, anything else is replaced.
pub(super) fn merge(under: &mut Table, over: Table) {
    for (key, node) in over {
        match (under.get_mut(&key), node) {
            (
                Some(Node {
                    value: Content::Table(known),
                    ..
                }),
                Node {
                    value: Content::Table(table),
                    ..
                },
            ) => merge(known, table),
            (_, node) => {
                under.insert(key, node);
            }
        }
    }
}

/// Puts a value at a key, and tables where there are none on the way.
pub(super) fn put(table: &mut Table, key: &Key, node: Node) {
    let Some((last, way)) = key.parts().split_last() else {
        return;
    };
    let origin = node.origin.clone();
    let mut over = Table::from([(last.clone(), node)]);
    for part in way.iter().rev() {
        let (value, origin) = (Content::Table(over), origin.clone());
        over = Table::from([(part.clone(), Node { value, origin })]);
    }
    merge(table, over);
}
