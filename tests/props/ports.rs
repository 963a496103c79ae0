//! Random providers of a port in random scopes, against an oracle that walks outwards; for plugins
//! of the plan, and for children that join while the app boots.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bootstrap::error::{Code, Mistake};
use bootstrap::extend::{Descriptor, Fields, Plugin, States};
use bootstrap::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;
use support::paused;

use crate::outwards::{Register, way_out};

/// Provides the port, with its own name.
struct Maker(String);

#[bootstrap::extend::async_trait]
impl Plugin for Maker {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.0.clone()).provides_port::<str>()
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        Ok(States::new().with_port::<str>(self.0.clone().into()))
    }
}

/// What somebody was given.
#[derive(Clone, Debug, PartialEq)]
struct Given {
    perhaps: Option<String>,
    all: Vec<(String, String)>,
    later: Option<String>,
}

/// Asks in every way that a boot survives.
struct Dependent {
    perhaps: Option<Port<str>>,
    all: Ports<str>,
    later: Option<Lazy<Port<str>>>,
    seen: Seen,
}

type Seen = Arc<Mutex<Vec<Given>>>;

impl Dependent {
    fn new(seen: &Seen, has_one: bool) -> Self {
        Self {
            perhaps: None,
            all: Ports::unbound(),
            later: has_one.then(Lazy::unbound),
            seen: Arc::clone(seen),
        }
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Dependent {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("asker")
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        fields.field("perhaps", &mut self.perhaps);
        fields.field("all", &mut self.all);
        if let Some(later) = &mut self.later {
            fields.field("later", later);
        }
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        Ok(States::new())
    }

    async fn ready(&self, _: &ReadyContext) -> Result<()> {
        let all = self.all.iter();
        let later = self.later.as_ref().map(Lazy::try_get).transpose()?;
        let given = Given {
            perhaps: self.perhaps.as_ref().map(|it| it.to_string()),
            all: all
                .map(|(name, it)| (name.to_string(), it.to_string()))
                .collect(),
            later: later.map(|it| it.to_string()),
        };
        self.seen.lock().unwrap().push(given);
        Ok(())
    }
}

/// Registers an asker as its child.
struct Parent {
    seen: Seen,
    has_one: bool,
}

#[bootstrap::extend::async_trait]
impl Plugin for Parent {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("parent")
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        cx.register(Dependent::new(&self.seen, self.has_one));
        Ok(States::new())
    }
}

/// A maker, where it stands, and how much it counts.
#[derive(Clone, Copy, Debug)]
struct Standing {
    scope: usize,
    exported: bool,
    is_primary: bool,
}

/// Scopes by their parents (number 0 is the app), makers in them, and where somebody asks.
fn any_case() -> impl Strategy<Value = (Vec<usize>, Vec<Standing>, usize)> {
    vec(any::<prop::sample::Index>(), 0..5).prop_flat_map(|parents| {
        let parents: Vec<usize> = (1..)
            .zip(parents)
            .map(|(scope, parent)| parent.index(scope))
            .collect();
        let scopes = parents.len() + 1;
        let maker = (0..scopes, any::<bool>(), any::<bool>());
        let maker = maker.prop_map(|(scope, exported, is_primary)| Standing {
            scope,
            exported,
            is_primary,
        });
        (Just(parents), vec(maker, 0..7), 0..scopes)
    })
}

/// The names of a scope's plugins begin with this.
fn prefix(parents: &[usize], scope: usize) -> String {
    let mut way = way_out(parents, scope);
    way.pop();
    way.reverse();
    let names: Vec<String> = way.iter().map(|scope| format!("s{scope}/")).collect();
    names.concat()
}

struct Oracle<'a> {
    parents: &'a [usize],
    makers: &'a [Standing],
    from: usize,
}

