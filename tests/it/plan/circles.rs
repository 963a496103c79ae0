//! Circles, which are shown as a walk.

use bootstrap::PlanError;
use bootstrap::prelude::*;
use support::{Probe, Trace, paused, register_graph};

use super::{messages, names};

/// The walk of the only circle.
fn circle(edges: &[&[usize]]) -> (Vec<String>, Vec<String>) {
    let trace = Trace::new();
    let probes = (0..edges.len())
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, edges);
    let errors = app.plan().unwrap_err();
    let [PlanError::Circle { walk, way, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    (names(walk.iter().map(|place| &place.plugin)), names(way))
}

/// S4: the walk holds only members of the circle, each once.
#[test]
fn a_circle_is_shown_as_a_walk_of_its_members() {
    assert_eq!(circle(&[&[0]]).0, ["p0"]);
    assert_eq!(circle(&[&[1], &[0]]).0, ["p0", "p1"]);
    assert_eq!(circle(&[&[1], &[2], &[0], &[]]).0, ["p0", "p1", "p2"]);
    // A shortcut: the shorter one of two circles is shown.
    assert_eq!(circle(&[&[1], &[2], &[3, 0], &[0]]).0, ["p0", "p1", "p2"]);
}

/// S5: a circle that nobody at the root is part of is shown with the way to it.
#[test]
fn a_circle_is_shown_with_the_way_that_leads_to_it() {
    let (walk, way) = circle(&[&[1], &[2], &[3], &[2]]);
    assert_eq!(walk, ["p2", "p3"]);
    assert_eq!(way, ["p0", "p1"]);
}

/// D57: the whole circle is in the message, and nothing has been loaded.
#[test]
fn the_diagnosis_of_a_circle_reads_from_the_mistake_to_the_remedy() {
    paused(async {
        let mut app = App::new();
        let a = app.register_fn("a", async |_| panic!("nothing loads"));
        let b = app
            .register_fn("b", async |_| panic!("nothing loads"))
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
                .starts_with("  `a` -> `b`: only an order, by `after` (tests/it/plan/circles.rs:")
        );
        assert!(
            lines[2]
                .starts_with("  `b` -> `a`: only an order, by `after` (tests/it/plan/circles.rs:")
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
fn separate_circles_are_separate_errors() {
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

/// S4: the shortest circle of a tangle, wherever it lies, and how much else is tied up with it.
#[test]
fn of_several_circles_through_each_other_the_shortest_is_shown() {
    let trace = Trace::new();
    let probes = (0..4)
        .map(|n| Probe::new(format!("p{n}"), &trace))
        .collect();
    let mut app = App::new();
    register_graph(&mut app, probes, &[&[1], &[2], &[1, 3], &[0]]);
    let errors = app.plan().unwrap_err();
    let [PlanError::Circle { walk, others, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let walk: Vec<_> = walk.iter().map(|place| place.plugin.to_string()).collect();
    assert_eq!(walk, ["p1", "p2"]);
    assert_eq!(*others, 2);
    assert!(
        errors
            .render()
            .contains("in further circles with these: 2 other plugins")
    );
}
