//! Random trees in which anything may go wrong anywhere, against the oracle.
//!
//! `MATRIX_CASES` is how many, `MATRIX_SEED` which ones. Whatever fails is shrunk and printed.

use std::collections::BTreeSet;

use bootstrap::error::{BootError, BootErrorKind, RestartError};
use bootstrap::lifecycle::{ShutdownReason, Status};
use bootstrap::report::{Outcome, Report};
use proptest::collection::vec;
use proptest::prelude::*;
use support::paused;
use tokio::runtime::Runtime;

use crate::case::{Fault, Step, millis};
use crate::faults::hold;
use crate::ledger::Event;
use crate::nested::book::{Book, Origin};
use crate::nested::case::{Barrier, Case, Need, Node, Then, Way, name};
use crate::nested::ground;
use crate::nested::oracle::{Fate, Oracle};
use crate::nested::relations::{Checked, Life, Story, ensure};

/// Mostly nothing.
fn time() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![3 => Just(0), 2 => 1..12_u64]
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![Just(Then::Catch), Just(Then::PassOn)]
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        4 => Just(Way::Leave),
        3 => then().prop_map(Way::Await),
        2 => then().prop_map(Way::Flush),
        1 => Just(Way::Glance),
    ]
}

/// What a hook does, if it goes wrong.
fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        60 => Just(Fault::None),
        12 => Just(Fault::Error),
        5 => Just(Fault::Panic),
        5 => Just(Fault::Hang),
        1 => time().prop_map(Fault::Shutdown),
    ]
}

fn barrier() -> impl Strategy<Value = Option<Barrier>> {
    let fault =
        prop_oneof![8 => Just(Fault::None), 1 => Just(Fault::Error), 1 => Just(Fault::Panic)];
    let barrier = (any::<bool>(), time(), fault).prop_map(|(recovers, wait, fault)| Barrier {
        recovers,
        act: Step { wait, fault },
    });
    proptest::option::weighted(0.25, barrier)
}

fn need() -> impl Strategy<Value = Need> {
    prop_oneof![2 => Just(Need::State), 1 => Just(Need::Optional), 1 => Just(Need::Order)]
}

prop_compose! {
    /// Whom it belongs to is told by numbers that mean something once the others are known.
    fn node()(
        (kin, needs) in (any::<u16>(), vec((any::<u16>(), need()), 0..3)),
        (pause, wait, way) in (time(), time(), way()),
        (fault, is_hasty) in (fault(), any::<bool>()),
        (bad, attempts) in (1..8_u8, prop_oneof![3 => Just(1), 1 => 2..4_u32]),
        (cleans_up, spawns, waits_for_ready) in any::<(bool, bool, bool)>(),
        close in time(),
        (scope, barrier) in (prop_oneof![3 => Just(0), 1 => 1..3_usize], barrier()),
        limit in 20..60_u64,
    ) -> Seed {
        let hangs = fault == Fault::Hang;
        let is_final = hangs || fault == Fault::Panic;
        (kin, needs, Node {
            pause, way, is_hasty, cleans_up, spawns, waits_for_ready, scope, barrier,
            // Whoever has a limit is lost in any case: else the time of its children would count.
            bad: if hangs { u8::MAX } else { bad },
            load: Step { wait, fault },
            attempts: if is_final { 1 } else { attempts },
            limit: hangs.then_some(limit),
            close: Step::takes(close),
            ..Node::default()
        })
    }
}

/// Whom a node may need: what stands before it.
fn earlier(nodes: &[Node], parent: Option<usize>) -> Vec<usize> {
    let mut oldest = nodes.len();
    let mut next = parent;
    while let Some(node) = next {
        oldest = node;
        next = nodes[node].parent;
    }
    let all = 0..nodes.len();
    let may = all.filter(|it| match nodes[*it].parent {
        None => *it < oldest,
        its => its == parent,
    });
    may.collect()
}

/// A node, and numbers that say whom it belongs to and whom it needs.
type Seed = (u16, Vec<(u16, Need)>, Node);

fn grown(seeds: Vec<Seed>) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for (kin, needs, mut node) in seeds {
        let place = usize::from(kin) % (3 * nodes.len() + 2) / 2;
        node.parent = nodes.get(place).map(|_| place);
        let earlier = earlier(&nodes, node.parent);
        for (need, kind) in needs {
            let known = |it: &usize| node.needs.iter().any(|(other, _)| other == it);
            let found = earlier.get(usize::from(need) % (earlier.len() + 1));
            if let Some(found) = found.filter(|it| !known(it)) {
                node.needs.push((*found, kind));
            }
        }
        nodes.push(node);
    }
    nodes
}