impl Oracle<'_> {
    /// The makers that are seen at once in each scope on the way out.
    fn seen(&self) -> Vec<Vec<usize>> {
        let is_in = |maker: &Standing, scope: usize| {
            let around = way_out(self.parents, maker.scope).get(1).copied();
            maker.scope == scope || maker.exported && around == Some(scope)
        };
        let here = |scope: usize| -> Vec<usize> {
            let numbers = 0..self.makers.len();
            numbers
                .filter(|it| is_in(&self.makers[*it], scope))
                .collect()
        };
        way_out(self.parents, self.from)
            .into_iter()
            .map(here)
            .collect()
    }

    /// Who is meant by somebody who asks for one: nobody, one, or several.
    fn one(&self) -> Vec<usize> {
        let nearest = self.seen().into_iter().find(|here| !here.is_empty());
        let nearest = nearest.unwrap_or_default();
        let most = nearest.iter().map(|it| self.makers[*it].is_primary).max();
        let counts = |it: &usize| Some(self.makers[*it].is_primary) == most;
        nearest.into_iter().filter(counts).collect()
    }

    fn all(&self) -> Vec<(String, String)> {
        let standing: BTreeSet<usize> = self.seen().into_iter().flatten().collect();
        let mut all: Vec<_> = standing
            .into_iter()
            .map(|it| (self.name(it), own_name(it)))
            .collect();
        all.sort();
        all
    }

    fn name(&self, maker: usize) -> String {
        prefix(self.parents, self.makers[maker].scope) + &own_name(maker)
    }
}

fn own_name(maker: usize) -> String {
    format!("m{maker}")
}

/// Builds a scope with its makers, the scopes in it, and the one who asks.
fn build(
    at: &mut impl Register,
    scope: usize,
    case: &Oracle<'_>,
    asker: &mut Option<Box<dyn Plugin>>,
) {
    for (number, maker) in case.makers.iter().enumerate() {
        if maker.scope == scope {
            let registration = at.add(Maker(own_name(number)));
            let registration = if maker.is_primary {
                registration.primary()
            } else {
                registration
            };
            if maker.exported {
                registration.export();
            }
        }
    }
    if scope == case.from
        && let Some(asker) = asker.take()
    {
        at.add(asker);
    }
    for inner in 1..=case.parents.len() {
        if case.parents[inner - 1] == scope {
            at.open(format!("s{inner}"), |at| build(at, inner, case, asker));
        }
    }
}

/// Boots an app with the one who asks; gives what that was given, or the code of the mistake.
fn given(case: &Oracle<'_>, seen: &Seen, asker: Box<dyn Plugin>) -> Result<Given, Vec<Code>> {
    let mut app = App::new();
    build(&mut app, 0, case, &mut Some(asker));
    if let Err(errors) = app.plan() {
        return Err(errors.errors().iter().map(Mistake::code).collect());
    }
    paused(async {
        let running = app.boot().await.map_err(|error| vec![error.code()])?;
        running.close().await.unwrap();
        Ok(seen.lock().unwrap().pop().unwrap())
    })
}

proptest! {
    #[test]
    fn who_is_meant_by_a_port_is_whom_the_oracle_means((parents, makers, from) in any_case()) {
        let case = Oracle { parents: &parents, makers: &makers, from };
        let one = case.one();
        let has_one = !one.is_empty();
        let seen = Seen::default();
        let planned = given(&case, &seen, Box::new(Dependent::new(&seen, has_one)));
        let joined = given(&case, &seen, Box::new(Parent { seen: Arc::clone(&seen), has_one }));
        if one.len() > 1 {
            prop_assert_eq!(planned, Err(vec![Code::AmbiguousProvider]));
            prop_assert_eq!(joined, Err(vec![Code::AmbiguousProvider]));
        } else {
            let name = one.first().map(|it| own_name(*it));
            let expected = Given { perhaps: name.clone(), all: case.all(), later: name };
            prop_assert_eq!(planned, Ok(expected.clone()));
            prop_assert_eq!(joined, Ok(expected));
        }
    }
}
