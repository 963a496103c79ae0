//! What is wrong with what the app is told from outside: switches, and the configuration.

use crate::collect::{Broken, Verdicts, Why};
use crate::plan::error::PlanErrors;
use crate::plan::schedule::Plan;
use crate::report::{Found, Mistake, PluginLocation};

/// Adds switches that say nothing, and faults of the configuration, to the mistakes in the
/// plugins.
pub(crate) fn check_outside(
    planned: Result<Plan, PlanErrors>,
    verdicts: &Verdicts,
    faults: Vec<Mistake>,
) -> Result<Plan, PlanErrors> {
    let broken = verdicts.broken().into_iter().map(of_switch);
    PlanErrors::beside(planned, broken.chain(faults).collect())
}

fn of_switch(Broken { declaration, why }: Broken) -> Mistake {
    match why {
        Why::Panicked {
            predicate,
            at,
            message,
        } => Mistake::ConditionPanicked {
            place: PluginLocation {
                plugin: declaration.name.into(),
                declared: declaration.location,
                registered: None,
            },
            predicate: predicate.to_owned(),
            at,
            message,
            found: Found::Plan,
        },
        #[cfg(feature = "config")]
        Why::Fault(fault) => Mistake::Configuration {
            fault,
            found: Found::Plan,
        },
    }
}
