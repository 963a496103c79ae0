//! Somebody lets go of an app at every moment that there is: before the first poll of its life,
//! and between any two polls up to its end.

use std::fmt::Debug;

use bootstrap::{BootErrorKind, CloseError, Handle, HookFailure, Running, ShutdownReason};
use support::bounded;
use tokio::runtime::Runtime;

use crate::case::{Case, Fault, Kind, Script, Step, millis, number};
use crate::ledger::{Event, Hook, Ledger, Mark};
use crate::relations::Life;
use crate::ticks::{Ticks, fine_grained, poll_once};

/// For each plugin those that it needs.
const GRAPHS: &[(&str, &[&[usize]])] = &[
    ("one", &[&[]]),
    ("three that need nothing", &[&[], &[], &[]]),
    ("chain", &[&[], &[0], &[1], &[2]]),
    ("diamond", &[&[], &[0], &[0], &[1, 2]]),
    ("fan out", &[&[], &[0], &[0], &[0], &[0]]),
    ("fan in", &[&[], &[], &[], &[], &[0, 1, 2, 3]]),
    ("layers", &[&[], &[], &[0, 1], &[0, 1], &[2, 3], &[2, 3]]),
    ("two chains", &[&[], &[], &[0], &[1], &[2], &[3]]),
    ("shortcut", &[&[], &[0], &[1], &[0, 2], &[0, 3]]),
];

/// Every hook is there and returns at once.
fn quick(node: usize) -> Script {
    Script {
        early: vec![Step::default(); node % 2],
        spawns: node % 2 == 1,
        ..Script::default()
    }
}

/// Everything there is, and all of it waits.
fn rich(node: usize) -> Script {
    let (short, long) = (Step::takes(1), Step::takes(1 + node as u64 % 3));
    Script {
        kind: [Kind::Full, Kind::Full, Kind::Thin, Kind::Full, Kind::Bare][node % 5],
        load: long,
        early: vec![short; 1 + node % 2],
        late: vec![Step::default(); node % 2],
        ready: short,
        spawns: node.is_multiple_of(2),
        linger: node as u64 % 2,
        drain: short,
        close: short,
        ..Script::default()
    }
}

/// The last of them fails, when all others have loaded.
fn fails_late(mut scripts: Vec<Script>) -> Vec<Script> {
    let last = scripts.last_mut().unwrap();
    last.load = Step {
        wait: 4,
        fault: Fault::Error,
    };
    scripts
}

/// Every graph in several ways; the number of plugins is small, because the moments are many.
fn cases() -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for (name, needs) in GRAPHS {
        let needs: Vec<Vec<usize>> = needs.iter().map(|needs| needs.to_vec()).collect();
        let scripts = |of: fn(usize) -> Script| (0..needs.len()).map(of).collect::<Vec<_>>();
        let case = |scripts| Case::new(needs.clone(), scripts);
        let rich = Case {
            app_hooks: true,
            ..case(scripts(rich))
        };
        let limited = |concurrency| Case {
            concurrency,
            ..rich.clone()
        };
        cases.push((format!("{name}, serial"), limited(1)));
        cases.push((format!("{name}, two at a time"), limited(2)));
        cases.push((format!("{name}, quick"), case(scripts(quick))));
        cases.push((
            format!("{name}, fails late"),
            case(fails_late(rich.scripts.clone())),
        ));
        cases.push((format!("{name}, rich"), rich));
    }
    cases
}

/// Boots, is left alone for a moment, closes.
async fn story(
    case: Case,
    ledger: Ledger,
    give: impl FnOnce(Handle),
) -> Result<bool, BootErrorKind> {
    let app = case.app(&ledger);
    give(app.handle());
    let running: Running = match app.boot().await {
        Ok(running) => running,
        Err(error) => return Err(error.kind().clone()),
    };
    // Not a sleep of its own, so that it can go on when its runtime is gone.
    let handle = running.handle();
    tokio::spawn(async move {
        tokio::time::sleep(millis(case.hold)).await;
        handle.shutdown();
    });
    running.wait().await;
    Ok(running.close().await.is_ok())
}