/// Who is awaited at once can't be named any more to come after it.
fn only_what_can_be_named(mut nodes: Vec<Node>) -> Vec<Node> {
    for node in 0..nodes.len() {
        let mut needs = std::mem::take(&mut nodes[node].needs);
        needs.retain(|(need, kind)| {
            let is_used = matches!(nodes[*need].way, Way::Await(_) | Way::Glance);
            *kind != Need::Order || !is_used || nodes[*need].parent.is_none()
        });
        nodes[node].needs = needs;
    }
    nodes
}

/// Mostly nothing.
fn seldom(most: u64) -> impl Strategy<Value = Option<u64>> {
    proptest::option::weighted(0.08, 0..most)
}

prop_compose! {
    pub fn any_case()(
        seeds in vec(node(), 1..14),
        concurrency in prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(2)],
        last in barrier(),
        has_extras in any::<bool>(),
        (boot_limit, shutdown_at) in (seldom(80), seldom(80)),
        restarts in prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<u8>(), 1..4)],
        hold in time(),
    ) -> Case {
        let nodes = only_what_can_be_named(grown(seeds));
        let restarts = restarts.into_iter().map(|it| usize::from(it) % nodes.len()).collect();
        Case { concurrency, last, has_extras, boot_limit, shutdown_at, restarts, hold, ..Case::of(nodes) }
    }
}

/// How a case went.
struct Lived {
    events: Vec<Event>,
    origins: Vec<Origin>,
    boot: Result<Report, BootError>,
    restarts: Vec<(usize, Result<(), RestartError>)>,
    /// How many events there were when it had booted, and after each restart.
    places: Vec<usize>,
    /// Whether it was not closing when these were noted.
    was_up: bool,
    alive: Vec<String>,
    tasks: usize,
    closed_well: bool,
}

/// The tasks that outlive the app, looked for so many times: what has ended the app returns a moment
/// later.
async fn tasks_left(book: &Book, looks: usize) -> usize {
    let metrics = tokio::runtime::Handle::current().metrics();
    let mut tasks = usize::MAX;
    for _ in 0..looks {
        tokio::time::sleep(millis(1)).await;
        tasks = metrics.num_alive_tasks();
        if tasks == 0 && book.ledger.alive().is_empty() {
            break;
        }
    }
    tasks
}

async fn live(case: Case, looks: usize) -> Lived {
    let book = Book::open();
    let app = ground::app(&case, &book);
    let handle = app.handle();
    let outside = tokio::spawn({
        let (handle, at) = (handle.clone(), case.shutdown_at);
        async move {
            if let Some(at) = at {
                tokio::time::sleep(millis(at)).await;
                handle.shutdown();
            }
        }
    });
    let mut restarts = Vec::new();
    let ended = app.boot().await;
    let mut places = vec![book.events().len()];
    // On threads it may be closing by now.
    let is_up = || matches!(handle.status(), Status::Booting | Status::Ready);
    let mut was_up = is_up();
    let booted = match ended {
        Ok(running) => {
            let report = running.report();
            for node in &case.restarts {
                let report = handle.report();
                let is_it =
                    |it: &str| it.rsplit('/').next().map(str::to_owned) == Some(name(*node));
                let found = report.plugins.iter().find(|it| is_it(&it.name.to_string()));
                let Some(found) = found.map(|it| it.name.to_string()) else {
                    continue;
                };
                restarts.push((*node, handle.restart(&found).await));
                places.push(book.events().len());
                was_up &= is_up();
            }
            tokio::time::sleep(millis(case.hold)).await;
            let _outcome = running.close().await;
            Ok(report)
        }
        Err(error) => Err(error),
    };
    outside.abort();
    let closed_well = handle.close().await.is_ok();
    drop(handle);
    let tasks = tasks_left(&book, looks).await;
    Lived {
        events: book.events(),
        origins: book.origins(),
        boot: booted,
        restarts,
        places,
        was_up,
        alive: book.ledger.alive(),
        tasks,
        closed_well,
    }
}

struct Trial<'a> {
    case: &'a Case,
    lived: &'a Lived,
    story: Story<'a>,
}

