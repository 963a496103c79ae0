//! Random graphs, against independent and deliberately simple oracles.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

mod barriers;
mod families;
mod outwards;
mod ports;
mod scopes;

use std::collections::{BTreeMap, BTreeSet};

use bootstrap::error::Mistake;
use bootstrap::plan::Plan;
use bootstrap::{App, Registration, plugin_fn};
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{Act, Probe, Trace, fails_after, panics_after, paused, takes};

/// How many plugins, and who waits for whom; an edge may go anywhere, also to its own node.
fn any_graph() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    (1..14_usize).prop_flat_map(|n| (Just(n), vec((0..n, 0..n), 0..2 * n)))
}

/// Edges only go to smaller numbers.
fn acyclic_graph() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    any_graph().prop_map(|(n, edges)| {
        let down = edges.into_iter().filter(|(from, to)| from != to);
        (n, down.map(|(a, b)| (a.max(b), a.min(b))).collect())
    })
}

fn name(node: usize) -> String {
    format!("p{node:02}")
}

fn number(name: &str) -> usize {
    name[1..].parse().unwrap()
}

/// An app of closures, registered in the order of `order`.
fn app(n: usize, edges: &[(usize, usize)], order: &[usize]) -> App {
    let mut app = App::new();
    let mut registrations: BTreeMap<usize, Registration<_>> = BTreeMap::new();
    for node in order.iter().copied().filter(|node| *node < n) {
        registrations.insert(node, app.register(plugin_fn(name(node), async |_| Ok(()))));
    }
    for (from, to) in edges {
        registrations[from].clone().after(&registrations[to]);
    }
    app
}

fn order(plan: &Plan) -> Vec<usize> {
    plan.order()
        .map(|plugin| number(&plugin.name().to_string()))
        .collect()
}

fn oracle(n: usize, edges: &[(usize, usize)]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..n).map(|_| graph.add_node(())).collect();
    for (from, to) in edges {
        graph.update_edge(nodes[*from], nodes[*to], ());
    }
    graph
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_exists_exactly_if_there_is_no_cycle((n, edges) in any_graph()) {
        let graph = oracle(n, &edges);
        let all: Vec<usize> = (0..n).collect();
        match app(n, &edges, &all).plan() {
            Ok(plan) => {
                prop_assert!(toposort(&graph, None).is_ok());
                let order = order(&plan);
                prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), n);
                let place = |node: usize| order.iter().position(|other| *other == node);
                for (from, to) in &edges {
                    prop_assert!(place(*from) > place(*to), "{} before {}", from, to);
                }
                let unique: BTreeSet<_> = edges.iter().collect();
                prop_assert_eq!(plan.edges().count(), unique.len());
            }
            Err(errors) => {
                prop_assert!(toposort(&graph, None).is_err());
                let cycles = tarjan_scc(&graph).into_iter().filter(|component| {
                    component.len() > 1 || graph.contains_edge(component[0], component[0])
                });
                prop_assert_eq!(errors.errors().len(), cycles.count());
                for error in errors.errors() {
                    let Mistake::Cycle { steps, .. } = error else {
                        panic!("{error:?}");
                    };
                    let walk: Vec<_> = steps.iter().map(|step| &step.plugin).collect();
                    let walk: Vec<usize> =
                        walk.iter().map(|place| number(&place.plugin.to_string())).collect();
                    prop_assert_eq!(walk.iter().collect::<BTreeSet<_>>().len(), walk.len());
                    for (from, to) in walk.iter().zip(walk.iter().cycle().skip(1)) {
                        prop_assert!(edges.contains(&(*from, *to)), "no edge {} -> {}", from, to);
                    }
                }
            }
        }
    }

    #[test]
    fn a_level_is_the_length_of_the_longest_chain((n, edges) in acyclic_graph()) {
        let all: Vec<usize> = (0..n).collect();
        let plan = app(n, &edges, &all).plan().unwrap();
        let mut longest = vec![0; n];
        for node in 0..n {
            let below = edges.iter().filter(|(from, _)| *from == node);
            longest[node] = below.map(|(_, to)| longest[*to] + 1).max().unwrap_or(0);
        }
        for plugin in plan.order() {
            prop_assert_eq!(plugin.level(), longest[number(&plugin.name().to_string())]);
        }
        let by_level_and_name: Vec<usize> = {
            let mut nodes: Vec<usize> = (0..n).collect();
            nodes.sort_by_key(|node| (longest[*node], *node));
            nodes
        };
        prop_assert_eq!(order(&plan), by_level_and_name);
    }

    #[test]
    fn shuffled_registrations_give_the_same_plan(
        (n, edges) in any_graph(),
        shuffled in Just((0..14).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let sorted: Vec<usize> = (0..n).collect();
        let one = app(n, &edges, &sorted).plan();
        let other = app(n, &edges, &shuffled).plan();
        match (one, other) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one.to_dot(), other.to_dot()),
            (Err(one), Err(other)) => {
                let lines = |errors: &bootstrap::error::PlanErrors| {
                    errors.errors().iter().map(ToString::to_string).collect::<Vec<_>>()
                };
                prop_assert_eq!(lines(&one), lines(&other));
            }
            (one, other) => panic!("{one:?} and {other:?}"),
        }
    }
}

