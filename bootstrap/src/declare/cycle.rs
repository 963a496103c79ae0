//! The proof that plugins do not depend on each other in a cycle, made by the compiler.
//!
//! `#[plugin]` emits a static whose value is what [`explore`] finds in the graph of declarations,
//! and one whose value is the [`check`] of that; a cycle makes it panic, and a panic while a
//! static is evaluated is a compile error with the panic's message.
//!
//! Crates can't depend on each other in a cycle, so a walk never leaves its crate. And each
//! cycle is reported once: every declaration has an id, and the walk that starts at one only goes
//! through those with a smaller id, so that only the greatest of a cycle finds it.
//!
//! What a walk finds beyond, the *exits*, is the value of its static. Where a walk comes to a
//! plugin with a smaller id, it goes on at the exits of that one, instead of walking the same ways
//! again; rustc evaluates that static first, and because ids get smaller from static to static, it
//! never has to evaluate one for itself. Ids follow the order of the source, because people declare
//! what is needed before or after what needs it, seldom now and then. In both orders a walk ends
//! after one step: either there are no exits, or every neighbour is one.
//!
//! Instances of generic plugins have no static of their own, so no walk starts at one; every walk
//! goes through them, whatever their crate, because their types may lead back. A cycle of nothing
//! but such instances never gets here: their declarations are constants that would contain each
//! other, which rustc refuses by itself (E0391).
//!
//! A plugin that another one registers while it loads is a *child*. A plugin that needs its state waits for
//! its parent as well, and a parent for the children that it lists: these are edges like others. A
//! child that names its parent (`child_of`) is not known to that, so each such child is the start of
//! one more walk, which looks for a way to its parent. What leads through two such children, each
//! needing the parent of the other, is left to the plan.

use crate::declare::const_text::Text;
use crate::declare::declaration::{
    Declaration, Declared, Link, MOST_ANCESTORS, Mention, Proof, low,
};
use crate::declare::kin;

/// How many plugins a walk may come through; one that needs more is made again, with a table.
const FEW: usize = 48;
const MANY: usize = 4096;

/// What can be reached from `start` through plugins with smaller ids. Does not panic: a walk that comes
/// by would fail as well, and say nothing about its own cycle.
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

