//! The proof that plugins do not depend on each other in a circle, made by the compiler.
//!
//! `#[plugin]` emits a static whose value is [`check`] of its declaration. The check walks the
//! graph of declarations depth first; a circle makes it panic, and a panic while a static is
//! evaluated is a compile error with the panic's message.
//!
//! Crates can't depend on each other in a circle, so a walk never leaves its crate. And each
//! circle is reported once: every declaration has an id, and the walk that starts at one only goes
//! through those with a greater id, so that only the smallest of a circle finds it. That also
//! keeps the walks short: most end after a few steps, and only the smallest of a crate sees most
//! of it.
//!
//! Instances of generic plugins have no static of their own, so no walk starts at one; every walk
//! goes through them, whatever their crate, because their types may lead back. A circle of nothing
//! but such instances never gets here: their declarations are constants that would contain each
//! other, which rustc refuses by itself (E0391).

use crate::declare::declaration::{Declaration, Link, Requirement};

/// How much of the graph one walk can hold. Walks that need more take a larger table.
const SMALL: usize = 64;
const LARGE: usize = 4096;

/// Panics, in a constant, if `start` is the smallest declaration of a circle.
///
/// # Panics
///
/// With the circle as its message.
#[track_caller]
pub const fn check(start: Link) {
    if !walk::<SMALL>(start) {
        assert!(
            walk::<LARGE>(start),
            "more than 3000 plugins of one crate depend on each other; split the crate"
        );
    }
}

/// A step of the walk: where it stands, and which edge it takes next.
#[derive(Clone, Copy)]
struct Step {
    at: &'static Declaration,
    edge: usize,
}

/// Returns false if the table was too small.
#[track_caller]
const fn walk<const N: usize>(start: Link) -> bool {
    let first = Step {
        at: start.declaration(),
        edge: 0,
    };
    let mut path = [first; N];
    let mut depth = 1;
    let mut seen = [0_u64; N];
    let mut seen_count = 0;
    while depth > 0 {
        let Step { at, edge } = path[depth - 1];
        if edge == at.edges() {
            depth -= 1;
            continue;
        }
        path[depth - 1].edge += 1;
        let Some(next) = at.edge(edge) else {
            continue;
        };
        if next.krate() != start.krate() && !next.is_generic() {
            continue;
        }
        if next.id() == start.id() {
            report(path, depth);
        }
        if next.id() < start.id() || !insert(&mut seen, next.id()) {
            continue;
        }
        seen_count += 1;
        // Leave the table a quarter empty, so that looking into it stays cheap and ends.
        if depth == N || seen_count * 4 > N * 3 {
            return false;
        }
        path[depth] = Step {
            at: next.declaration(),
            edge: 0,
        };
        depth += 1;
    }
    true
}

/// Puts `id` into an open-addressing table; false if it was there.
const fn insert(table: &mut [u64], id: u64) -> bool {
    // The rest of the division is less than the length of the table, so it is an index.
    #[allow(clippy::cast_possible_truncation, reason = "see above")]
    let mut place = (id % table.len() as u64) as usize;
    while table[place] != 0 {
        if table[place] == id {
            return false;
        }
        place = (place + 1) % table.len();
    }
    table[place] = id;
    true
}

/// Panics with the circle that `path` runs through.
#[track_caller]
const fn report<const N: usize>(path: [Step; N], depth: usize) -> ! {
    let mut text = Text::new();
    text.push(if depth == 1 {
        "a plugin depends on itself"
    } else {
        "plugins depend on each other in a circle"
    });
    let mut i = 0;
    while i < depth {
        let Step { at, edge } = path[i];
        // The walk has counted the edge that it took already.
        text.edge(at, edge - 1, path[if i + 1 < depth { i + 1 } else { 0 }].at);
        i += 1;
    }
    text.push(if depth == 1 {
        "\nhelp: a plugin makes its states in `load`, and finds them again through its context: `cx.states()`"
    } else {
        "\nhelp: one of them must do without another: take a field away, or move what both need into a plugin of its own"
    });
    panic!("{}", text.as_str());
}

/// A message built in a constant, where there is no `String`.
struct Text {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Text {
    const CAPACITY: usize = 8192;

    const fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    const fn edge(&mut self, from: &Declaration, edge: usize, to: &Declaration) {
        self.push("\n  `");
        self.push(from.name);
        let location = if edge < from.requires.len() {
            let Requirement {
                field,
                type_text,
                location,
                ..
            } = &from.requires[edge];
            self.push("` needs `");
            self.push(to.name);
            self.push("` for its field `");
            self.push(field);
            self.push(": ");
            self.push(type_text);
            location
        } else {
            self.push("` loads after `");
            self.push(to.name);
            &from.after[edge - from.requires.len()].location
        };
        self.push("` (");
        self.push(location.file());
        self.push(":");
        self.number(location.line());
        self.push(")");
    }

    /// Appends what fits: a circle of a hundred plugins is understood from its first fifty.
    const fn push(&mut self, text: &str) {
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

    const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "plugins depend on each other in a circle",
        }
    }
}