/// What one plugin does wrong while it loads.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Error,
    Panic,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::None), Just(Fault::Error), Just(Fault::Panic)]
}

fn load(fault: Fault, millis: u64) -> Act {
    match fault {
        Fault::None => takes(millis),
        Fault::Error => fails_after(millis, "fault"),
        Fault::Panic => panics_after(millis, "fault"),
    }
}

/// Boots and closes; returns what happened.
fn live(
    n: usize,
    edges: &[(usize, usize)],
    times: &[u64],
    faulty: usize,
    fault: Fault,
    concurrency: usize,
) -> (bool, Vec<String>) {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().max_concurrency(concurrency);
        let registrations: Vec<_> = (0..n)
            .map(|node| {
                let fault = if node == faulty { fault } else { Fault::None };
                let probe = Probe::new(name(node), &trace).close(takes(times[n - 1 - node]));
                app.register(probe.load(load(fault, times[node])))
            })
            .collect();
        for (from, to) in edges {
            registrations[*from].clone().after(&registrations[*to]);
        }
        let booted = match app.boot().await {
            Ok(running) => {
                running.close().await.unwrap();
                true
            }
            Err(error) => {
                assert!(error.rollback_errors().is_empty());
                false
            }
        };
        (booted, trace.events())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Every load is after those that it needs, every close before them, and what has loaded has
    /// closed, once, whatever goes wrong.
    #[test]
    fn loads_and_closes_balance_and_respect_every_edge(
        (n, edges) in acyclic_graph(),
        times in vec(0..20_u64, 14),
        faulty in 0..14_usize,
        fault in fault(),
        concurrency in prop_oneof![Just(1), Just(2), Just(usize::MAX)],
    ) {
        let (booted, events) = live(n, &edges, &times, faulty, fault, concurrency);
        let place = |event: &str, node: usize, end: char| {
            let event = format!("{event}({}){end}", name(node));
            let found: Vec<usize> =
                events.iter().enumerate().filter(|(_, e)| **e == event).map(|(i, _)| i).collect();
            assert!(found.len() < 2, "{event} twice in {events:?}");
            found.first().copied()
        };
        let fails = faulty < n && !matches!(fault, Fault::None);
        prop_assert_eq!(booted, !fails);
        for node in 0..n {
            let loaded = place("load", node, '-');
            prop_assert_eq!(loaded.is_some(), place("close", node, '-').is_some());
            prop_assert!(loaded.is_some() || fails);
        }
        for (from, to) in &edges {
            if let Some(start) = place("load", *from, '+') {
                prop_assert!(place("load", *to, '-').is_some_and(|end| end < start));
            }
            if let (Some(end), Some(start)) = (place("close", *from, '-'), place("close", *to, '+')) {
                prop_assert!(end < start);
            }
        }
    }

    /// Under `serial`, the log is the one that a loop would write.
    #[test]
    fn a_serial_app_does_what_a_loop_does((n, edges) in acyclic_graph(), times in vec(0..20_u64, 14)) {
        let (_, events) = live(n, &edges, &times, 99, Fault::None, 1);
        let all: Vec<usize> = (0..n).collect();
        let order = order(&app(n, &edges, &all).plan().unwrap());
        let mut expected = Vec::new();
        for (hook, nodes) in [
            ("load", order.clone()),
            ("close", order.into_iter().rev().collect()),
        ] {
            for node in nodes {
                expected.push(format!("{hook}({})+", name(node)));
                expected.push(format!("{hook}({})-", name(node)));
            }
        }
        prop_assert_eq!(events, expected);
    }
}
