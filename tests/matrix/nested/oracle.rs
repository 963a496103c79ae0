//! Who must load and who must fail, without a clock: a walk over the case from its first plugin to
//! the last.
//!
//! A batch fails if any of it would fail by itself; who of the others loads meanwhile, nobody
//! knows. That is all the vagueness there is, as long as nobody asks the app to stop.

use crate::case::Fault;
use crate::nested::case::{Case, Entry, Need, Node, Then, Way};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Loads,
    /// By itself, if nothing else cuts it off before.
    Fails,
    /// It loads or not, or was never asked.
    Either,
    /// It never begins.
    Never,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Well,
    Error,
    /// Nobody tries that again.
    Dead,
    Unknown,
}

pub struct Oracle<'a> {
    case: &'a Case,
    /// Of those registered with the app: whether it was there at the barrier behind it.
    was_there: &'a dyn Fn(usize, usize) -> bool,
    pub fates: Vec<Fate>,
    /// For each barrier whether it is called.
    pub barriers: Vec<(usize, Fate)>,
}

impl<'a> Oracle<'a> {
    /// Tells everything; the second is whether it boots.
    pub fn ask(case: &'a Case, was_there: &'a dyn Fn(usize, usize) -> bool) -> (Self, Fate) {
        let fate = |node: &Node| match node.parent {
            Some(_) => Fate::Either,
            None => Fate::Never,
        };
        let mut oracle = Self {
            case,
            was_there,
            fates: case.nodes.iter().map(fate).collect(),
            barriers: Vec::new(),
        };
        let fate = oracle.entries(&case.ground());
        (oracle, fate)
    }

    /// What becomes of a scope.
    fn entries(&mut self, entries: &[Entry]) -> Fate {
        let mut pending = Fate::Loads;
        // What stands between the last barrier and the next.
        let mut here: Vec<usize> = Vec::new();
        let mut first_barrier = self.barriers.len();
        let mut before = Fate::Loads;
        for entry in entries {
            match entry {
                Entry::Plugin(node) => {
                    let fate = self.unless(before, *node);
                    here.push(*node);
                    pending = worse(pending, fate);
                }
                Entry::Scope(inside) => {
                    if before == Fate::Fails {
                        continue;
                    }
                    let fate = self.entries(inside);
                    here.extend(nodes(inside));
                    pending = worse(pending, fate);
                }
                Entry::Barrier(number, barrier) => {
                    let acts = barrier.act.fault;
                    let called = match (barrier.recovers, pending) {
                        (false, _) | (true, Fate::Fails) => Fate::Loads,
                        (true, Fate::Loads) => Fate::Never,
                        (true, _) => Fate::Either,
                    };
                    self.blur(&here, pending);
                    self.blur_barriers(first_barrier, pending);
                    self.barriers.push((*number, called));
                    first_barrier = self.barriers.len();
                    if pending != Fate::Loads {
                        self.resolve(&here, *number);
                    }
                    pending = match (barrier.recovers, acts, pending) {
                        (_, _, Fate::Loads) if called == Fate::Never => Fate::Loads,
                        (true, Fault::None, _) => Fate::Loads,
                        (false, Fault::None, pending) => pending,
                        (_, _, Fate::Either) if barrier.recovers => Fate::Either,
                        _ => Fate::Fails,
                    };
                    here.clear();
                    before = pending;
                }
            }
        }
        self.blur(&here, pending);
        self.blur_barriers(first_barrier, pending);
        pending
    }

    /// Barriers of scopes are cut off as well.
    fn blur_barriers(&mut self, first: usize, pending: Fate) {
        if pending == Fate::Loads {
            return;
        }
        for (_, called) in &mut self.barriers[first..] {
            if *called == Fate::Loads {
                *called = Fate::Either;
            }
        }
    }