/// Lets a story run for so many ticks; what it came to, if it did.
pub async fn run_for<T>(
    story: &mut std::pin::Pin<Box<impl Future<Output = T>>>,
    ticks: usize,
) -> Option<T> {
    let mut passed = Ticks::start();
    loop {
        let told = poll_once(story).await;
        if told.is_some() || passed.count == ticks {
            return told;
        }
        passed.next().await;
    }
}

/// Everything that an app may leave behind when it has ended.
pub async fn nothing_is_left(ledger: &Ledger) {
    // Whoever has ended the app returns a moment later, and so does whoever was to ask for it.
    tokio::time::sleep(millis(10)).await;
    assert_eq!(ledger.alive(), [""; 0], "outlived the app");
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(tasks, 0, "tasks outlived the app");
}

fn check(case: &Case, ledger: &Ledger) {
    let events = ledger.events();
    let checked = Life::read(case, &events).and_then(|life| life.check());
    assert_eq!(checked, Ok(()), "{events:#?}");
}

/// Nothing of a boot goes on after the instant at which it is stopped.
fn nothing_boots_after(cut: u64, ledger: &Ledger) {
    let is_of_boot = |hook| matches!(hook, Hook::Load | Hook::Ready | Hook::Start);
    let is_late = |event: &&Event| {
        let goes_on = matches!(event.mark, Mark::Began | Mark::Done);
        event.at > cut && goes_on && is_of_boot(event.hook)
    };
    let events = ledger.events();
    let late: Vec<&Event> = events.iter().filter(is_late).collect();
    assert!(late.is_empty(), "{late:?} after {cut} ms");
}

/// Calls `cut` with every number of ticks, until it says that the story was over before.
///
/// # Panics
///
/// If `cut` does, after it has said where.
fn sweep(cut: impl FnMut(&Case, usize) -> bool) {
    let cuts = bounded(|| cut_everywhere(cut));
    assert!(cuts > 4_000, "only {cuts}: the ticks are too long");
}

