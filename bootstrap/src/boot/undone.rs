//! What a failed boot never did, and what it has undone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::base::name::PluginName;
use crate::report::{HookError, Outcome, Report};

/// A plugin whose `load` was never called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotStarted {
    /// The plugin.
    pub plugin: PluginName,
    /// What kept it, directly or through others: a plugin that failed, was cancelled, or was
    /// loading. `None` if it only came too late.
    pub because: Option<PluginName>,
}

/// Which plugin waits for which at the end of a boot, by places in its report.
pub(super) struct Waits<'a> {
    report: &'a Report,
    /// What each plugin waits for: the first one of those.
    next: Vec<Option<usize>>,
}

impl<'a> Waits<'a> {
    /// `requires` are the places of those that must have loaded before each plugin; `unresolved`
    /// the names of those whose failure or end was not handled.
    pub(super) fn new(
        report: &'a Report,
        requires: &[Vec<usize>],
        unresolved: &BTreeSet<&PluginName>,
    ) -> Self {
        let plugins = &report.plugins;
        let mut unsettled: Vec<bool> = plugins
            .iter()
            .map(|plugin| match plugin.load.outcome {
                Outcome::NotStarted | Outcome::Started => true,
                Outcome::Done | Outcome::Skipped => false,
                _ => unresolved.contains(&plugin.name),
            })
            .collect();
        let mut waits = Self {
            report,
            next: vec![None; plugins.len()],
        };
        waits.spread(requires, &mut unsettled);
        waits.find_first(requires, &unsettled);
        waits
    }

    /// A plugin that waits for something unsettled is unsettled: a parent for its children,
    /// and a barrier, which loads also if something before it has failed.
    fn spread(&mut self, requires: &[Vec<usize>], unsettled: &mut [bool]) {
        let plugins = &self.report.plugins;
        let mut dependents = vec![Vec::new(); plugins.len()];
        for (place, requires) in requires.iter().enumerate() {
            for required in requires {
                dependents[*required].push(place);
            }
        }
        let mut ahead: Vec<usize> = (0..plugins.len())
            .rev()
            .filter(|it| unsettled[*it])
            .collect();
        while let Some(place) = ahead.pop() {
            if let Some(parent) = plugins[place].parent() {
                self.next[parent].get_or_insert(place);
                if !std::mem::replace(&mut unsettled[parent], true) {
                    ahead.push(parent);
                }
            }
            for dependent in &dependents[place] {
                if !std::mem::replace(&mut unsettled[*dependent], true) {
                    self.next[*dependent].get_or_insert(place);
                    ahead.push(*dependent);
                }
            }
        }
    }

    /// What has not begun waits for the first of those that it needs.
    fn find_first(&mut self, requires: &[Vec<usize>], unsettled: &[bool]) {
        for (place, requires) in requires.iter().enumerate() {
            if self.is_not_started(place) {
                self.next[place] = requires.iter().copied().find(|it| unsettled[*it]);
            }
        }
    }

    fn is_not_started(&self, place: usize) -> bool {
        self.report.plugins[place].load.outcome == Outcome::NotStarted
    }

    fn name(&self, place: usize) -> &PluginName {
        &self.report.plugins[place].name
    }

    /// What each plugin that has begun waits for.
    pub(super) fn of_begun(&self) -> Vec<Option<PluginName>> {
        let begun = |place: &usize| !self.is_not_started(*place);
        let next = |place| Some(self.name(self.next[place]?).clone());
        let places = 0..self.next.len();
        places
            .map(|place| Some(place).filter(begun).and_then(next))
            .collect()
    }

    /// The plugins that never began, each with what kept it.
    pub(super) fn not_started(&self) -> Vec<NotStarted> {
        let ends = self.ends();
        let places = 0..self.next.len();
        let waiting = places.filter(|place| self.is_not_started(*place));
        let told = waiting.map(|place| NotStarted {
            plugin: self.name(place).clone(),
            because: Some(ends[place])
                .filter(|end| !self.is_not_started(*end))
                .map(|end| self.name(end).clone()),
        });
        told.collect()
    }

    /// Where the way from each plugin ends.
    fn ends(&self) -> Vec<usize> {
        let mut ends = vec![None; self.next.len()];
        for place in 0..self.next.len() {
            let mut way = vec![place];
            let mut at = place;
            // No plugin waits for itself; a cycle would be cut here all the same.
            while let (None, Some(next)) = (ends[at], self.next[at])
                && way.len() <= self.next.len()
            {
                way.push(next);
                at = next;
            }
            let end = ends[at].unwrap_or(at);
            for place in way {
                ends[place] = Some(end);
            }
        }
        ends.into_iter().flatten().collect()
    }

    /// The waits in words: each plugin that waits, once, with the way to what it waits
    /// for. Those that wait for the same one share a line; the one that is last in the plan comes
    /// first, because the longest ways lead there.
    pub(super) fn chains(&self) -> Vec<Chain> {
        let waits = |place: &usize| {
            let outcome = self.report.plugins[*place].load.outcome;
            outcome == Outcome::NotStarted
                || outcome == Outcome::Done && self.next[*place].is_some()
        };
        let waiting: Vec<usize> = (0..self.next.len()).filter(waits).collect();
        let between: HashSet<usize> = waiting.iter().filter_map(|it| self.next[*it]).collect();
        let ends = waiting.into_iter().filter(|it| !between.contains(it));
        let mut told = HashSet::new();
        let mut place_of = HashMap::new();
        let mut chains: Vec<Chain> = Vec::new();
        for end in ends.rev() {
            let place = *place_of.entry(self.next[end]).or_insert(chains.len());
            match chains.get_mut(place) {
                Some(chain) => chain.heads.push(self.name(end).clone()),
                None => chains.push(self.chain(end, &mut told)),
            }
        }
        for chain in &mut chains {
            chain.heads.reverse();
        }
        chains
    }

    /// The way from a plugin to what it waits for, up to where another one has told it.
    fn chain(&self, end: usize, told: &mut HashSet<usize>) -> Chain {
        let mut way = Vec::new();
        let mut at = self.next[end];
        while let Some(place) = at {
            way.push(self.name(place).clone());
            at = self.next[place].filter(|_| told.insert(place));
        }
        Chain {
            heads: vec![self.name(end).clone()],
            way,
        }
    }
}

/// Plugins that wait for the same one, and the way from there.
pub(super) struct Chain {
    pub(super) heads: Vec<PluginName>,
    pub(super) way: Vec<PluginName>,
}

/// The plugins whose failure or end was not handled.
pub(super) fn unresolved<'a>(
    failures: &'a [HookError],
    cancelled: &'a [PluginName],
) -> BTreeSet<&'a PluginName> {
    let failed = failures.iter().map(HookError::plugin);
    failed.chain(cancelled).collect()
}

/// The plugins that have closed, in the order in which they began to.
pub(super) fn closed(report: &Report) -> Vec<PluginName> {
    let closed = report.plugins.iter().enumerate();
    let mut closed: Vec<_> = closed
        .filter_map(|(place, plugin)| Some((plugin.close.began?, place)))
        .collect();
    // Of those that began at one instant, dependents first.
    closed.sort_by_key(|(began, place)| (*began, std::cmp::Reverse(*place)));
    let name = |(_, place): &(Duration, usize)| report.plugins[*place].name.clone();
    closed.iter().map(name).collect()
}
