//! Plugins without dependents.

use crate::base::name::PluginName;
use crate::collect::{Source, Unused};
use crate::plan::family::Kin;
use crate::plan::links::Links;
use crate::plan::mistakes::Mistakes;
use crate::plan::named::Named;
use crate::plan::schedule::PlanWarning;
use crate::plan::words::place;
use crate::report::Mistake;

/// Removes the plugins without dependents from those that are to be planned, if they are to be
/// skipped, and names them. What else is wrong with them is not told: they are not part of the app.
pub(super) fn leave_out(named: Named) -> (Named, Vec<PluginName>) {
    if named.roster.unused != Unused::Skip {
        return (named, Vec::new());
    }
    let mut mistakes = Mistakes::default();
    let links = Links::find(&named, &mut mistakes);
    let is_needed = needed(&named, &links, &mistakes);
    let skipped = named
        .numbers()
        .filter(|number| !is_needed[*number as usize]);
    let skipped: Vec<PluginName> = skipped.map(|it| named.name(it).clone()).collect();
    if skipped.is_empty() {
        return (named, skipped);
    }
    (named.only(&is_needed), skipped)
}

/// Warns of the plugins without dependents, or refuses them, as the app says.
pub(super) fn judge(
    named: &Named,
    links: &mut Links,
    mistakes: &Mistakes,
    errors: &mut Vec<Mistake>,
) {
    let policy = named.roster.unused;
    if !matches!(policy, Unused::Warn | Unused::Deny) {
        return;
    }
    let mut is_used = vec![false; named.len()];
    for number in named.numbers() {
        for provider in providers(links, mistakes, number) {
            is_used[provider as usize] = true;
        }
    }
    let is_unused = |number: &u32| !is_used[*number as usize] && is_idle(named, links, *number);
    let unused: Vec<u32> = named.numbers().filter(is_unused).collect();
    for number in unused {
        let (place, states) = (
            place(named, number),
            named.member(number).descriptor.states(),
        );
        let states = states.to_vec();
        if policy == Unused::Warn {
            links.warnings.push(PlanWarning::Unused { place, states });
        } else {
            errors.push(Mistake::UnusedProvider { place, states });
        }
    }
}

/// Which plugins do something of their own accord, or are led to from one that does.
fn needed(named: &Named, links: &Links, mistakes: &Mistakes) -> Vec<bool> {
    let mut ahead: Vec<u32> = named
        .numbers()
        .filter(|it| !is_idle(named, links, *it))
        .collect();
    let mut needed = vec![false; named.len()];
    for number in &ahead {
        needed[*number as usize] = true;
    }
    while let Some(number) = ahead.pop() {
        for provider in providers(links, mistakes, number) {
            if !std::mem::replace(&mut needed[provider as usize], true) {
                ahead.push(provider);
            }
        }
    }
    needed
}

/// Whether a plugin does nothing but provide states: without dependents it can be left out.
fn is_idle(named: &Named, links: &Links, number: u32) -> bool {
    let member = named.member(number);
    let hooks = member.descriptor.hook_set();
    let acts = hooks.ready || hooks.run || matches!(member.source, Source::Supplied { .. });
    // What it brings may do something of its own accord.
    let brings = || !links.family.of(number).iter().all(Kin::is_idle);
    let is_wanted = || {
        let name = member.name.base();
        named.roster.expected.contains(&name) || named.is_held(number)
    };
    !member.descriptor.states().is_empty() && !acts && !brings() && !is_wanted()
}

/// The providers of what a plugin requires; all that come into question where that is not clear.
fn providers(links: &Links, mistakes: &Mistakes, number: u32) -> impl Iterator<Item = u32> {
    let bound = links.bindings(number).iter();
    let bound = bound.filter_map(|binding| binding.provider);
    let bound = bound.chain(links.family.providers(number));
    let unclear = mistakes.ambiguous.values().filter(move |ambiguous| {
        let mut fields = ambiguous.fields.iter();
        fields.any(|field| field.plugin == number)
    });
    bound.chain(unclear.flat_map(|ambiguous| ambiguous.candidates.iter().copied()))
}