impl Trial<'_> {
    fn check(&self) -> Checked {
        let alive = &self.lived.alive;
        ensure(alive.is_empty(), || format!("outlived the app: {alive:?}"))?;
        ensure(self.lived.tasks == 0, || "tasks outlived the app".into())?;
        self.story.check()?;
        match &self.lived.boot {
            Ok(report) if self.lived.was_up => self.report_agrees(report)?,
            Ok(_) => {}
            Err(error) => self.errors_are_real(error)?,
        }
        // A restart that fails ends the app.
        let restarts = self.lived.restarts.iter();
        let well = restarts.take_while(|(_, it)| it.is_ok()).count();
        for place in self.lived.places[..=well]
            .iter()
            .filter(|_| self.lived.was_up)
        {
            self.what_is_open_is_whole(*place)?;
        }
        self.restarts_agree()?;
        if self.case.is_disturbed() {
            return Ok(());
        }
        self.as_predicted()
    }

    fn open(&self, at: usize) -> BTreeSet<usize> {
        let open = self.story.lives.iter().filter(|life| life.is_open(at));
        open.map(|life| life.node).collect()
    }

    /// The report names those that have loaded, and no others.
    fn report_agrees(&self, report: &Report) -> Checked {
        let is_open = |it: &&bootstrap::report::PluginReport| {
            it.load.outcome == Outcome::Done && it.close.outcome == Outcome::NotStarted
        };
        let names = report
            .plugins
            .iter()
            .filter(is_open)
            .map(|it| number(&it.name.to_string()));
        let found: BTreeSet<usize> = names.flatten().collect();
        let mut expected = self.open(self.lived.places[0]);
        expected.retain(|node| *node < self.case.nodes.len());
        ensure(found == expected, || {
            format!("the report says {found:?} have loaded, and it is {expected:?}")
        })
    }

    /// Whoever is open has all that it waited for.
    fn what_is_open_is_whole(&self, at: usize) -> Checked {
        for life in self.story.lives.iter().filter(|life| life.is_open(at)) {
            if self.story.is_barrier(life) {
                continue;
            }
            for child in self.case.children(life.node) {
                if self.story.is_awaited(child) {
                    continue;
                }
                let is_it = |it: &&Life| it.node == child && it.parent == Some(life.number);
                let open = self
                    .story
                    .lives
                    .iter()
                    .filter(is_it)
                    .filter(|it| it.is_open(at));
                let count = open.count();
                ensure(count == 1, || {
                    format!("{}: {count} open lives of n{child:02}", Story::words(life))
                })?;
            }
        }
        Ok(())
    }

    /// Who is named has failed, and nobody is named twice.
    fn errors_are_real(&self, error: &BootError) -> Checked {
        let names: Vec<String> = error
            .failures()
            .iter()
            .map(|it| it.plugin().to_string())
            .collect();
        let distinct: BTreeSet<&String> = names.iter().collect();
        ensure(distinct.len() == names.len(), || {
            format!("named twice: {names:?}")
        })?;
        let is_asked = matches!(
            error.kind(),
            BootErrorKind::Interrupted {
                reason: ShutdownReason::Requested
            } | BootErrorKind::TimedOut { .. }
        );
        let fits = match error.kind() {
            BootErrorKind::Failed => !names.is_empty(),
            _ => is_asked && self.case.is_disturbed(),
        };
        ensure(fits, || {
            format!("kind: {:?}, failed: {names:?}", error.kind())
        })?;
        let all_well = error.rollback_errors().is_empty();
        ensure(all_well, || "errors of the rollback".into())
    }

    fn restarts_agree(&self) -> Checked {
        let well = self.lived.restarts.iter().all(|(_, it)| it.is_ok());
        // Who needs a plugin that a barrier has kept from loading can't be loaded either.
        let is_bad = |node: &Node| {
            let keeps = node.barrier.is_some_and(|it| it.act.fault != Fault::None);
            keeps || node.load.fault != Fault::None
        };
        let may_go_wrong = self.case.nodes.iter().any(is_bad);
        ensure(well || may_go_wrong || self.case.is_disturbed(), || {
            format!("restarts: {:?}", self.lived.restarts)
        })?;
        ensure(
            self.lived.closed_well || !well || self.case.is_disturbed() || self.lived.boot.is_err(),
            || "it did not close well".into(),
        )
    }

    fn as_predicted(&self) -> Checked {
        // A plugin was there if it was open when the barrier was asked, or came to its turn.
        let was_there = |node: usize, barrier: usize| self.was_there(node, barrier);
        let (oracle, boots) = Oracle::ask(self.case, &was_there);
        let fits = match boots {
            Fate::Loads => self.lived.boot.is_ok(),
            Fate::Fails => self.lived.boot.is_err(),
            _ => true,
        };
        ensure(fits, || format!("the boot: {boots:?}; {:?}", oracle.fates))?;
        let up = self.lived.boot.is_ok().then_some(self.lived.places[0]);
        for node in self.case.all() {
            let fate = self.sure(&oracle, node);
            let lives = || {
                self.story
                    .lives
                    .iter()
                    .filter(move |life| life.node == node)
            };
            let is_open = up.map(|up| lives().any(|life| life.is_open(up)));
            let fits = match fate {
                Fate::Loads => is_open.unwrap_or(lives().any(|life| life.loaded().is_some())),
                Fate::Fails => is_open != Some(true),
                Fate::Never => lives().all(|life| life.began() >= self.lived.places[0]),
                Fate::Either => true,
            };
            ensure(fits, || format!("n{node:02}: {fate:?}; {:?}", oracle.fates))?;
        }
        for (barrier, fate) in &oracle.barriers {
            let called = self.called(*barrier).is_some();
            let fits = match fate {
                Fate::Never => !called,
                Fate::Loads if self.lived.boot.is_ok() => called,
                _ => true,
            };
            ensure(fits, || {
                format!("barrier {barrier}: {fate:?}, called: {called}")
            })?;
        }
        Ok(())
    }

    /// What is sure of a node, if all that brought it is there.
    fn sure(&self, oracle: &Oracle<'_>, node: usize) -> Fate {
        let mut next = self.case.nodes[node].parent;
        while let Some(parent) = next {
            match oracle.fates[parent] {
                Fate::Loads => {}
                Fate::Never => return Fate::Never,
                _ => return Fate::Either,
            }
            next = self.case.nodes[parent].parent;
        }
        oracle.fates[node]
    }

    fn called(&self, barrier: usize) -> Option<&Life> {
        self.story.lives.iter().find(|life| life.node == barrier)
    }

    fn was_there(&self, node: usize, barrier: usize) -> bool {
        let at = self
            .called(barrier)
            .map_or(self.lived.places[0], Life::began);
        self.open(at).contains(&node)
    }
}

