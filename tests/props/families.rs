//! Declared children: a plan exists exactly if nobody waits for itself, children included.

use std::collections::BTreeSet;

use bootstrap::error::Mistake;
use bootstrap::prelude::*;
use bootstrap::{App, Registration};
use petgraph::algo::toposort;
use petgraph::graph::DiGraph;
use proptest::collection::vec;
use proptest::prelude::*;

/// What `Maker` makes and `Kid` needs.
#[derive(Default)]
struct Thing<const N: usize>;

/// What `Kid` makes and `User` needs.
#[derive(Default)]
struct Toy<const N: usize>;

#[plugin(collect = never, children = [Kid<N>])]
struct Parent<const N: usize>;

#[plugin(states = [Toy<N>], collect = never)]
struct Kid<const N: usize> {
    thing: State<Thing<N>>,
}

#[plugin(states = [Thing<N>], collect = never)]
struct Maker<const N: usize>;

#[plugin(collect = never)]
struct User<const N: usize> {
    toy: State<Toy<N>>,
}

macro_rules! never_loads {
    ($($plugin:ident => $states:ty),*) => {$(
        impl<const N: usize> Hooks for $plugin<N> {
            async fn load(&mut self, _: &mut LoadContext) -> Result<$states> {
                panic!("planning has no side effects")
            }
        }
    )*};
}

never_loads!(Parent => (), Kid => Toy<N>, Maker => Thing<N>, User => ());

/// Stands between two plugins that are in an order: all orders have one type then.
#[plugin(collect = never)]
struct Between;

impl Hooks for Between {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        panic!("planning has no side effects")
    }
}

type Order = Box<dyn Fn(&Registration<Between>)>;

/// A plugin whose type is forgotten.
struct Node {
    comes_after: Order,
    comes_before: Order,
}

fn node<P: 'static>(of: Registration<P>) -> Node {
    let same = of.clone();
    Node {
        comes_after: Box::new(move |between| drop(of.clone().after(between))),
        comes_before: Box::new(move |between| drop(between.clone().after(&same))),
    }
}

/// The parent, the maker and the user of one family.
fn family<const N: usize>(app: &mut App) -> [Node; 3] {
    [
        node(app.register(Parent::<N>).named(format!("parent{N}"))),
        node(app.register(Maker::<N>).named(format!("maker{N}"))),
        node(app.register(User::<N>::default()).named(format!("user{N}"))),
    ]
}

const FAMILIES: usize = 3;

/// Nodes of the oracle: three of each family, then the kids.
fn oracle(orders: &[(usize, usize)]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    let nodes: Vec<_> = (0..4 * FAMILIES).map(|_| graph.add_node(())).collect();
    for family in 0..FAMILIES {
        let [parent, maker, user] = [0, 1, 2].map(|it| nodes[3 * family + it]);
        let kid = nodes[3 * FAMILIES + family];
        graph.extend_with_edges([(user, parent), (parent, kid), (kid, maker)]);
    }
    for (from, to) in orders {
        graph.update_edge(nodes[*from], nodes[*to], ());
    }
    graph
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_with_families_exists_exactly_if_nobody_waits_for_itself(
        orders in vec((0..3 * FAMILIES, 0..3 * FAMILIES), 0..9)
    ) {
        let mut app = App::new();
        let mut nodes: Vec<Node> = family::<0>(&mut app).into();
        nodes.extend(family::<1>(&mut app));
        nodes.extend(family::<2>(&mut app));
        for (from, to) in &orders {
            let between = app.register(Between);
            (nodes[*from].comes_after)(&between);
            (nodes[*to].comes_before)(&between);
        }
        let is_sound = toposort(&oracle(&orders), None).is_ok();
        match app.plan() {
            Ok(plan) => {
                prop_assert!(is_sound);
                // What a kid needs holds up nobody: a parent has no edge that no order gave it.
                let parents = plan.order().filter(|it| it.children().next().is_some());
                let edges: usize = parents.map(|it| it.requires().count()).sum();
                let of_parents = orders.iter().enumerate().filter(|(_, (from, _))| from % 3 == 0);
                prop_assert_eq!(edges, of_parents.collect::<BTreeSet<_>>().len());
            }
            Err(errors) => {
                prop_assert!(!is_sound, "{:?}", errors);
                let all_cycles = errors
                    .errors()
                    .iter()
                    .all(|error| matches!(error, Mistake::Cycle { .. }));
                prop_assert!(all_cycles);
            }
        }
    }
}
