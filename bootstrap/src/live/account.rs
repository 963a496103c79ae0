//! What the nodes have to say of themselves: the report, and warnings of what takes long.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::phase::Phase;
use crate::base::text;
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
        let shown = self.all().filter(|node| !self.has_gone(*node));
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

    /// Warns of hooks that take long.
    pub(crate) fn warn_of_slow(&self, phase: Phase, running: &[(u32, Duration)], waiting: usize) {
        let shown = running.iter().take(10).map(|(node, since)| {
            let (name, since) = (self.name(*node), text::duration(*since));
            let cell = self.cell(*node);
            let progress = cell.others.as_ref().and_then(|it| it.progress.as_ref());
            match progress {
                Some(told) => format!("`{name}` for {since} ({})", told.text),
                None => format!("`{name}` for {since}"),
            }
        });
        let shown: Vec<String> = shown.collect();
        let more = match running.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {}", text::count(more, "other plugin")),
        };
        let waiting = match waiting {
            0 => String::new(),
            waiting => format!("; {} not begun", text::count(waiting, "plugin")),
        };
        tracing::warn!(
            target: "bootstrap",
            "still in `{phase}`: {}{more}{waiting}",
            shown.join(", ")
        );
    }
}