    /// Nobody knows how far those came whom a failure has cut off.
    fn blur(&mut self, here: &[usize], pending: Fate) {
        if pending == Fate::Loads {
            return;
        }
        for node in here {
            if self.fates[*node] == Fate::Loads {
                self.fates[*node] = Fate::Either;
            }
        }
    }

    /// Behind a barrier it is known who came through.
    fn resolve(&mut self, here: &[usize], barrier: usize) {
        for node in here {
            if self.fates[*node] == Fate::Either {
                let came = (self.was_there)(*node, barrier);
                self.fates[*node] = if came { Fate::Loads } else { Fate::Fails };
            }
        }
    }

    fn unless(&mut self, before: Fate, node: usize) -> Fate {
        self.fates[node] = match before {
            Fate::Fails => Fate::Never,
            Fate::Loads => self.fate(node),
            _ => match self.fate(node) {
                Fate::Loads | Fate::Fails => Fate::Either,
                fate => fate,
            },
        };
        match self.fates[node] {
            Fate::Never => Fate::Loads,
            fate => fate,
        }
    }

    /// In all its attempts.
    fn fate(&mut self, node: usize) -> Fate {
        let script = &self.case.nodes[node];
        for load in 0..script.attempts.max(1) {
            match self.attempt(node, script, load) {
                Attempt::Well => return Fate::Loads,
                Attempt::Error => {}
                Attempt::Dead => return Fate::Fails,
                Attempt::Unknown => return Fate::Either,
            }
        }
        Fate::Fails
    }

    fn attempt(&mut self, node: usize, script: &Node, load: u32) -> Attempt {
        for (need, kind) in &script.needs {
            match self.fates[*need] {
                _ if *kind != Need::State => {}
                Fate::Loads => {}
                Fate::Fails | Fate::Never => return Attempt::Dead,
                Fate::Either => return Attempt::Unknown,
            }
        }
        let is_bad = script.bad >> load.min(7) & 1 == 1;
        let own = match script.load.fault {
            Fault::Error if is_bad => Attempt::Error,
            Fault::Panic | Fault::Hang if is_bad => Attempt::Dead,
            _ => Attempt::Well,
        };
        if script.is_hasty && own != Attempt::Well {
            return own;
        }
        let mut batch = Vec::new();
        for child in self.case.children(node) {
            batch.push(child);
            self.fates[child] = self.fate(child);
            let then = match self.case.nodes[child].way {
                Way::Await(then) | Way::Flush(then) => then,
                Way::Leave | Way::Glance => continue,
            };
            let told = self.told(&std::mem::take(&mut batch));
            match (told, then) {
                (Fate::Loads, _) | (_, Then::Catch) => {}
                (Fate::Fails, Then::PassOn) => return Attempt::Error,
                (_, Then::PassOn) => return Attempt::Unknown,
            }
        }
        if own != Attempt::Well {
            return own;
        }
        match self.told(&batch) {
            Fate::Loads => Attempt::Well,
            Fate::Fails => Attempt::Dead,
            _ => Attempt::Unknown,
        }
    }

    /// What becomes of a batch as a whole.
    fn told(&mut self, batch: &[usize]) -> Fate {
        let fate = batch
            .iter()
            .fold(Fate::Loads, |worst, it| worse(worst, self.fates[*it]));
        self.blur(batch, fate);
        fate
    }
}

fn worse(one: Fate, other: Fate) -> Fate {
    match (one, other) {
        (Fate::Fails, _) | (_, Fate::Fails) => Fate::Fails,
        (Fate::Either, _) | (_, Fate::Either) => Fate::Either,
        _ => Fate::Loads,
    }
}

/// Those that are registered with the app in a scope.
fn nodes(entries: &[Entry]) -> Vec<usize> {
    let nodes = entries.iter().flat_map(|entry| match entry {
        Entry::Plugin(node) => vec![*node],
        Entry::Barrier(..) => Vec::new(),
        Entry::Scope(inside) => nodes(inside),
    });
    nodes.collect()
}
