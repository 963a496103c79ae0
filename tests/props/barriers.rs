//! Random barriers in random scopes, against an oracle that compares every pair.

use std::collections::{BTreeMap, BTreeSet};

use bootstrap::{App, Scope, plugin_fn};
use proptest::collection::vec;
use proptest::prelude::*;

/// What is done with an app or a scope.
#[derive(Clone, Debug)]
enum Step {
    Plugin,
    Barrier,
    Scope(Vec<Step>),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![2 => Just(Step::Plugin), 1 => Just(Step::Barrier)];
    let step = leaf.prop_recursive(3, 16, 4, |step| vec(step, 0..5).prop_map(Step::Scope));
    vec(step, 0..8)
}

/// What was registered, in that order: its path, and whether it is a barrier.
type Registered = Vec<(Vec<usize>, bool)>;

fn list(steps: &[Step], path: &[usize], registered: &mut Registered) {
    for (place, step) in steps.iter().enumerate() {
        match step {
            Step::Plugin => registered.push((path.to_vec(), false)),
            Step::Barrier => registered.push((path.to_vec(), true)),
            Step::Scope(inner) => list(inner, &[path, &[place]].concat(), registered),
        }
    }
}

fn fill(scope: &mut Scope<'_>, steps: &[Step]) {
    for (place, step) in steps.iter().enumerate() {
        match step {
            Step::Plugin => drop(scope.register(plugin_fn("p", async |_| Ok(())))),
            Step::Barrier => drop(scope.barrier(async |_| Ok(()))),
            Step::Scope(inner) => scope.scope(format!("s{place}"), |scope| fill(scope, inner)),
        }
    }
}

/// Who loads before whom, by places in the order of registration.
fn oracle(registered: &Registered) -> BTreeSet<(usize, usize)> {
    let mut before = BTreeSet::new();
    for (barrier, (scope, is_barrier)) in registered.iter().enumerate() {
        for (other, (path, _)) in registered.iter().enumerate() {
            if *is_barrier && path.starts_with(scope) && other != barrier {
                before.insert((other.min(barrier), other.max(barrier)));
            }
        }
    }
    // Until nothing new follows.
    loop {
        let follows = |(a, b): &(usize, usize)| {
            let next = before.range((*b, 0)..(*b + 1, 0));
            next.map(|(_, c)| (*a, *c)).collect::<Vec<_>>()
        };
        let all: BTreeSet<_> = before.iter().flat_map(follows).collect();
        if all.is_subset(&before) {
            return before;
        }
        before.extend(all);
    }
}

/// The same by the edges of the plan. Instances are numbered in the order of registration.
fn planned(app: &App, registered: &Registered) -> BTreeSet<(usize, usize)> {
    let plan = app.plan().unwrap();
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, (path, is_barrier)) in registered.iter().enumerate() {
        let scopes = path
            .iter()
            .fold(String::new(), |path, it| path + &format!("s{it}/"));
        let base = format!("all/{scopes}{}", if *is_barrier { "barrier" } else { "p" });
        places.entry(base).or_default().push(place);
    }
    let mut before: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let place = |name: &bootstrap::plan::PluginName| {
        let (text, of_base) = (name.to_string(), &places[name.base()]);
        let number = text
            .rsplit_once('#')
            .map_or(1, |(_, it)| it.parse::<usize>().unwrap());
        of_base[number - 1]
    };
    for plugin in plan.order() {
        let mut all = BTreeSet::new();
        for needed in plugin.requires() {
            let needed = place(needed.name());
            all.insert(needed);
            all.extend(&before[&needed]);
        }
        before.insert(place(plugin.name()), all);
    }
    let pairs = before.iter();
    pairs
        .flat_map(|(later, all)| all.iter().map(move |earlier| (*earlier, *later)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// A25: everything that was registered before a barrier in its scope loads before it,
    /// everything after it later, and nothing else is put in order.
    #[test]
    fn a_barrier_stands_between_what_was_registered_before_and_after_it(steps in any_steps()) {
        let mut app = App::new();
        app.scope("all", |scope| fill(scope, &steps));
        let mut registered = Vec::new();
        list(&steps, &[], &mut registered);
        prop_assert_eq!(planned(&app, &registered), oracle(&registered));
    }
}
