//! Messages of the proofs at compile time, and the proof that a message can show a name.

use crate::base::location::Location;
use crate::declare::declaration::Requirement;

/// A message built in a constant, where there is no `String`.
pub(super) struct Text {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Text {
    const CAPACITY: usize = 8192;

    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    /// A line about the plugin `name`.
    pub(super) const fn line(&mut self, name: &str, does: &str) {
        self.push("\n  `");
        self.push(name);
        self.push("` ");
        self.push(does);
    }

    pub(super) const fn quote(&mut self, name: &str) {
        self.push("`");
        self.push(name);
        self.push("`");
    }

    /// Why a plugin asks for a state: `for its field .. (file:line)`.
    pub(super) const fn field(&mut self, requirement: &Requirement) {
        if requirement.derived.is_some() {
            self.push(" for one of its `requires`");
        } else {
            self.push(" for its field `");
            self.push(requirement.field);
            self.push(": ");
            self.push(requirement.type_text);
            self.push("`");
        }
        self.at(requirement.location);
    }

    pub(super) const fn at(&mut self, location: Location) {
        self.push(" (");
        self.push(location.file());
        self.push(":");
        self.number(location.line());
        self.push(")");
    }

    /// Appends what fits: a cycle of a hundred plugins is understood from its first fifty.
    pub(super) const fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if self.len + bytes.len() > Self::CAPACITY {
            return;
        }
        let mut i = 0;
        while i < bytes.len() {
            self.bytes[self.len] = bytes[i];
            self.len += 1;
            i += 1;
        }
    }

    const fn number(&mut self, n: u32) {
        if n >= 10 {
            self.number(n / 10);
        }
        self.push(match n % 10 {
            0 => "0",
            1 => "1",
            2 => "2",
            3 => "3",
            4 => "4",
            5 => "5",
            6 => "6",
            7 => "7",
            8 => "8",
            _ => "9",
        });
    }

    pub(super) const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "plugins depend on each other in a cycle",
        }
    }
}

/// Panics, in a constant, if messages can't show the name of a plugin.
///
/// # Panics
///
/// With what is wrong with it.
#[track_caller]
pub const fn check_name(name: &str) {
    let bytes = name.as_bytes();
    assert!(
        !bytes.is_empty(),
        "a plugin's name can't be empty: messages show it"
    );
    let mut place = 0;
    while place < bytes.len() {
        if matches!(bytes[place], 0..=b' ' | 0x7f | b'#' | b'`') {
            let mut text = Text::new();
            text.push("a plugin's name is one word, and \"");
            text.push(name);
            text.push(
                "\" is not\nhelp: write no spaces, no `#` (it numbers instances) and no backtick",
            );
            panic!("{}", text.as_str());
        }
        place += 1;
    }
}
