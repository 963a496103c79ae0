//! What the watch finds in an engine that breaks its promises, which the real one does not.

use std::ops::Range;
use std::sync::Arc;

use crate::base::location::Location;
use crate::base::phase::Phase;
use crate::collect::{Member, ROOT, Source};
use crate::declare::{Descriptor, Identity, States};
use crate::live::{Observe as _, Stage};
use crate::report::{Event, Outcome};
use crate::testing::watch::Watch;

/// `http` needs `database`.
struct Two(Vec<Member>);

impl Two {
    fn new() -> Arc<Self> {
        let member = |name: &'static str| Member {
            name: name.into(),
            named: false,
            descriptor: Descriptor::new(name),
            identity: Identity::of::<Self>(),
            source: Source::Registered {
                entry: 0,
                at: Location::caller(),
            },
            scope: ROOT,
            exported: false,
            is_primary: false,
            prefix: None,
            barrier: None,
            policies: None,
            wants: 0..0,
            orders: 0..0,
        };
        Arc::new(Self(["database", "http"].map(member).into()))
    }
}

impl Stage for Two {
    fn mark(&self) -> usize {
        7
    }

    fn all(&self) -> Range<u32> {
        0..2
    }

    fn member(&self, node: u32) -> &Member {
        &self.0[node as usize]
    }

    fn requires(&self, node: u32) -> &[u32] {
        if node == 1 { &[0] } else { &[] }
    }

    fn states(&self, _: u32) -> States {
        States::new()
    }

    fn is_answered_for(&self, _: u32) -> bool {
        false
    }

    fn has_no_tasks(&self) -> bool {
        false
    }
}

/// What is found when the hooks of `database` (0) and `http` (1) run and end so.
fn found(hooks: &[(u32, Phase, Outcome)]) -> Vec<String> {
    let (watch, two) = (Watch::new(None), Two::new());
    let stage = Arc::downgrade(&two);
    watch.attach(stage);
    for (node, phase, ends) in hooks {
        for outcome in [Outcome::Started, *ends] {
            let event = Event {
                plugin: two.member(*node).name.clone(),
                phase: *phase,
                outcome,
            };
            watch.observe(Some(*node), &event);
        }
    }
    watch.find_what_is_left(None);
    let found = watch.take_findings().into_iter();
    let words = found.map(|it| format!("{}: {:?} {}", it.kind, it.plugin, it.text));
    words.collect()
}

const BOTH: [(u32, Phase, Outcome); 2] = [
    (0, Phase::Load, Outcome::Done),
    (1, Phase::Load, Outcome::Done),
];

fn after_both(hooks: &[(u32, Phase, Outcome)]) -> Vec<String> {
    found(&[&BOTH, hooks].concat())
}

#[test]
fn what_closes_once_and_in_order_is_clean() {
    let closes = [
        (1, Phase::Close, Outcome::Failed),
        (0, Phase::Close, Outcome::Done),
    ];
    assert_eq!(after_both(&closes), Vec::<String>::new());
}

#[test]
fn a_plugin_that_never_closes_is_found() {
    let closes = [(1, Phase::Close, Outcome::Done)];
    let text = "left open: Some(\"database\") has loaded and never closed";
    assert_eq!(after_both(&closes), [text]);
}

#[test]
fn a_plugin_that_closes_before_who_needs_it_is_found() {
    let closes = [
        (0, Phase::Close, Outcome::Done),
        (1, Phase::Close, Outcome::Done),
    ];
    let text = "closed out of order: Some(\"database\") it closes before `http`";
    assert_eq!(after_both(&closes), [text]);
}

#[test]
fn a_plugin_that_closes_twice_is_found() {
    let close = (1, Phase::Close, Outcome::Done);
    let text = "closed twice: Some(\"http\") its `close` begins, and it has closed already";
    let closes = [close, (0, Phase::Close, Outcome::Done), close];
    assert_eq!(after_both(&closes), [text]);
}

#[test]
fn a_load_that_failed_with_nobody_to_answer_for_it_is_known() {
    let (watch, two) = (Watch::new(None), Two::new());
    let stage = Arc::downgrade(&two);
    watch.attach(stage);
    let event = Event {
        plugin: "http".into(),
        phase: Phase::Load,
        outcome: Outcome::Failed,
    };
    watch.observe(Some(1), &event);
    assert!(watch.missed().contains("http"));
}

#[test]
fn where_it_stands_is_told_in_words() {
    let (watch, two) = (Watch::new(None), Two::new());
    let stage = Arc::downgrade(&two);
    watch.attach(stage);
    assert_eq!(watch.where_it_stands(), "no hook is running");
    for (node, phase) in [(0, Phase::Load), (1, Phase::Ready)] {
        let event = Event {
            plugin: two.member(node).name.clone(),
            phase,
            outcome: Outcome::Started,
        };
        watch.observe(Some(node), &event);
    }
    let words = "`load` of `database`, `ready` of `http` still run";
    assert_eq!(watch.where_it_stands(), words);
}
