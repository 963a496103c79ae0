//! Cycles, which are shown as a walk.

use std::marker::PhantomData;

use bootstrap::error::Mistake;
use bootstrap::extend::{Descriptor, Fields, Plugin, States};
use bootstrap::prelude::*;
use bootstrap::{State, plugin_fn};
use support::{Probe, Trace, paused, register_graph};

use super::{messages, names};

/// The walk of the only cycle.
fn cycle(edges: &[&[usize]]) -> (Vec<String>, Vec<String>) {
    let trace = Trace::new();
    let probes = (0..edges.len())
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, edges);
    let errors = app.plan().unwrap_err();
    let [Mistake::Cycle { steps, way, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let walk: Vec<_> = steps.iter().map(|step| &step.plugin).collect();
    (names(walk.iter().map(|place| &place.plugin)), names(way))
}

/// S4: the walk holds only members of the cycle, each once.
#[test]
fn a_cycle_is_shown_as_a_walk_of_its_members() {
    assert_eq!(cycle(&[&[0]]).0, ["p0"]);
    assert_eq!(cycle(&[&[1], &[0]]).0, ["p0", "p1"]);
    assert_eq!(cycle(&[&[1], &[2], &[0], &[]]).0, ["p0", "p1", "p2"]);
    // A shortcut: the shorter one of two cycles is shown.
    assert_eq!(cycle(&[&[1], &[2], &[3, 0], &[0]]).0, ["p0", "p1", "p2"]);
}

/// S5: a cycle that nobody at the root is part of is shown with the way to it.
#[test]
fn a_cycle_is_shown_with_the_way_that_leads_to_it() {
    let (walk, way) = cycle(&[&[1], &[2], &[3], &[2]]);
    assert_eq!(walk, ["p2", "p3"]);
    assert_eq!(way, ["p0", "p1"]);
}

/// D57: the whole cycle is in the message, and nothing has been loaded.
#[test]
fn the_diagnosis_of_a_cycle_reads_from_the_mistake_to_the_remedy() {
    paused(async {
        let mut app = App::new();
        let a = app.register(plugin_fn("a", async |_| panic!("nothing loads")));
        let b = app
            .register(plugin_fn("b", async |_| panic!("nothing loads")))
            .after(&a);
        let line_of_a = line!() + 1;
        a.after(&b);
        let error = app.boot().await.unwrap_err();
        let text = error.render();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "error[BOOT002]: plugin `a` depends on itself, through 1 other plugin"
        );
        assert!(
            lines[1]
                .starts_with("  `a` -> `b`: only an order, by `after` (tests/it/plan/cycles.rs:")
        );
        assert!(
            lines[2]
                .starts_with("  `b` -> `a`: only an order, by `after` (tests/it/plan/cycles.rs:")
        );
        assert_eq!(
            lines[3],
            "  help: `a` needs nothing of `b`: take the `after` away"
        );
        assert_eq!(lines.len(), 4, "{text}");
        let _ = line_of_a;
    });
}

#[test]
fn separate_cycles_are_separate_errors() {
    let trace = Trace::new();
    let probes = (0..4)
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, &[&[1], &[0], &[3], &[2]]);
    assert_eq!(
        messages(&app.plan().unwrap_err()),
        [
            "plugin `p0` depends on itself, through 1 other plugin",
            "plugin `p2` depends on itself, through 1 other plugin",
        ]
    );
}

/// S4: of several cycles through one plugin the shortest is shown, whichever comes first.
#[test]
fn the_shortest_of_several_cycles_is_shown() {
    // 0 -> 1 -> 2 -> 3 -> 0, and a shortcut.
    assert_eq!(cycle(&[&[1, 3], &[2], &[0], &[0]]).0, ["p0", "p3"]);
    assert_eq!(cycle(&[&[3, 1], &[2], &[0], &[1, 0]]).0, ["p0", "p3"]);
    assert_eq!(cycle(&[&[1, 2], &[0], &[3], &[0]]).0, ["p0", "p1"]);
    assert_eq!(cycle(&[&[1, 2], &[3], &[0], &[0]]).0, ["p0", "p2"]);
}

/// S4: a plugin that waits for itself is a cycle of one.
#[test]
fn the_diagnosis_of_a_plugin_that_needs_itself_names_it_alone() {
    let mut app = App::new();
    let line = line!() + 1;
    let own = app.register(plugin_fn("own", async |_| panic!("nothing loads")));
    own.clone().after(&own);
    assert_eq!(
        app.plan().unwrap_err().render(),
        format!(
            "error[BOOT002]: plugin `own` depends on itself\n  \
             `own` -> `own`: only an order, by `after` (tests/it/plan/cycles.rs:{line})\n  \
             help: `own` needs nothing of `own`: take the `after` away"
        )
    );
}

