//! From a roster to a plan.
//!
//! Members are numbered twice. First by name, so that nothing depends on the order in which they
//! were registered; edges and mistakes are found under these numbers. At the end by level and
//! name, which is the order of the plan.

use crate::base::location::Location;
use crate::base::text::short_type_name;
use crate::collect::{Off, Roster};
use crate::declare::{Identity, Outside};
use crate::plan::cycle_words::cycle_errors;
use crate::plan::error::PlanErrors;
use crate::plan::family::Kin;
use crate::plan::graph::{Graph, number};
use crate::plan::levels::levels;
use crate::plan::links::{Links, Shadowing};
use crate::plan::mistakes::Mistakes;
use crate::plan::named::Named;
use crate::plan::schedule::{Binding, Brought, DisabledPlugin, Plan, PlanWarning, Shadow};
use crate::plan::unused;
#[cfg(feature = "config")]
use crate::plan::values::idle;
use crate::plan::words::errors;
use crate::report::PluginLocation;

/// Plans a roster.
///
/// # Errors
///
/// All mistakes in it.
pub(crate) fn resolve(roster: Roster) -> Result<Plan, PlanErrors> {
    let (named, skipped) = unused::leave_out(Named::new(roster));
    let mut mistakes = Mistakes::default();
    let mut links = Links::find(&named, &mut mistakes);
    let levels = levels(&links.requires);
    let mut errors = errors(&mistakes, &named, &links);
    unused::judge(&named, &mut links, &mistakes, &mut errors);
    let is_circular = levels.is_none() || links.family.graph().is_some_and(is_circular);
    if is_circular {
        errors.extend(cycle_errors(&named, &links));
    }
    match levels {
        Some(levels) if errors.is_empty() => Ok(Plan {
            skipped,
            ..arrange(named, links, &levels)
        }),
        _ => Err(PlanErrors::new(errors)),
    }
}

fn is_circular(graph: &Graph) -> bool {
    levels(graph).is_none()
}

/// Renumbers everything by level, then name. Linear: a counting sort, then one pass over each list.
fn arrange(named: Named, links: Links, levels: &[u32]) -> Plan {
    let order = by_level(levels);
    let mut final_number = vec![0; order.len()];
    for (place, number) in (0_u32..).zip(&order) {
        final_number[*number as usize] = place;
    }
    let renumber = |number: u32| final_number[number as usize];
    let entries = 0..number(named.roster.member_of_entry.len());
    let node_of_entry = entries
        .map(|entry| named.of_entry(entry).map(renumber))
        .collect();
    let mut bindings = Vec::with_capacity(links.bindings.len());
    let mut first_binding = Vec::with_capacity(order.len() + 1);
    let mut requires = Graph::with_capacity(order.len(), links.requires.edges_len());
    for old in &order {
        first_binding.push(number(bindings.len()));
        bindings.extend(links.bindings(*old).iter().map(|binding| Binding {
            provider: binding.provider.map(renumber),
            ..*binding
        }));
        requires.push_node(links.requires.targets(*old).iter().copied().map(renumber));
    }
    first_binding.push(number(bindings.len()));
    in_plan_order(&mut bindings);
    let shadows = shadows(&links.shadowings, renumber);
    let ahead = links.barriers.ahead();
    let region = |old: &u32| ahead[*old as usize].map(renumber);
    let children = children(&named, &links, renumber);
    let regions = match ahead {
        [] => Vec::new(),
        _ => order.iter().map(region).collect(),
    };
    let in_order = |list: &[u32]| order.iter().map(|old| list[*old as usize]).collect();
    Plan {
        order: in_order(&named.members),
        level: in_order(levels),
        bindings,
        first_binding,
        dependents: requires.reversed(),
        requires,
        node_of_entry,
        scopes: named.roster.scopes,
        shadows,
        children,
        regions,
        warnings: warnings(links.warnings, &named.roster.absent),
        skipped: Vec::new(),
        disabled: disabled(&named.roster.off),
        outside: Outside::default(),
        #[cfg(feature = "config")]
        idle: idle(&named.roster.off),
        members: named.roster.members,
    }
}

/// What fields get that ask for all that is provided, in the order of the plan.
fn in_plan_order(bindings: &mut [Binding]) {
    let fields = bindings.chunk_by_mut(|binding, _| !binding.is_last);
    for field in fields.filter(|field| field.len() > 1) {
        field.sort_by_key(|binding| binding.provider);
        let last = field.len() - 1;
        for (place, binding) in field.iter_mut().enumerate() {
            binding.is_last = place == last;
        }
    }
}

/// Warnings, with those of types that nothing is of that could be disabled.
fn warnings(mut warnings: Vec<PlanWarning>, absent: &[(Identity, Location)]) -> Vec<PlanWarning> {
    let absent = absent.iter().map(|(plugin, at)| PlanWarning::NothingOff {
        plugin: short_type_name((plugin.type_name)()),
        at: *at,
    });
    warnings.extend(absent);
    warnings
}

fn disabled(off: &[Off]) -> Vec<DisabledPlugin> {
    let off = off.iter().map(|off| DisabledPlugin {
        place: PluginLocation {
            plugin: off.name.clone(),
            declared: off.descriptor.location(),
            registered: off.source.location(),
        },
        because: off.reason.because.clone(),
    });
    off.collect()
}

/// What members are declared to bring, by the final numbers.
fn children(named: &Named, links: &Links, renumber: impl Fn(u32) -> u32) -> Vec<Brought> {
    let family = &links.family;
    let name = |number| match family.child(number) {
        Some(child) => &child.name,
        None => named.name(number),
    };
    let brought = |kin: &Kin| Brought {
        node: renumber(kin.member),
        name: kin.name.clone(),
        parent: name(kin.parent).clone(),
        declaration: kin.declaration,
    };
    let mut children: Vec<Brought> = family.children().iter().map(brought).collect();
    // Stable: the children of one plugin keep their order.
    children.sort_by_key(|child| child.node);
    children
}

/// Which plugin hides which, by the final numbers.
fn shadows(found: &[Shadowing], renumber: impl Fn(u32) -> u32) -> Vec<(u32, Shadow)> {
    let mut shadows: Vec<(u32, Shadow)> = found
        .iter()
        .map(|Shadowing { by, shadow }| {
            let hidden = renumber(shadow.hidden);
            (renumber(*by), Shadow { hidden, ..*shadow })
        })
        .collect();
    // Stable: the states of one plugin keep their order.
    shadows.sort_by_key(|(by, _)| *by);
    shadows
}

/// The numbers ordered by level; numbers of one level keep their order.
fn by_level(levels: &[u32]) -> Vec<u32> {
    let deepest = levels.iter().max().map_or(0, |deepest| *deepest as usize);
    let mut next = vec![0_usize; deepest + 2];
    for level in levels {
        next[*level as usize + 1] += 1;
    }
    for level in 1..next.len() {
        next[level] += next[level - 1];
    }
    let mut order = vec![0; levels.len()];
    for (number, level) in (0_u32..).zip(levels) {
        let place = &mut next[*level as usize];
        order[*place] = number;
        *place += 1;
    }
    order
}
