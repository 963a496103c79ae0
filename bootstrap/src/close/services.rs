//! Letting go of services: the last one first, before the first plugin closes.

use std::sync::Arc;

use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::close::budget::Budget;
use crate::drive::LAST_CHANCE;
use crate::live::{Nodes, Owner, Within, discard_all};
use crate::report::{HookError, HookFailure};

/// Drops the services of an app one after the other, and tells what goes wrong.
///
/// A drop can't be cancelled. One that blocks its thread for longer than a hook may take is left
/// behind, and those that there is no time for are dropped elsewhere, and not waited for long.
pub(super) async fn release(nodes: &Arc<Nodes>, budget: Budget, tell: impl Fn(HookError)) {
    let end = budget.end(LAST_CHANCE);
    let mut late = Vec::new();
    for service in nodes.services.close() {
        let (name, hook) = (service.name(), service.into_hook());
        let now = Instant::now();
        if now >= end {
            let (at, cause) = (hook.at(), HookFailure::OutOfTime);
            tell(HookError::new(name, at, Phase::ServiceDrop, cause));
            late.push(hook);
            continue;
        }
        let within = Within {
            limit: Some(budget.limit(None, now)),
            rest_of: budget.rest_of(None, now),
            until: Some(end),
            interrupt: None,
            patience: budget.patience(),
        };
        let ran = hook
            .run(nodes, Owner::app(name), Phase::ServiceDrop, within)
            .await;
        if let Some(error) = ran.error {
            tell(error);
        }
    }
    discard_all(late, budget.patience()).await;
}
