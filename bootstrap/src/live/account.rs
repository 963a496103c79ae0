//! What the nodes have to say of themselves: the report, and warnings of what takes long.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::base::text::{self, SHOWN};
use crate::drive::Slow;
use crate::live::nodes::Nodes;
use crate::report::{PluginReport, Report, Step};

impl Nodes {
    /// What has happened so far.
    pub(crate) fn report(&self) -> Report {
        let (shown, place_of) = self.shown();
        let plugins = shown
            .into_iter()
            .map(|node| self.plugin_report(node, &place_of));
        let closing = self.closing.get().copied();
        Report {
            boot: self.boot_took.get().copied(),
            close: closing.map(|it| it.drain + it.stop + it.hooks + it.close),
            closing,
            plugins: plugins.collect(),
        }
    }

    /// The nodes of a report, and their places in it, if those are not their numbers.
    fn shown(&self) -> (Vec<u32>, HashMap<u32, usize>) {
        let shown = self.all().filter(|node| !self.is_replaced(*node));
        let shown: Vec<u32> = shown.collect();
        if shown.len() == self.len() {
            return (shown, HashMap::new());
        }
        let place_of = shown.iter().copied().zip(0..).collect();
        (shown, place_of)
    }

    /// For every plugin of a report, the places there of those that must have loaded before it.
    pub(crate) fn required_places(&self) -> Vec<Vec<usize>> {
        let (shown, place_of) = self.shown();
        let place = |node: &u32| {
            if place_of.is_empty() {
                Some(*node as usize)
            } else {
                place_of.get(node).copied()
            }
        };
        let required = |node: &u32| self.requires(*node).iter().filter_map(place).collect();
        shown.iter().map(required).collect()
    }

    fn plugin_report(&self, node: u32, place_of: &HashMap<u32, usize>) -> PluginReport {
        let member = self.member(node);
        let declared = member.descriptor.location();
        let place = |node: usize| match u32::try_from(node) {
            Ok(node) if !place_of.is_empty() => place_of.get(&node).copied(),
            _ => Some(node),
        };
        let cell = self.cell(node);
        let mut more = cell.others.as_ref().map(|it| it.report(self.began));
        if let Some(parent) = self.parent(node) {
            let more = more.get_or_insert_default();
            more.parent = place(parent as usize);
        }
        let step = |step: Step| Step {
            released_by: step.released_by.and_then(place),
            ..step
        };
        let (load, close) = (step(cell.load), step(cell.close));
        PluginReport::new(
            member.name.clone(),
            declared,
            load,
            close,
            more.map(Box::new),
        )
    }

    /// Warns of hooks that take long, each with the plugins that wait for it. `limit` says how long one may
    /// take that began then.
    pub(crate) fn warn_of_slow(
        &self,
        phase: Phase,
        slow: &[Slow],
        limit: impl Fn(u32, Instant) -> Option<Duration>,
    ) {
        let now = Instant::now();
        for it in slow.iter().take(SHOWN) {
            if !phase.is_of_boot() && self.has_progressed(it, phase, now) {
                continue;
            }
            let limit = now.checked_sub(it.since).and_then(|at| limit(it.node, at));
            let is_slow = is_slow(self.name(it.node), phase, it.since, limit);
            let (said, waiting) = (self.said(it.node), self.who_waits(&it.waiting));
            tracing::warn!(target: "bootstrap", "{is_slow}{said}{waiting}");
        }
        if let Some(more) = slow.len().checked_sub(SHOWN + 1) {
            let more = text::count(more + 1, "other plugin");
            tracing::warn!(target: "bootstrap", "and so it is with {more}");
        }
    }

    /// Whether a hook has reported progress in the second half of its time: it takes as long as it
    /// is meant to.
    fn has_progressed(&self, slow: &Slow, phase: Phase, now: Instant) -> bool {
        let progressed = self.progressed(slow.node, phase);
        progressed.is_some_and(|at| now.saturating_duration_since(at) * 2 < slow.since)
    }

    /// What a hook said last, as the end of a sentence.
    fn said(&self, node: u32) -> String {
        let cell = self.cell(node);
        let told = cell.others.as_ref().and_then(|it| it.progress.as_ref());
        told.map_or_else(String::new, |told| format!(": {}", text::line(&told.text)))
    }

    fn who_waits(&self, nodes: &[u32]) -> String {
        let names = nodes.iter().map(|node| self.name(*node));
        let names = text::names(&names.collect::<Vec<_>>());
        match nodes.len() {
            0 => String::new(),
            1 => format!("; {names} waits for it"),
            _ => format!("; {names} wait for it"),
        }
    }
}

/// Says that a hook takes long.
pub(super) fn is_slow(
    of: &PluginName,
    phase: Phase,
    since: Duration,
    limit: Option<Duration>,
) -> String {
    let code = if phase.is_of_boot() { "" } else { "[STOP003] " };
    let (does, since) = (phase.does(), text::duration(since));
    let limit = limit.map(|limit| format!(" (limit {})", text::duration(limit)));
    format!(
        "{code}`{of}` has been {does} for {since}{}",
        limit.unwrap_or_default()
    )
}
