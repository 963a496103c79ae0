//! The proof that plugins do not depend on each other in a circle, made by the compiler.
//!
//! `#[plugin]` emits a static whose value is what [`explore`] finds in the graph of declarations,
//! and one whose value is the [`check`] of that; a circle makes it panic, and a panic while a
//! static is evaluated is a compile error with the panic's message.
//!
//! Crates can't depend on each other in a circle, so a walk never leaves its crate. And each
//! circle is reported once: every declaration has an id, and the walk that starts at one only goes
//! through those with a smaller id, so that only the greatest of a circle finds it.
//!
//! What a walk finds beyond, the *exits*, is the value of its static. Where a walk comes to a
//! plugin with a smaller id, it goes on at the exits of that one, instead of walking the same ways
//! again; rustc evaluates that static first, and because ids get smaller from static to static, it
//! never has to evaluate one for itself. Ids follow the order of the source, because people declare
//! what is needed before or after what needs it, seldom now and then. In both orders a walk ends
//! after one step: either there are no exits, or every neighbour is one.
//!
//! Instances of generic plugins have no static of their own, so no walk starts at one; every walk
//! goes through them, whatever their crate, because their types may lead back. A circle of nothing
//! but such instances never gets here: their declarations are constants that would contain each
//! other, which rustc refuses by itself (E0391).

use crate::declare::declaration::{Declaration, Declared, Link, Proof, Requirement, low};

/// How many plugins a walk may come through; one that needs more is made again, with a table.
const FEW: usize = 48;
const MANY: usize = 4096;

/// What can be reached from `start` through plugins with smaller ids. Does not panic: who comes
/// by would fail as well, and say nothing about its own circle.
pub const fn explore(start: &'static Declared) -> Proof {
    let mut search = Search {
        start: start.link,
        found: Proof::new(),
        seen: [0; FEW],
        seen_count: 0,
    };
    search.edges(&start.declaration);
    if search.seen_count > FEW {
        search.found.give_up();
    }
    search.found
}

/// Panics, in a constant, if `start` has the greatest id of a circle.
///
/// # Panics
///
/// With the circle as its message.
#[track_caller]
pub const fn check(start: &'static Declared) {
    if let Some(proof) = start.proof
        && proof.may_come_back
    {
        walk::<MANY>(start.link);
    }
}

/// The walk that is made for every plugin.
struct Search {
    start: Link,
    found: Proof,
    seen: [u128; FEW],
    seen_count: usize,
}

impl Search {
    const fn edges(&mut self, from: &'static Declaration) {
        let mut edge = 0;
        while edge < from.edges() {
            if let Some(next) = from.edge(edge) {
                self.visit(next);
            }
            edge += 1;
        }
    }

    const fn visit(&mut self, next: Link) {
        let Some(declared) = next.declared() else {
            if self.is_new(next) {
                self.edges(next.declaration());
            }
            return;
        };
        if next.krate() != self.start.krate() {
            return;
        }
        if next.id() > self.start.id() {
            self.found.add(declared);
        } else if next.id() == self.start.id() {
            self.found.may_come_back = true;
        } else {
            self.pass(declared);
        }
    }

    /// Goes on behind a plugin with a smaller id.
    const fn pass(&mut self, declared: &'static Declared) {
        let exits = match declared.proof {
            Some(proof) => proof.exits(),
            None => None,
        };
        let leads_nowhere = matches!(exits, Some([])) || declared.declaration.edges() == 0;
        if leads_nowhere || !self.is_new(declared.link) {
            return;
        }
        let Some(exits) = exits else {
            self.edges(&declared.declaration);
            return;
        };
        let mut i = 0;
        while i < exits.len() {
            if let Some(exit) = exits[i] {
                self.visit(exit.link);
            }
            i += 1;
        }
    }

    /// Whether this one is to be visited: not again, and not if there are too many.
    const fn is_new(&mut self, link: Link) -> bool {
        if self.seen_count > FEW {
            return false;
        }
        let mut i = 0;
        while i < self.seen_count {
            if self.seen[i] == link.id() {
                return false;
            }
            i += 1;
        }
        if self.seen_count < FEW {
            self.seen[i] = link.id();
        }
        self.seen_count += 1;
        self.seen_count <= FEW
    }
}

/// A step of the walk: where it stands, and which edge it takes next.
#[derive(Clone, Copy)]
struct Step {
    at: &'static Declaration,
    edge: usize,
}

/// Panics if there is a way back to `start`, with that way. It costs more than [`explore`], and is
/// made where that has found one, or has found too much to be sure.
#[track_caller]
const fn walk<const N: usize>(start: Link) {
    let first = Step {
        at: start.declaration(),
        edge: 0,
    };
    let mut path = [first; N];
    let mut depth = 1;
    let mut seen = [0_u128; N];
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
        if next.declared().is_some() {
            if next.krate() != start.krate() || next.id() > start.id() {
                continue;
            }
            if next.id() == start.id() {
                report(path, depth);
            }
        }
        if !insert(&mut seen, next.id()) {
            continue;
        }
        seen_count += 1;
        // Leave the table a quarter empty, so that looking into it stays cheap and ends.
        assert!(
            depth < N && seen_count * 4 <= N * 3,
            "more than 3000 plugins of one crate depend on each other; split the crate"
        );
        path[depth] = Step {
            at: next.declaration(),
            edge: 0,
        };
        depth += 1;
    }
}

/// Puts `id` into an open-addressing table; false if it was there.
const fn insert(table: &mut [u128], id: u128) -> bool {
    // The rest of the division is less than the length of the table, so it is an index.
    #[allow(clippy::cast_possible_truncation, reason = "see above")]
    let mut place = (low(id) % table.len() as u64) as usize;
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
