//! Mistakes in the services of an app, which have no place in the graph.

use std::collections::BTreeMap;

use crate::base::location::Location;
use crate::declare::Service;
use crate::plan::error::PlanErrors;
use crate::plan::schedule::Plan;
use crate::report::Mistake;

/// Adds the mistakes in the services to those in the plugins.
pub(crate) fn check_services(
    planned: Result<Plan, PlanErrors>,
    services: &[Service],
) -> Result<Plan, PlanErrors> {
    PlanErrors::beside(planned, duplicates(services))
}

fn duplicates(services: &[Service]) -> Vec<Mistake> {
    let mut by_name: BTreeMap<&str, Vec<Location>> = BTreeMap::new();
    for service in services {
        let at = by_name.entry(service.name()).or_default();
        at.push(service.location());
    }
    let twice = by_name.into_iter().filter(|(_, at)| at.len() > 1);
    twice
        .map(|(name, at)| Mistake::DuplicateService {
            name: name.to_owned(),
            at,
        })
        .collect()
}
