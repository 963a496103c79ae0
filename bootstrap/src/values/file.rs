//! TOML files, with the line and column of every value.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use crate::values::tree::{Content, Node, Origin, Table};

/// Why a file, or another source, is of no use.
#[derive(Clone)]
pub(super) struct BadSource {
    /// What is wrong, as a clause after the file's name, or as a sentence. Never a part of the
    /// file.
    pub(super) wrong: String,
    pub(super) origin: Option<Origin>,
    /// What to do about it.
    pub(super) help: String,
}

/// Reads a file; `None` if it is not there and need not be.
pub(super) fn read(path: &Path, required: bool) -> Result<Option<Table>, BadSource> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !required => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    parse(&path.display().to_string(), &text).map(Some)
}

/// Why a file can't be read, and what to do about it.
fn unreadable(path: &Path, error: &Error) -> BadSource {
    // Windows says of a directory that access is denied.
    let (wrong, help) = match error.kind() {
        ErrorKind::NotFound => (
            "is not there".to_owned(),
            "create it, or add it with `optional_file` if the app can do without",
        ),
        ErrorKind::InvalidData => ("is no text in UTF-8".to_owned(), "save it as UTF-8"),
        _ if path.is_dir() => ("is a directory".to_owned(), "name a TOML file in it"),
        ErrorKind::PermissionDenied => (
            format!("can't be read: {error}"),
            "let this user read it, or take it out of the `Configuration`",
        ),
        _ => (
            format!("can't be read: {error}"),
            "see that it can be read, or take it out of the `Configuration`",
        ),
    };
    BadSource {
        wrong,
        origin: None,
        help: help.to_owned(),
    }
}

/// Reads the text of a file.
fn parse(file: &str, text: &str) -> Result<Table, BadSource> {
    let places = Places {
        file: file.into(),
        text,
    };
    match DeTable::parse(text) {
        Ok(table) => Ok(places.table(table.into_inner())),
        Err(error) => {
            let at = places.at(error.span().map_or(0, |span| span.start));
            Err(BadSource {
                // The message of the parser, and never what it displays: that quotes the line.
                wrong: format!("is not valid TOML: {}", error.message().trim()),
                help: format!("correct it at {at}"),
                origin: Some(at),
            })
        }
    }
}

/// The places in a text.
struct Places<'t> {
    file: Arc<str>,
    text: &'t str,
}

impl Places<'_> {
    /// Lines and columns are counted from 1, columns in characters.
    fn at(&self, byte: usize) -> Origin {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Origin::File {
            file: Arc::clone(&self.file),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn table(&self, table: DeTable<'_>) -> Table {
        let nodes = table.into_iter().map(|(key, value)| {
            // A value is found where its key stands.
            let origin = self.at(key.span().start);
            let name = key.into_inner().into_owned();
            (name, self.node(value.into_inner(), origin))
        });
        nodes.collect()
    }

    fn node(&self, value: DeValue<'_>, origin: Origin) -> Node {
        let value = match value {
            DeValue::String(text) => Content::Text(text.into_owned()),
            DeValue::Integer(number) => {
                let parsed = i128::from_str_radix(number.as_str(), number.radix());
                let large = || u128::from_str_radix(number.as_str(), number.radix());
                match parsed {
                    Ok(number) => Content::Int(number),
                    Err(_) => large().map_or(Content::Huge, Content::Large),
                }
            }
            DeValue::Float(number) => {
                // A float that does not parse is one that no type can hold.
                Content::Float(number.as_str().parse().unwrap_or(f64::NAN))
            }
            DeValue::Boolean(value) => Content::Bool(value),
            DeValue::Datetime(time) => Content::Text(time.to_string()),
            DeValue::Array(values) => {
                let nodes = values.into_iter().map(|value: Spanned<DeValue<'_>>| {
                    let at = self.at(value.span().start);
                    self.node(value.into_inner(), at)
                });
                Content::List(nodes.collect())
            }
            DeValue::Table(table) => Content::Table(self.table(table)),
        };
        Node { value, origin }
    }
}
