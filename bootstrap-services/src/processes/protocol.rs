//! What a child and the service send each other, a line of JSON each.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The variables of a child.
pub(super) const ID: &str = "BOOTSTRAP_PROCESS_ID";
pub(super) const SOCKET: &str = "BOOTSTRAP_SOCKET_PATH";
pub(super) const TOKEN: &str = "BOOTSTRAP_TOKEN";
pub(super) const METADATA: &str = "BOOTSTRAP_METADATA";
/// In milliseconds: how often the child sends a heartbeat.
pub(super) const HEARTBEAT: &str = "BOOTSTRAP_HEARTBEAT_MS";

/// A message of a child.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum FromChild {
    /// The first one of each connection.
    Connected {
        token: String,
        /// The number of the oldest event that the child keeps, or the next one.
        first: u64,
        /// The number of the last event, 0 before the first.
        last: u64,
    },
    Heartbeat,
    Event {
        seq: u64,
        event: String,
        #[serde(default)]
        data: Value,
    },
    /// The child closes the connection on purpose.
    Disconnecting,
}

/// A message to a child.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum ToChild<'a> {
    /// The answer to `connected`.
    Welcome {
        acknowledged: u64,
    },
    Acknowledged {
        seq: u64,
    },
    Command {
        name: &'a str,
        data: Value,
    },
}

impl ToChild<'_> {
    /// Returns the line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        // Nothing in it can fail: its keys are text.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Returns a token that can't be guessed: 128 bits.
pub(super) fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Compares tokens in a time that does not depend on where they differ.
pub(super) fn is_same(expected: &str, found: &str) -> bool {
    if expected.len() != found.len() {
        return false;
    }
    let bytes = expected.bytes().zip(found.bytes());
    let difference = bytes.fold(0, |found, (a, b)| black_box(found | (a ^ b)));
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert_eq!(one.len(), 32);
        assert!(is_same(&one, &one.clone()));
        assert!(!is_same(&one, &other) && !is_same(&one, "") && !is_same(&one, &one[1..]));
    }

    #[test]
    fn messages_are_lines_of_json() {
        let text = |message: &ToChild<'_>| String::from_utf8(message.line()).unwrap();
        let welcome = ToChild::Welcome { acknowledged: 7 };
        assert_eq!(
            text(&welcome),
            "{\"type\":\"welcome\",\"acknowledged\":7}\n"
        );
        let command = ToChild::Command {
            name: "a\nb",
            data: Value::Null,
        };
        let expected = "{\"type\":\"command\",\"name\":\"a\\nb\",\"data\":null}\n";
        assert_eq!(text(&command), expected);
    }

    #[test]
    fn an_unknown_message_is_an_error() {
        for text in [
            "{}",
            "{\"type\":\"hello\"}",
            "{\"type\":\"event\",\"seq\":-1,\"event\":\"a\"}",
            "[]",
        ] {
            assert!(serde_json::from_str::<FromChild>(text).is_err(), "{text}");
        }
    }
}