/// Returns how often it has cut.
fn cut_everywhere(mut cut: impl FnMut(&Case, usize) -> bool) -> usize {
    let mut cuts = 0;
    for (name, case) in cases() {
        for ticks in 0.. {
            assert!(ticks < 5_000, "{name} does not end");
            cuts += 1;
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cut(&case, ticks)));
            match told {
                Ok(true) => break,
                Ok(false) => {}
                Err(panic) => {
                    eprintln!("{name}, after {ticks} ticks");
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    cuts
}

fn fails(case: &Case) -> bool {
    case.scripts
        .iter()
        .any(|script| script.load.fault == Fault::Error)
}

#[derive(Default)]
pub struct Given(std::sync::Arc<std::sync::OnceLock<Handle>>);

impl Given {
    pub fn give(&self) -> impl FnOnce(Handle) + use<> {
        let place = std::sync::Arc::clone(&self.0);
        move |handle| place.set(handle).unwrap()
    }

    /// Nothing if the story has never been polled.
    pub fn handle(&self) -> Option<Handle> {
        self.0.get().cloned()
    }
}

/// S41: whoever boots, waits or closes goes away: the app closes all the same.
#[test]
fn an_app_that_is_let_go_of_at_any_moment_closes() {
    let runtime = fine_grained();
    sweep(|case, ticks| {
        runtime.block_on(async {
            let (ledger, given) = (Ledger::open(), Given::default());
            let mut story = Box::pin(story(case.clone(), ledger.clone(), given.give()));
            let told = run_for(&mut story, ticks).await;
            let cut = ledger.now();
            drop(story);
            given.handle().unwrap().closed().await;
            nothing_boots_after(cut, &ledger);
            check(case, &ledger);
            nothing_is_left(&ledger).await;
            told.is_some()
        })
    });
}

/// The outcome of an app that was asked to stop after so many ticks.
async fn shut_down_after(case: &Case, ledger: &Ledger, ticks: usize) -> bool {
    let given = Given::default();
    let mut story = Box::pin(story(case.clone(), ledger.clone(), given.give()));
    let told = run_for(&mut story, ticks).await;
    let (was_over, cut) = (told.is_some(), ledger.now());
    let told = if let Some(told) = told {
        told
    } else {
        given.handle().unwrap().shutdown();
        story.await
    };
    match told {
        Ok(closed_well) => assert!(closed_well && !fails(case)),
        Err(BootErrorKind::Failed) => assert!(fails(case)),
        Err(BootErrorKind::Interrupted { reason }) => {
            assert_eq!(reason, ShutdownReason::Requested);
            assert!(!was_over);
        }
        Err(other) => panic!("{other:?}"),
    }
    given.handle().unwrap().closed().await;
    nothing_boots_after(cut, ledger);
    was_over
}

#[test]
fn an_app_that_is_shut_down_at_any_moment_closes() {
    let runtime = fine_grained();
    sweep(|case, ticks| {
        runtime.block_on(async {
            let ledger = Ledger::open();
            let was_over = shut_down_after(case, &ledger, ticks).await;
            check(case, &ledger);
            nothing_is_left(&ledger).await;
            was_over
        })
    });
}

/// What an app whose runtime is gone says of what was not closed.
fn names_what_was_not_closed(case: &Case, ledger: &Ledger, closed: Result<(), CloseError>) {
    let events = ledger.events();
    let life = Life::read(case, &events).unwrap();
    assert_eq!(life.check_part(), Ok(()), "{events:#?}");
    let not_closed = |node: &usize| {
        let has_hook = case.scripts[*node].kind != Kind::Bare;
        let mut left = life.clean_ups(*node);
        let owes = left.any(|clean_up| !life.is_done(*node, clean_up));
        owes || has_hook && life.has_loaded(*node) && !life.is_done(*node, Hook::Close)
    };
    let expected: Vec<usize> = (0..case.len()).filter(not_closed).collect();
    let errors = closed
        .err()
        .map_or_else(Vec::new, |error| error.errors().to_vec());
    let mut named: Vec<usize> = errors
        .iter()
        .filter(|error| matches!(error.failure(), HookFailure::RuntimeShutDown))
        .map(|error| number(&error.plugin().to_string()))
        .collect();
    named.sort_unstable();
    same(&named, &expected, &events);
}

/// Whoever waits hears that the runtime is gone, or that the app had closed before.
pub fn story_is_cut(told: Result<bool, BootErrorKind>) {
    if let Err(kind) = told {
        match kind {
            BootErrorKind::Interrupted { reason } => {
                assert_eq!(reason, ShutdownReason::RuntimeShutDown);
            }
            // It had failed before.
            BootErrorKind::Failed => {}
            kind => panic!("{kind:?}"),
        }
    }
}

fn same<T: Debug + PartialEq>(found: &T, expected: &T, story: &impl Debug) {
    assert_eq!(found, expected, "{story:#?}");
}

fn cut_by_the_runtime(case: &Case, ticks: usize) -> bool {
    let runtime: Runtime = fine_grained();
    let (ledger, given) = (runtime.block_on(async { Ledger::open() }), Given::default());
    let mut story = Box::pin(story(case.clone(), ledger.clone(), given.give()));
    let told = runtime.block_on(run_for(&mut story, ticks));
    drop(runtime);
    let was_over = told.is_some();
    let after = fine_grained();
    after.block_on(async {
        let handle = given.handle().unwrap();
        handle.closed().await;
        if !was_over {
            story_is_cut(story.await);
        }
        let closed = handle.close().await.map(drop);
        names_what_was_not_closed(case, &ledger, closed);
        nothing_is_left(&ledger).await;
    });
    was_over
}

/// Nobody hangs, nothing leaks, and what was not closed is named.
#[test]
fn an_app_whose_runtime_goes_away_at_any_moment_ends() {
    sweep(cut_by_the_runtime);
}
