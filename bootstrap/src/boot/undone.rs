//! What a failed boot never did, and what it has undone.

use std::time::Duration;

use crate::base::name::PluginName;
use crate::plan::Plan;
use crate::report::{Outcome, Report};

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

/// The plugins that never began, each with what kept it.
pub(super) fn not_started(report: &Report, plan: &Plan) -> Vec<NotStarted> {
    let plugins = &report.plugins;
    let began = |place: usize| plugins[place].load.outcome != Outcome::NotStarted;
    let done = |place: usize| plugins[place].load.outcome == Outcome::Done;
    let mut culprits: Vec<Option<usize>> = vec![None; plugins.len()];
    let mut waiting = Vec::new();
    // In the order of the plan, so that what kept a requirement is known before its dependents.
    for node in plan.requires.nodes() {
        let place = node as usize;
        if began(place) {
            continue;
        }
        let mut requirements = plan
            .requires
            .targets(node)
            .iter()
            .map(|node| *node as usize);
        let unmet = requirements.find(|requirement| !done(*requirement));
        culprits[place] = unmet.and_then(|unmet| {
            if began(unmet) {
                Some(unmet)
            } else {
                culprits[unmet]
            }
        });
        waiting.push(NotStarted {
            plugin: plugins[place].name.clone(),
            because: culprits[place].map(|culprit| plugins[culprit].name.clone()),
        });
    }
    waiting
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
