//! Planning with what the app is told from outside.

use crate::collect::{Gate, Roster, SharedRegistry, Verdicts, with_registry};
use crate::declare::Outside;
use crate::plan::{Plan, PlanErrors, check_outside, resolve};
#[cfg(feature = "config")]
use crate::plan::{PlanError, Readers};

/// Reads the configuration, asks the switches, and plans.
///
/// No lock is held while the user's code runs: sources, predicates, types that are read.
pub(super) fn plan(registry: &SharedRegistry) -> Result<Plan, PlanErrors> {
    let outside = read(registry);
    let (roster, verdicts) = gather(registry, &outside);
    #[cfg(feature = "config")]
    {
        let readers = Readers::of_roster(&roster);
        let planned = resolve(roster);
        let readers = match &planned {
            Ok(plan) => readers.in_plan(plan),
            Err(_) => readers,
        };
        let (faults, warnings) = readers.check(&outside);
        let faults = faults.into_iter();
        let faults = faults.map(|fault| PlanError::Configuration { fault });
        let mut plan = check_outside(planned, &verdicts, faults.collect())?;
        plan.warnings.extend(warnings);
        plan.outside = outside;
        Ok(plan)
    }
    #[cfg(not(feature = "config"))]
    check_outside(resolve(roster), &verdicts, Vec::new())
}

/// Who is part of an app, and who is switched off.
pub(super) fn roster(registry: &SharedRegistry) -> Roster {
    let outside = read(registry);
    gather(registry, &outside).0
}

fn gather(registry: &SharedRegistry, outside: &Outside) -> (Roster, Verdicts) {
    let mut verdicts = Verdicts::default();
    loop {
        let gate = Gate {
            outside,
            verdicts: &verdicts,
        };
        let roster = with_registry(registry, |registry| registry.roster(&gate));
        if !verdicts.ask(outside) {
            return (roster, verdicts);
        }
    }
}

#[cfg(feature = "config")]
fn read(registry: &SharedRegistry) -> Outside {
    let configuration = with_registry(registry, |registry| registry.configuration());
    Outside::read(configuration.as_deref())
}

#[cfg(not(feature = "config"))]
fn read(_: &SharedRegistry) -> Outside {
    Outside::default()
}
