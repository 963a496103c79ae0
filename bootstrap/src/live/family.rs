//! Which node registered which, and what waits for them. Pure.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

/// Every node that brought others with it.
#[derive(Default)]
pub(super) struct Family {
    parents: HashMap<u32, Parent>,
    /// The parent of each child, and the child's place there.
    place_of: HashMap<u32, (u32, usize)>,
    /// Nodes that have failed with all that they brought with them, which has to be closed before
    /// they are done.
    lost: HashSet<u32>,
}

#[derive(Default)]
struct Parent {
    /// Entries of the registry that have not joined.
    registered: Vec<u32>,
    children: Vec<Child>,
    undone: usize,
    /// Whether its own `load` has ended.
    is_over: bool,
    /// Whether it has been rolled back, with all that it brought with it.
    is_rolled_back: bool,
    waiters: Vec<Waiter>,
}

struct Child {
    node: u32,
    entry: u32,
    done: bool,
}

/// A waiter for the end of children.
struct Waiter {
    /// Up to this entry.
    up_to: Option<u32>,
    left: usize,
    done: oneshot::Sender<()>,
}

impl Family {
    /// A parent has registered something.
    pub(super) fn register(&mut self, parent: u32, entry: u32) {
        let parent = self.parents.entry(parent).or_default();
        parent.registered.push(entry);
    }

    /// Whether a node has brought anything with it that is not done.
    pub(super) fn is_waited_for(&self, node: u32) -> bool {
        self.parents.get(&node).is_some_and(Parent::has_undone)
    }

    /// Whether a node has registered anything that has not joined.
    pub(super) fn has_registered(&self, node: u32) -> bool {
        let parent = self.parents.get(&node);
        parent.is_some_and(|parent| !parent.registered.is_empty())
    }

    /// Whether the own `load` of a node that brought others with it has ended.
    pub(super) fn is_over(&self, node: u32) -> bool {
        self.parents.get(&node).is_some_and(|it| it.is_over)
    }

    /// Takes what was registered, up to an entry or all of it.
    pub(super) fn take_registered(&mut self, parent: u32, up_to: Option<u32>) -> Vec<u32> {
        let Some(parent) = self.parents.get_mut(&parent) else {
            return Vec::new();
        };
        let is_before = |entry: &u32| is_up_to(*entry, up_to);
        let (taken, rest) = parent.registered.iter().partition(|entry| is_before(entry));
        parent.registered = rest;
        taken
    }

    /// An entry has become a node.
    pub(super) fn join(&mut self, parent: u32, entry: u32, node: u32) {
        let known = self.parents.entry(parent).or_default();
        self.place_of.insert(node, (parent, known.children.len()));
        let done = false;
        known.children.push(Child { node, entry, done });
        known.undone += 1;
    }

    /// Waits for children, up to an entry or all of them; `None` if they are done. Also says which
    /// are to be asked for errors afterwards: those that are waited for, and that of the entry.
    pub(super) fn wait(
        &mut self,
        parent: u32,
        up_to: Option<u32>,
    ) -> (Vec<u32>, Option<oneshot::Receiver<()>>) {
        let Some(known) = self.parents.get_mut(&parent) else {
            return (Vec::new(), None);
        };
        let all = known.children.iter();
        let is_asked = |it: &&Child| !it.done || Some(it.entry) == up_to;
        let asked = all.filter(|child| is_up_to(child.entry, up_to) && is_asked(child));
        let left = asked.clone().filter(|child| !child.done).count();
        let asked = asked.map(|child| child.node).collect();
        if left == 0 {
            return (asked, None);
        }
        let (done, receiver) = oneshot::channel();
        known.waiters.push(Waiter { up_to, left, done });
        (asked, Some(receiver))
    }

    /// Releases the waiters: they have nothing to wait for any more.
    pub(super) fn let_go_of_waiters(&mut self) {
        for parent in self.parents.values_mut() {
            parent.waiters.clear();
        }
    }

    /// The `load` of a node has ended. Returns the nodes that are done by it: itself, unless it
    /// brought something with it, then its parent if that waited for this, and so on.
    pub(super) fn end(&mut self, node: u32) -> Done {
        if let Some(parent) = self.parents.get_mut(&node) {
            parent.is_over = true;
        }
        self.settle(node)
    }

    /// A node has failed, with all that it brought with it.
    pub(super) fn lose(&mut self, node: u32) {
        self.lost.insert(node);
    }

    /// Whether a node has failed with all that it brought with it.
    pub(super) fn is_lost(&self, node: u32) -> bool {
        let is_rolled_back = |parent: &Parent| parent.is_rolled_back;
        self.lost.contains(&node) || self.parents.get(&node).is_some_and(is_rolled_back)
    }

    /// What a lost node brought with it is closed.
    pub(super) fn rolled_back(&mut self, node: u32) -> Done {
        self.lost.remove(&node);
        if let Some(parent) = self.parents.get_mut(&node) {
            parent.is_rolled_back = true;
        }
        self.settle(node)
    }

    fn settle(&mut self, node: u32) -> Done {
        let mut done = Done::default();
        let mut next = Some(node);
        while let Some(node) = next.take() {
            if self.parents.get(&node).is_some_and(|it| !it.is_done()) {
                break;
            }
            if self.lost.contains(&node) {
                done.lost.push(node);
                break;
            }
            done.nodes.push(node);
            next = self.is_done_in_its_parent(node, &mut done);
        }
        done
    }