/// S4: a cycle of twenty thousand is found, shown and dropped without touching the stack.
#[test]
fn a_cycle_of_twenty_thousand_does_not_overflow_the_stack() {
    paused(async {
        let n = 20_000;
        let mut app = App::new();
        let registrations: Vec<_> = (0..n)
            .map(|i| {
                app.register(plugin_fn(format!("p{i:05}"), async |_| {
                    panic!("nothing loads")
                }))
            })
            .collect();
        for (i, registration) in registrations.iter().enumerate() {
            registration.clone().after(&registrations[(i + 1) % n]);
        }
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "plugin `p00000` depends on itself, through 19999 other plugins"
        );
        assert_eq!(error.render().lines().count(), n + 2);
    });
}

/// S5: the way stands below the cycle.
#[test]
fn the_diagnosis_of_a_cycle_shows_how_it_is_reached() {
    let trace = Trace::new();
    let probes = (0..4)
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, &[&[1], &[2], &[3], &[2]]);
    let text = app.plan().unwrap_err().render();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("  `p2` -> `p3`: "), "{text}");
    assert!(lines[2].starts_with("  `p3` -> `p2`: "), "{text}");
    assert_eq!(lines[3], "  reached by: p0 -> p1 -> ..");
    assert!(lines[4].starts_with("  help: "), "{text}");
    assert_eq!(lines.len(), 5, "{text}");
}

/// Made at run time: asks for `A` and provides `P`, which closes cycles that no compiler sees.
struct Link<A, P>(&'static str, State<A>, PhantomData<fn() -> P>);

const LINK_IS_DESCRIBED_AT: u32 = line!() + 6;

#[bootstrap::extend::async_trait]
impl<A: Send + Sync + 'static, P: Send + Sync + 'static> Plugin for Link<A, P> {
    fn descriptor(&self) -> Descriptor {
        // Its fields have no place of their own: this one stands for them.
        Descriptor::new(self.0).provides::<P>()
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        fields.field("link", &mut self.1);
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        panic!("nothing loads")
    }
}

/// D57: every step of a cycle shows the field that makes it.
#[test]
fn a_cycle_through_fields_shows_the_field_of_every_step() {
    struct X;
    struct Y;
    let app = App::new()
        .with(Link::<X, Y>("p", State::unbound(), PhantomData))
        .with(Link::<Y, X>("q", State::unbound(), PhantomData));
    let at = LINK_IS_DESCRIBED_AT;
    assert_eq!(
        app.plan().unwrap_err().render(),
        format!(
            "error[BOOT002]: plugin `p` depends on itself, through 1 other plugin\n  \
             `p` -> `q`: field `link`, state `X` (tests/it/plan/cycles.rs:{at})\n  \
             `q` -> `p`: field `link`, state `Y` (tests/it/plan/cycles.rs:{at})\n  \
             help: one of them must do without another: take a field away, or move what both \
             need into a plugin of its own"
        )
    );
}

/// S4: the shortest cycle of a tangle, wherever it lies, and how much else is tied up with it.
#[test]
fn of_several_cycles_through_each_other_the_shortest_is_shown() {
    let trace = Trace::new();
    let probes = (0..4)
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, &[&[1], &[2], &[1, 3], &[0]]);
    let errors = app.plan().unwrap_err();
    let [Mistake::Cycle { steps, others, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let walk: Vec<_> = steps.iter().map(|step| &step.plugin).collect();
    let walk: Vec<_> = walk.iter().map(|place| place.plugin.to_string()).collect();
    assert_eq!(walk, ["p1", "p2"]);
    assert_eq!(*others, 2);
    assert!(
        errors
            .render()
            .contains("in further cycles with these: 2 other plugins")
    );
}

/// Made at run time: asks for `A`, if it is there, and provides `P`.
struct OptionalLink<A, P>(&'static str, Option<State<A>>, PhantomData<fn() -> P>);

#[bootstrap::extend::async_trait]
impl<A: Send + Sync + 'static, P: Send + Sync + 'static> Plugin for OptionalLink<A, P> {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.0).provides::<P>()
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        fields.field("link", &mut self.1);
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        panic!("nothing loads")
    }
}

/// S6: a cycle through an optional field is found, and that field is where to cut it.
#[test]
fn a_cycle_through_an_optional_field_is_found_and_can_be_cut_there() {
    struct X;
    struct Y;
    #[bootstrap::supplied]
    struct Z;
    let app = App::new()
        .with(Link::<X, Y>("p", State::unbound(), PhantomData))
        .with(OptionalLink::<Y, Z>("q", None, PhantomData))
        .with(Link::<Z, X>("r", State::unbound(), PhantomData));
    let errors = app.plan().unwrap_err();
    let [Mistake::Cycle { steps, cut, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let walk: Vec<_> = steps.iter().map(|step| &step.plugin).collect();
    assert_eq!(
        names(walk.iter().map(|place| &place.plugin)),
        ["p", "r", "q"]
    );
    let advice = "`q` can do without its field `link`: take it away";
    assert_eq!(cut.as_deref(), Some(advice));
    // Without it, there is a plan.
    let app = App::new()
        .with(Link::<X, Y>("p", State::unbound(), PhantomData))
        .with(Link::<Z, X>("r", State::unbound(), PhantomData))
        .supply(Z);
    assert!(app.plan().is_ok());
}
