//! TOML files, with the line and column of every value.

use std::env;
use std::fs::{self, File, Metadata};
use std::io::{Error, ErrorKind, Read as _};
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

/// The largest file that is read, in bytes: 1 MiB.
const LARGEST: u64 = 1024 * 1024;

/// Why the text of a file can't be had.
enum Unread {
    Error(Error),
    /// It is something else than a regular file.
    Kind(&'static str),
    TooLarge,
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Reads a file; `None` if it is not there and need not be.
pub(super) fn read(path: &Path, required: bool) -> Result<Option<Table>, BadSource> {
    match text_of(path) {
        Ok(text) => parse(&path.display().to_string(), &text).map(Some),
        Err(Unread::Error(error)) if error.kind() == ErrorKind::NotFound && !required => Ok(None),
        Err(why) => Err(unreadable(&why, path)),
    }
}

/// The text of a regular file of a limited size.
fn text_of(path: &Path) -> Result<String, Unread> {
    // Before it is opened, because opening a pipe or a device may already have an effect.
    check_kind(&fs::metadata(path)?)?;
    let file = open(path)?;
    // Something else may stand there by now.
    check_kind(&file.metadata()?)?;
    let mut bytes = Vec::new();
    // One byte more tells that there is more.
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Unread::TooLarge);
    }
    String::from_utf8(bytes).map_err(|_| Error::from(ErrorKind::InvalidData).into())
}

/// Opens a file without waiting: a pipe would wait for a writer.
#[cfg(unix)]
fn open(path: &Path) -> Result<File, Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    options.open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<File, Error> {
    File::open(path)
}

fn check_kind(metadata: &Metadata) -> Result<(), Unread> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(Error::from(ErrorKind::IsADirectory).into())
    } else {
        Err(Unread::Kind(special(metadata)))
    }
}

/// What something is that is neither a file nor a directory.
#[cfg(unix)]
fn special(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match metadata.file_type() {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    }
}

#[cfg(not(unix))]
fn special(_: &Metadata) -> &'static str {
    "something else"
}

/// Why a file can't be read, and what to do about it.
fn unreadable(why: &Unread, path: &Path) -> BadSource {
    let (wrong, help) = match why {
        Unread::Error(error) if error.kind() == ErrorKind::NotFound => (
            absent(path),
            "create it, or add it with `optional_file` if the app can do without",
        ),
        Unread::Error(error) => failed(error),
        Unread::Kind(kind) => (
            format!("is {kind}, not a regular file"),
            "copy its content into a file, or read it in `main` and add the text as \
             `.source(config::File::from_str(..))`",
        ),
        Unread::TooLarge => (
            "is larger than 1 MiB".to_owned(),
            "split it into several files, or add it as `.source(config::File::from(path))`, which \
             has no limit",
        ),
    };
    BadSource {
        wrong,
        origin: None,
        help: help.to_owned(),
    }
}

/// That a file is not there. A relative path begins where the process was started.
fn absent(path: &Path) -> String {
    match env::current_dir() {
        Ok(directory) if path.is_relative() => {
            format!(
                "is not there: the directory of the process is `{}`",
                directory.display()
            )
        }
        _ => "is not there".to_owned(),
    }
}

fn failed(error: &Error) -> (String, &'static str) {
    match error.kind() {
        ErrorKind::InvalidData => ("is no text in UTF-8".to_owned(), "save it as UTF-8"),
        ErrorKind::IsADirectory => ("is a directory".to_owned(), "name a TOML file in it"),
        ErrorKind::PermissionDenied => (
            format!("can't be read: {error}"),
            "let this user read it, or take it out of the `Configuration`",
        ),
        _ => (
            format!("can't be read: {error}"),
            "see that it can be read, or take it out of the `Configuration`",
        ),
    }
}

/// Reads the text of a file.
fn parse(file: &str, text: &str) -> Result<Table, BadSource> {
    let places = Places::new(file, text);
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

/// How many bytes of a text are counted at once.
const BLOCK: usize = 256;

/// The places in a text.
struct Places<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many characters begin before each block.
    blocks: Vec<usize>,
}

impl<'t> Places<'t> {
    fn new(file: &str, text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let begins = ends.map(|(end, _)| end + 1);
        let blocks = text.as_bytes().chunks(BLOCK).scan(0, |before, block| {
            let own = begin_in(block);
            *before += own;
            Some(*before - own)
        });
        Self {
            file: file.into(),
            text,
            lines: std::iter::once(0).chain(begins).collect(),
            blocks: blocks.collect(),
        }
    }

    /// Lines and columns are counted from 1, columns in characters.
    fn at(&self, byte: usize) -> Origin {
        let byte = byte.min(self.text.len());
        let line = self.lines.partition_point(|begin| *begin <= byte);
        let begin = self.lines[line - 1];
        Origin::File {
            file: Arc::clone(&self.file),
            line,
            column: self.chars_before(byte) - self.chars_before(begin) + 1,
        }
    }

    fn chars_before(&self, byte: usize) -> usize {
        let block = byte / BLOCK;
        let counted = self.blocks.get(block).copied();
        let rest = &self.text.as_bytes()[block * BLOCK..byte];
        match counted {
            Some(counted) => counted + begin_in(rest),
            // The end of a text whose last block is full.
            None => self.blocks.last().map_or(0, |counted| {
                let last = &self.text.as_bytes()[(block - 1) * BLOCK..];
                counted + begin_in(last)
            }),
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

/// How many characters begin in some bytes of UTF-8.
fn begin_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_in_characters() {
        let text = format!("ä = 1\n\n{}ö\nb", "x".repeat(3 * BLOCK));
        let places = Places::new("f", &text);
        for (byte, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let before = &text[..byte];
            let begin = before.rfind('\n').map_or(0, |end| end + 1);
            let (line, column) = (
                before.matches('\n').count() + 1,
                before[begin..].chars().count() + 1,
            );
            assert_eq!(places.at(byte).to_string(), format!("f:{line}:{column}"));
        }
        let full = "x".repeat(BLOCK);
        assert_eq!(Places::new("f", &full).at(BLOCK).to_string(), "f:1:257");
        assert_eq!(Places::new("f", "").at(7).to_string(), "f:1:1");
    }
}