    /// Returns the parent if that is done as well now.
    fn is_done_in_its_parent(&mut self, node: u32, done: &mut Done) -> Option<u32> {
        let (parent, place) = *self.place_of.get(&node)?;
        let known = self.parents.get_mut(&parent)?;
        let child = known.children.get_mut(place)?;
        if std::mem::replace(&mut child.done, true) {
            return None;
        }
        known.undone -= 1;
        let entry = child.entry;
        if known.release_waiters(entry, done) {
            done.go_on.push(parent);
        }
        known.is_done().then_some(parent)
    }

    /// Whether a node brought anything with it.
    pub(super) fn has_children(&self, node: u32) -> bool {
        let known = self.parents.get(&node);
        known.is_some_and(|known| !known.children.is_empty())
    }

    /// What a node brought with it.
    pub(super) fn children(&self, node: u32) -> Vec<u32> {
        self.children_up_to(node, None)
    }

    /// What a node brought with it, up to an entry or all of it.
    pub(super) fn children_up_to(&self, node: u32, up_to: Option<u32>) -> Vec<u32> {
        let known = self.parents.get(&node);
        let children = known.into_iter().flat_map(|known| &known.children);
        let children = children.filter(|child| is_up_to(child.entry, up_to));
        children.map(|child| child.node).collect()
    }

    /// What a node waits for, of what it brought with it.
    pub(super) fn undone(&self, node: u32) -> Vec<u32> {
        let Some(parent) = self.parents.get(&node) else {
            return Vec::new();
        };
        let undone = parent.children.iter().filter(|child| !child.done);
        undone.map(|child| child.node).collect()
    }

    /// Everything that a node brought with it, and what that did.
    pub(super) fn descendants(&self, node: u32) -> Vec<u32> {
        self.below(node, |_, _| true)
    }

    /// The same without what was below nodes that have been rolled back: that has gone. So a failure
    /// that is handed on visits a node once, however deep it lies.
    pub(super) fn standing_below(&self, node: u32) -> Vec<u32> {
        self.below(node, |parent, _| !parent.is_rolled_back)
    }

    /// The same without what is done, with all below it.
    pub(super) fn undone_below(&self, node: u32) -> Vec<u32> {
        self.below(node, |_, child| !child.done)
    }

    fn below(&self, top: u32, counts: impl Fn(&Parent, &Child) -> bool) -> Vec<u32> {
        let mut found = Vec::new();
        let mut ahead = vec![top];
        while let Some(node) = ahead.pop() {
            if let Some(parent) = self.parents.get(&node) {
                let children = parent.children.iter();
                let children = children.filter(|child| counts(parent, child));
                let children = children.map(|child| child.node);
                found.extend(children.clone());
                ahead.extend(children);
            }
        }
        found
    }

    /// Forgets what nodes brought with them; returns the entries that never joined.
    pub(super) fn forget(&mut self, node: u32) -> Vec<u32> {
        let mut never_joined = Vec::new();
        for node in self.descendants(node).into_iter().chain([node]) {
            if let Some(parent) = self.parents.remove(&node) {
                never_joined.extend(parent.registered);
            }
        }
        never_joined
    }
}

/// What is done, and what has to be notified.
#[derive(Default)]
pub(crate) struct Done {
    /// In this order.
    pub(crate) nodes: Vec<u32>,
    /// What has failed, and must be rolled back before it is done.
    pub(crate) lost: Vec<u32>,
    /// Parents that waited in their own `load` and go on.
    pub(crate) go_on: Vec<u32>,
    pub(crate) waiters: Vec<oneshot::Sender<()>>,
}

fn is_up_to(entry: u32, last: Option<u32>) -> bool {
    last.is_none_or(|last| entry <= last)
}

impl Parent {
    /// A child is done. Whether the parent goes on by that: nothing more is waited for in its load.
    fn release_waiters(&mut self, entry: u32, done: &mut Done) -> bool {
        for waiter in &mut self.waiters {
            waiter.left -= usize::from(is_up_to(entry, waiter.up_to));
        }
        let before = done.waiters.len();
        let released = self.waiters.extract_if(.., |waiter| waiter.left == 0);
        done.waiters.extend(released.map(|waiter| waiter.done));
        done.waiters.len() > before && self.waiters.is_empty()
    }

    fn has_undone(&self) -> bool {
        !self.registered.is_empty() || self.undone > 0
    }

    fn is_done(&self) -> bool {
        self.is_over && !self.has_undone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A nest of nodes, each of which waits for the next one, and beside each a leaf that is done.
    fn nest(depth: u32) -> Family {
        let mut family = Family::default();
        for node in 0..depth {
            let leaf = depth + 1 + node;
            family.join(node, leaf, leaf);
            family.end(leaf);
            family.join(node, node + 1, node + 1);
        }
        family
    }

    /// How many nodes are visited when the innermost one fails, and each fails with the next.
    fn visits(depth: u32) -> usize {
        let mut family = nest(depth);
        let mut visits = 0;
        for node in (0..=depth).rev() {
            visits += family.undone_below(node).len();
            family.lose(node);
            let mut done = family.end(node);
            while let Some(lost) = done.lost.pop() {
                visits += family.standing_below(lost).len();
                done = family.rolled_back(lost);
            }
            assert_eq!(done.nodes, [node]);
        }
        visits
    }

    #[test]
    fn a_failure_visits_each_node_once_however_deep_it_lies() {
        for depth in [10, 1_000] {
            assert_eq!(visits(depth), 2 * depth as usize);
        }
    }

    #[test]
    fn what_was_rolled_back_is_no_part_of_a_unit_further_out() {
        let mut family = nest(3);
        family.lose(2);
        family.end(3);
        assert_eq!(family.standing_below(1), [5, 2, 6, 3]);
        family.end(2);
        family.rolled_back(2);
        assert_eq!(family.standing_below(1), [5, 2]);
        assert_eq!(family.descendants(1), [5, 2, 6, 3]);
    }
}