/// The node that a name is about, unless it is a barrier.
fn number(name: &str) -> Option<usize> {
    let own = name.rsplit('/').next()?.split('#').next()?;
    own.strip_prefix('n')?.parse().ok()
}

pub fn shown(case: &Case) -> String {
    let nodes = case.nodes.iter().enumerate();
    let nodes: Vec<String> = nodes
        .map(|(node, it)| format!("n{node:02} {it:?}"))
        .collect();
    let rest = Case {
        nodes: Vec::new(),
        ..case.clone()
    };
    format!("{nodes:#?}\n{rest:?}")
}

/// Returns whether it booted.
pub fn verify(case: &Case) -> Result<bool, String> {
    let budget = millis(3_600_000);
    let cloned = case.clone();
    let ended = paused(async move { tokio::time::timeout(budget, live(cloned, 1)).await });
    judge(case, ended.ok())
}

/// The same on threads, in real time.
pub fn verify_on(runtime: &Runtime, case: &Case) -> Result<bool, String> {
    let budget = millis(60_000);
    let life = live(case.clone(), 5_000);
    let ended = runtime.block_on(async { tokio::time::timeout(budget, life).await });
    judge(case, ended.ok())
}

fn judge(case: &Case, lived: Option<Lived>) -> Result<bool, String> {
    let Some(lived) = lived else {
        return Err("it never ends".into());
    };
    let told = |words| {
        let origins: Vec<String> = lived
            .origins
            .iter()
            .enumerate()
            .map(|(life, it)| format!("life {life}: n{:02} of {:?}", it.node, it.parent))
            .collect();
        format!(
            "{words}\n{origins:#?}\n{:#?}\n{:?}\n{:?}",
            lived.events,
            lived.boot.as_ref().map(|_| ()),
            lived.restarts
        )
    };
    let story = Story::read(case, &lived.origins, &lived.events).map_err(told)?;
    let trial = Trial {
        case,
        lived: &lived,
        story,
    };
    trial.check().map_err(told)?;
    Ok(lived.boot.is_ok())
}

#[test]
fn whatever_goes_wrong_in_a_tree_ends_as_the_oracle_says() {
    hold(1_500, &any_case(), verify, shown);
}
