//! Random scopes, against an oracle that walks outwards from path to path.

use bootstrap::error::Mistake;
use bootstrap::extend::{Descriptor, Fields, Plugin, States};
use bootstrap::plan::PlannedPlugin;
use bootstrap::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::outwards::{Register, way_out};

struct A;
struct B;

/// Provides `A`, `B` or both.
struct Maker {
    name: String,
    makes: (bool, bool),
}

#[bootstrap::extend::async_trait]
impl Plugin for Maker {
    fn descriptor(&self) -> Descriptor {
        let descriptor = Descriptor::new(self.name.clone());
        match self.makes {
            (true, true) => descriptor.provides::<A>().provides::<B>(),
            (_, true) => descriptor.provides::<B>(),
            _ => descriptor.provides::<A>(),
        }
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        anyhow::bail!("never")
    }
}

/// Asks for `B`.
struct Dependent(State<B>);

#[bootstrap::extend::async_trait]
impl Plugin for Dependent {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("asker")
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        fields.field("it", &mut self.0);
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        anyhow::bail!("never")
    }
}

/// A maker, where it stands.
#[derive(Clone, Copy, Debug)]
struct Standing {
    scope: usize,
    makes: (bool, bool),
    exported: bool,
}

/// Scopes by their parents (number 0 is the app), and makers in them.
fn any_scopes() -> impl Strategy<Value = (Vec<usize>, Vec<Standing>)> {
    vec(any::<prop::sample::Index>(), 0..7).prop_flat_map(|parents| {
        let parents: Vec<usize> = (1..)
            .zip(parents)
            .map(|(scope, parent)| parent.index(scope))
            .collect();
        let scopes = parents.len() + 1;
        let maker = (0..scopes, any::<(bool, bool)>(), any::<bool>());
        let maker = maker.prop_map(|(scope, makes, exported)| Standing {
            scope,
            makes,
            exported,
        });
        (Just(parents), vec(maker, 0..8))
    })
}

/// The makers that somebody in a scope means by `B`.
fn meant(parents: &[usize], makers: &[Standing], from: usize) -> Vec<String> {
    let is_seen_in = |maker: &Standing, scope: usize| {
        let around = way_out(parents, maker.scope).get(1).copied();
        maker.makes.1 && (maker.scope == scope || maker.exported && around == Some(scope))
    };
    let names = |scope: usize| -> Vec<String> {
        let makers = makers.iter().enumerate();
        let seen = makers.filter(|(_, maker)| is_seen_in(maker, scope));
        seen.map(|(number, _)| format!("m{number}")).collect()
    };
    let way = way_out(parents, from).into_iter();
    way.map(names)
        .find(|names| !names.is_empty())
        .unwrap_or_default()
}

fn fill(
    here: &mut impl Register,
    scope: usize,
    parents: &[usize],
    makers: &[Standing],
    from: usize,
) {
    for (number, maker) in makers.iter().enumerate() {
        if maker.scope == scope {
            let registration = here.add(Maker {
                name: format!("m{number}"),
                makes: maker.makes,
            });
            if maker.exported {
                registration.export();
            }
        }
    }
    if from == scope {
        here.add(Dependent(State::unbound()));
    }
    for inner in (1..=parents.len()).filter(|inner| parents[inner - 1] == scope) {
        here.open(format!("s{inner}"), |scope| {
            fill(scope, inner, parents, makers, from);
        });
    }
}

/// The name without its scopes.
fn own_name(plugin: &str) -> String {
    plugin.rsplit('/').next().unwrap().to_owned()
}

/// Who answers somebody in a scope, sorted.
fn answers(app: &App) -> Vec<String> {
    let mut answers: Vec<String> = match app.plan() {
        Ok(plan) => {
            let asker = plan
                .order()
                .find(|it| own_name(it.name().base()) == "asker");
            let answers = asker.iter().flat_map(PlannedPlugin::requires);
            answers.map(|it| own_name(it.name().base())).collect()
        }
        Err(errors) => match errors.errors() {
            [Mistake::MissingProvider { .. }] => Vec::new(),
            [Mistake::AmbiguousProvider { candidates, .. }] => {
                let names = candidates.iter().map(|place| place.plugin.base());
                names.map(own_name).collect()
            }
            _ => panic!("{errors:?}"),
        },
    };
    answers.sort();
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// A42: from every scope, a field means the provider that a walk outwards comes to first.
    #[test]
    fn a_field_means_what_a_walk_outwards_finds((parents, makers) in any_scopes()) {
        for from in 0..=parents.len() {
            let mut app = App::new();
            fill(&mut app, 0, &parents, &makers, from);
            prop_assert_eq!(answers(&app), meant(&parents, &makers, from));
        }
    }
}