/// Panics, in a constant, if `start` has the greatest id of a cycle, or if there is one because it
/// is a child.
///
/// # Panics
///
/// With the cycle as its message.
#[track_caller]
pub const fn check(start: &'static Declared) {
    kin::check_family(start.link);
    if let Some(proof) = start.proof
        && proof.may_come_back
    {
        walk::<MANY>(start.link, Goal::Start);
    }
    // A parent that lists its child has an edge to it, and needs no walk of its own.
    if let Some(parent) = start.link.parent()
        && !parent.plugin.declaration().lists(start.link)
    {
        walk::<MANY>(start.link, Goal::Parent);
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
        let mut step = Step::first(from);
        while let Some(next) = step.advance(None) {
            self.visit(next);
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

/// A step of the walk: where it stands, and which edge it took last.
#[derive(Clone, Copy)]
struct Step {
    at: &'static Declaration,
    /// How many edges have been taken.
    edge: usize,
    /// The last one leads to the state of a child: how many parents up from that the step is.
    ups: usize,
}

impl Step {
    const fn first(at: &'static Declaration) -> Self {
        Self {
            at,
            edge: 0,
            ups: 0,
        }
    }

    /// The next plugin that has to load before this one, if there is another. Does not go up from
    /// `stop`.
    const fn advance(&mut self, stop: Option<Link>) -> Option<Link> {
        if let Some(last) = self.last()
            && self.ups < MOST_ANCESTORS
            && !is(stop, last)
            && let Some(parent) = self.at.parent_of(self.edge - 1, last)
        {
            self.ups += 1;
            return Some(parent);
        }
        self.ups = 0;
        while self.edge < self.at.edges() {
            self.edge += 1;
            if let Some(next) = self.at.edge(self.edge - 1) {
                return Some(next);
            }
        }
        None
    }

    /// Where the last edge led.
    const fn last(&self) -> Option<Link> {
        if self.edge == 0 {
            return None;
        }
        let mut last = self.at.edge(self.edge - 1);
        let mut ups = 0;
        while let Some(link) = last
            && ups < self.ups
        {
            last = match link.parent() {
                Some(parent) => Some(parent.plugin),
                None => None,
            };
            ups += 1;
        }
        last
    }
}

const fn is(one: Option<Link>, other: Link) -> bool {
    match one {
        Some(one) => one.id() == other.id(),
        None => false,
    }
}

/// What a walk looks for.
#[derive(Clone, Copy)]
enum Goal {
    /// A way back, through smaller ids.
    Start,
    /// A way to the parent of a child, or to the parent of that, and so on: it waits for the child.
    Parent,
}

impl Goal {
    const fn is_reached(self, start: Link, next: Link) -> bool {
        // Instances of a generic plugin can't be told from each other here.
        next.declared().is_some()
            && match self {
                Goal::Start => next.id() == start.id(),
                Goal::Parent => start.declaration().is_within(next),
            }
    }

    /// Whether the walk goes on behind a plugin.
    const fn goes_through(self, start: Link, next: Link) -> bool {
        next.declared().is_none()
            || next.krate() == start.krate()
                && match self {
                    Goal::Start => next.id() < start.id(),
                    Goal::Parent => next.id() != start.id(),
                }
    }
}

/// Panics if there is a way from `start` to the goal, with that way. It costs more than [`explore`],
/// and is made where that has found one, or has found too much to be sure.
#[track_caller]
const fn walk<const N: usize>(start: Link, goal: Goal) {
    let mut path = [Step::first(start.declaration()); N];
    let mut depth = 1;
    let mut seen = [0_u128; N];
    let mut seen_count = 0;
    let stop = match goal {
        Goal::Start => None,
        Goal::Parent => Some(start),
    };
    while depth > 0 {
        let Some(next) = path[depth - 1].advance(stop) else {
            depth -= 1;
            continue;
        };
        if goal.is_reached(start, next) {
            report(path, depth, goal, next.declaration());
        }
        if !goal.goes_through(start, next) || !insert(&mut seen, next.id()) {
            continue;
        }
        seen_count += 1;
        // Leave the table a quarter empty, so that looking into it stays cheap and ends.
        assert!(
            depth < N && seen_count * 4 <= N * 3,
            "more than 3000 plugins of one crate depend on each other; split the crate"
        );
        path[depth] = Step::first(next.declaration());
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

/// Panics with the cycle that `path` runs through, which ends at `end`.
#[track_caller]
const fn report<const N: usize>(
    path: [Step; N],
    depth: usize,
    goal: Goal,
    end: &'static Declaration,
) -> ! {
    let mut text = Text::new();
    let is_alone = depth == 1 && matches!(goal, Goal::Start);
    text.push(if is_alone {
        "a plugin depends on itself"
    } else {
        "plugins depend on each other in a cycle"
    });
    let mut i = 0;
    while i < depth {
        let to = if i + 1 < depth { path[i + 1].at } else { end };
        write_step(&mut text, path[i], to);
        i += 1;
    }
    let start = path[0].at;
    if let (Goal::Parent, Some(within)) = (goal, start.child_of) {
        write_family(&mut text, end, start, &within);
    }
    text.push("\nhelp: ");
    text.push(match goal {
        Goal::Parent => kin::PARENT_WAITS,
        Goal::Start if is_alone && path[0].ups > 0 => kin::AWAIT_THE_CHILD,
        Goal::Start if is_alone => {
            "a plugin makes its states in `load`, and finds them again through its context: `cx.states()`"
        }
        Goal::Start => {
            "one of them must do without another: take a field away, or move what both need into a plugin of its own"
        }
    });
    panic!("{}", text.as_str());
}

/// Why a step of the walk leads to `to`.
const fn write_step(text: &mut Text, Step { at, edge, ups }: Step, to: &Declaration) {
    // The walk has counted the edge that it took already.
    let edge = edge - 1;
    let places = at.requires.len();
    if edge >= places {
        let is_child = edge >= places + at.after.len();
        text.line(
            at.name,
            if is_child {
                "waits for "
            } else {
                "loads after "
            },
        );
        text.quote(to.name);
        text.push(if is_child { ", its child" } else { "" });
        text.at(at.mention(edge - places).location);
        return;
    }
    text.line(at.name, "needs ");
    if ups > 0
        && let Some(child) = at.edge(edge)
    {
        text.quote(child.declaration().name);
        text.push(", child of ");
        text.quote(to.name);
        text.push(",");
    } else {
        text.quote(to.name);
    }
    text.field(&at.requires[edge]);
}

/// That a parent waits for its child.
const fn write_family(text: &mut Text, parent: &Declaration, child: &Declaration, at: &Mention) {
    text.line(parent.name, "waits for ");
    text.quote(child.name);
    text.push(", which is a child of it");
    text.at(at.location);
}
