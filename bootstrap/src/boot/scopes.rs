//! How long the loads of a scope may take together, and whose time was up if one was cut.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::lock::lock;
use crate::base::phase::Phase;
use crate::base::time::later;
use crate::drive::Timing;
use crate::live::Nodes;
use crate::report::{Deadline, HookFailure};

/// When the first plugin of each scope began to load that has a limit.
#[derive(Default)]
pub(super) struct ScopeLimits(Mutex<HashMap<u32, Instant>>);

impl ScopeLimits {
    /// When the `load` of a node has to end, because of the scopes that it is in. The first time
    /// that it is asked for a scope, the time of that begins.
    pub(super) fn end(&self, nodes: &Nodes, node: u32, now: Instant) -> Option<Instant> {
        self.narrowest(nodes, node, now).map(|(end, ..)| end)
    }

    /// The same with the scope, and how long that has.
    fn narrowest(
        &self,
        nodes: &Nodes,
        node: u32,
        now: Instant,
    ) -> Option<(Instant, u32, Duration)> {
        nodes.with_scopes(|scopes| {
            if scopes.is_flat() {
                return None;
            }
            let around = scopes.outwards(nodes.member(node).scope);
            let limits = around.filter_map(|scope| Some((scope, scopes[scope as usize].limit?)));
            let mut began = lock(&self.0);
            let ends = limits.map(|(scope, limit)| {
                let end = later(*began.entry(scope).or_insert(now), limit);
                (end, scope, limit)
            });
            ends.min_by_key(|(end, ..)| *end)
        })
    }

    /// Why a `load` was cut that had so much time: its own was up, or that of something around it.
    pub(super) fn blame(
        &self,
        nodes: &Nodes,
        node: u32,
        mut limit: Duration,
        timing: Timing,
        own: impl Fn(u32) -> Option<Duration>,
    ) -> HookFailure {
        let told = nodes.progressed(node, Phase::Load);
        let since = told.map_or(timing.began, |told| told.max(timing.began));
        let own_end = own(node).map(|own| later(since, own));
        let is_sooner = |end: Instant| own_end.is_none_or(|own_end| end < own_end);
        let of_scope = self.narrowest(nodes, node, timing.began);
        let of_scope = of_scope.filter(|(end, ..)| *end <= timing.ended && is_sooner(*end));
        let of_parent = || {
            let (_, parent, of_parent) = nodes.parent_in_haste(node, &own)?;
            let plugin = nodes.name(parent).clone();
            own(node)
                .is_none_or(|own| limit < own)
                .then_some(Deadline::Parent {
                    plugin,
                    limit: of_parent,
                })
        };
        let rest_of = match of_scope {
            Some((end, scope, of_scope)) => {
                // Progress may have given it more than it began with.
                limit = end.saturating_duration_since(timing.began);
                let path = nodes.with_scopes(|scopes| scopes.path(scope).map(str::to_owned));
                Some(Deadline::Scope {
                    scope: path.unwrap_or_default(),
                    limit: of_scope,
                })
            }
            None => of_parent(),
        };
        HookFailure::TimedOut { limit, rest_of }
    }
}
