//! Random apps in which anything may go wrong anywhere, against the oracle.
//!
//! `MATRIX_CASES` is how many, `MATRIX_SEED` which ones. Whatever fails is shrunk and printed.

use std::cell::Cell;
use std::collections::BTreeSet;

use bootstrap::{
    BootError, BootErrorKind, HookError, HookFailure, Outcome, Phase, Report, ShutdownReason,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use support::paused;

use crate::case::{Case, Fault, Kind, Script, Step, millis, name, number};
use crate::ledger::{Event, Hook, Ledger, Mark};
use crate::oracle::{self, Boot, Ending, Must, Open, Stage, Stop, Time, Wrong};
use crate::relations::Life;

/// Even, so that nothing happens at the instants of the limits and of those outside, which are odd.
fn time(most: u64) -> impl Strategy<Value = u64> + Clone {
    prop_oneof![1 => Just(0), 2 => (0..=most / 2).prop_map(|half| 2 * half)]
}

fn limit() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => Just(None), 1 => (5..25_u64).prop_map(|half| Some(2 * half + 1))]
}

/// Of a hundred, so many go wrong.
fn step(percent: u32) -> impl Strategy<Value = Step> + Clone {
    let wrong = prop_oneof![
        2 => Just(Fault::Error),
        2 => Just(Fault::Panic),
        2 => Just(Fault::Hang),
        2 => time(20).prop_map(Fault::Shutdown),
        1 => Just(Fault::Shutdown(0)),
    ];
    let fault = prop_oneof![
        100 - percent => Just(Fault::None),
        percent => wrong,
    ];
    (time(20), fault).prop_map(|(wait, fault)| Step { wait, fault })
}

fn clean_up() -> impl Strategy<Value = Step> + Clone {
    step(15)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![4 => Just(Kind::Full), 1 => Just(Kind::Thin), 1 => Just(Kind::Bare)]
}

fn run() -> impl Strategy<Value = Option<Step>> {
    let long = (time(120), step(80)).prop_map(|(wait, step)| Step { wait, ..step });
    prop_oneof![5 => Just(None), 1 => long.prop_map(Some)]
}

prop_compose! {
    fn script()(
        kind in kind(),
        load in step(4),
        early in vec(clean_up(), 0..3),
        late in vec(clean_up(), 0..2),
        ready in step(5),
        run in run(),
        linger in time(10),
        spawns in any::<bool>(),
        drain in step(12),
        close in step(15),
        limit in limit(),
        close_limit in limit(),
    ) -> Script {
        Script { kind, load, early, late, ready, run, linger, spawns, drain, close, limit, close_limit }
    }
}

fn odd(most: u64) -> impl Strategy<Value = u64> {
    (0..most / 2).prop_map(|half| 2 * half + 1)
}

/// Mostly nothing.
fn seldom(time: impl Strategy<Value = u64>) -> impl Strategy<Value = Option<u64>> {
    proptest::option::weighted(0.15, time)
}

prop_compose! {
    fn graph()(size in 1..9_usize)(
        scripts in vec(script(), size),
        edges in vec((0..size, 0..size), 0..2 * size),
    ) -> (Vec<Vec<usize>>, Vec<Script>) {
        let mut needs = vec![BTreeSet::new(); scripts.len()];
        for (one, other) in edges.into_iter().filter(|(one, other)| one != other) {
            needs[one.max(other)].insert(one.min(other));
        }
        (needs.into_iter().map(|needs| needs.into_iter().collect()).collect(), scripts)
    }
}

prop_compose! {
    fn any_case()(
        (needs, scripts) in graph(),
        concurrency in prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(2)],
        load_limit in odd(60).prop_map(|limit| limit + 6),
        hook_limit in odd(60).prop_map(|limit| limit + 6),
        boot_limit in seldom(odd(150)),
        close_limit in proptest::option::weighted(0.1, odd(150)),
        shutdown_at in seldom(odd(250)),
        hold in odd(150),
    ) -> Case {
        Case {
            concurrency,
            load_limit: Some(load_limit),
            hook_limit: Some(hook_limit),
            boot_limit,
            close_limit,
            shutdown_at,
            hold,
            ..Case::new(needs, scripts)
        }
    }
}

/// How a case went.
struct Lived {
    events: Vec<Event>,
    boot: Result<ShutdownReason, BootError>,
    /// What went wrong while it closed.
    wrong: Vec<Wrong>,
    is_out_of_time: BTreeSet<usize>,
    report: Report,
    began_to_close: Time,
    at: Time,
    alive: Vec<String>,
    tasks: usize,
}

fn wrong(error: &HookError) -> Wrong {
    let ending = match error.failure() {
        HookFailure::Error(_) => Ending::Error,
        HookFailure::Panic(_) => Ending::Panic,
        HookFailure::TimedOut { .. } => Ending::TimedOut,
        HookFailure::OutOfTime => Ending::NotBegun,
        _ => Ending::Other,
    };
    let stage = match error.phase() {
        Phase::Load => Stage::Load,
        Phase::Ready => Stage::Ready,
        Phase::Drain => Stage::Drain,
        Phase::Run => Stage::Run,
        Phase::Close => Stage::Close,
        _ => Stage::Other,
    };
    (number(&error.plugin().to_string()), stage, ending)
}

/// Where errors of a hook belong that is not part of the boot.
fn stage_of(hook: Hook) -> Option<Stage> {
    match hook {
        Hook::Drain => Some(Stage::Drain),
        Hook::Run | Hook::Task => Some(Stage::Run),
        Hook::Close | Hook::CleanUp(_) => Some(Stage::Close),
        _ => None,
    }
}

fn sorted(errors: &[HookError]) -> Vec<Wrong> {
    let mut sorted: Vec<Wrong> = errors.iter().map(wrong).collect();
    sorted.sort_unstable();
    sorted
}

async fn live(case: Case) -> Lived {
    let ledger = Ledger::open();
    let app = case.app(&ledger);
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
    let mut began_to_close = 0;
    let boot = match app.boot().await {
        Ok(running) => {
            let hold = tokio::time::sleep(millis(case.hold));
            let reason = tokio::select! {
                biased;
                reason = running.wait() => reason,
                () = hold => ShutdownReason::Requested,
            };
            began_to_close = ledger.now();
            let _outcome = running.close().await;
            Ok(reason)
        }
        Err(error) => Err(error),
    };
    let at = ledger.now();
    outside.abort();
    // Whoever has ended the app returns a moment later.
    tokio::time::sleep(millis(1)).await;
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let closed = handle.close().await;
    let errors = closed
        .as_ref()
        .err()
        .map_or(&[][..], |error| error.errors());
    Lived {
        events: ledger.events(),
        boot,
        wrong: sorted(errors),
        is_out_of_time: errors
            .iter()
            .filter(|error| matches!(error.failure(), HookFailure::OutOfTime))
            .map(|error| number(&error.plugin().to_string()))
            .collect(),
        report: handle.report(),
        began_to_close,
        at,
        alive: ledger.alive(),
        tasks,
    }
}

type Checked = Result<(), String>;

fn ensure(holds: bool, words: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(words()) }
}

fn same<T: std::fmt::Debug + PartialEq>(what: &str, found: &T, expected: &T) -> Checked {
    ensure(found == expected, || {
        format!("{what}: {found:?}, and expected was {expected:?}")
    })
}

/// A life beside its case.
struct Trial<'a> {
    case: &'a Case,
    lived: &'a Lived,
    life: Life<'a>,
}

impl Trial<'_> {
    fn nodes(&self) -> std::ops::Range<usize> {
        0..self.case.len()
    }

    fn check(&self) -> Checked {
        same("outlived the app", &self.lived.alive, &Vec::new())?;
        same("tasks that outlived the app", &self.lived.tasks, &0)?;
        self.report_agrees()?;
        self.boot_error_agrees()?;
        self.what_broke_is_named()?;
        if self.case.close_limit.is_some() {
            return self.check_hurried();
        }
        self.life.check()?;
        self.closes_name_what_went_wrong()?;
        if self.case.concurrency == 2 {
            return self.check_unpredicted();
        }
        self.check_predicted()
    }

    /// Once for each hook that did not come to a good end after the boot.
    fn what_broke_is_named(&self) -> Checked {
        for node in self.nodes() {
            for stage in [Stage::Drain, Stage::Run, Stage::Close] {
                let is_broken = |event: &&Event| {
                    let is_here = event.node == node && stage_of(event.hook) == Some(stage);
                    is_here && event.mark == Mark::Broken
                };
                let broken = self.lived.events.iter().filter(is_broken).count();
                let is_named =
                    |it: &&Wrong| (it.0, it.1) == (node, stage) && it.2 != Ending::NotBegun;
                let named = self.lived.wrong.iter().filter(is_named).count();
                same(&format!("p{node:02} named for {stage:?}"), &named, &broken)?;
            }
        }
        Ok(())
    }

    /// There was little time to close: what was not done is named, and the end is near.
    fn check_hurried(&self) -> Checked {
        self.life.check_part()?;
        for node in self.nodes() {
            let owed = self.case.scripts[node].kind != Kind::Bare && self.life.has_loaded(node);
            let mut hooks: Vec<Hook> = self.life.clean_ups(node).collect();
            hooks.extend(owed.then_some(Hook::Close));
            let all_began = hooks
                .iter()
                .all(|hook| self.life.began(node, *hook).is_some());
            let is_named = self.lived.is_out_of_time.contains(&node);
            ensure(all_began || is_named, || {
                format!("p{node:02}: not closed and not named")
            })?;
        }
        let boot = oracle::boot(self.case);
        if self.case.concurrency == 2 {
            return Ok(());
        }
        let began = match boot.stop {
            Some(stop) => stop.at,
            None => oracle::wish(self.case, boot.at).at,
        };
        let most = self.case.close_limit.unwrap_or(30_000) + 2_000;
        let took = self.lived.at - began;
        ensure(took <= most, || format!("it took {took} ms to close"))
    }

    fn report_agrees(&self) -> Checked {
        for node in self.nodes() {
            let report = self.lived.report.plugin(&name(node)).ok_or("no report")?;
            let has_loaded = report.load.outcome == Outcome::Done;
            let words = format!("p{node:02} loaded, says the report");
            same(&words, &has_loaded, &self.life.has_loaded(node))?;
            let began = report.load.outcome != Outcome::NotStarted;
            let words = format!("p{node:02} began, says the report");
            same(&words, &began, &self.life.began(node, Hook::Load).is_some())?;
        }
        Ok(())
    }

    /// The lists of a boot error tell the same story as the ledger.
    fn boot_error_agrees(&self) -> Checked {
        let Err(error) = &self.lived.boot else {
            return Ok(());
        };
        let numbers =
            |names: Vec<String>| names.iter().map(|it| number(it)).collect::<BTreeSet<_>>();
        let not_started = error.not_started().iter().map(|it| it.plugin.to_string());
        let expected = self
            .nodes()
            .filter(|node| self.life.began(*node, Hook::Load).is_none());
        same(
            "not started",
            &numbers(not_started.collect()),
            &expected.collect(),
        )?;
        if self.case.close_limit.is_none() {
            let closed = error.closed().iter().map(ToString::to_string);
            let expected = self.nodes().filter(|node| self.life.has_loaded(*node));
            same("closed", &numbers(closed.collect()), &expected.collect())?;
        }
        let rollback = sorted(error.rollback_errors());
        same("errors of the rollback", &rollback, &self.lived.wrong)
    }

    /// Who drains or closes badly is named, once for each hook that began.
    fn closes_name_what_went_wrong(&self) -> Checked {
        let mut expected = Vec::new();
        for node in self.nodes() {
            let script = &self.case.scripts[node];
            let left: Vec<Step> = script.early.iter().chain(&script.late).copied().collect();
            let clean_ups = left
                .iter()
                .enumerate()
                .map(|(place, step)| (Hook::CleanUp(place), *step));
            let hooks = [(Hook::Drain, script.drain), (Hook::Close, script.close)].into_iter();
            for (hook, step) in hooks.chain(clean_ups) {
                let ending = oracle::play(step, oracle::close_limit(self.case, node)).ending;
                if self.life.began(node, hook).is_some() && ending != Ending::Well {
                    let stage = if hook == Hook::Drain {
                        Stage::Drain
                    } else {
                        Stage::Close
                    };
                    expected.push((node, stage, ending));
                }
            }
        }
        expected.sort_unstable();
        let is_of_a_task = |it: &&Wrong| it.1 == Stage::Run;
        let found = self
            .lived
            .wrong
            .iter()
            .filter(|it| !is_of_a_task(it))
            .copied();
        same("went wrong in hooks", &found.collect(), &expected)
    }

    /// Nobody knows who runs when, but it fails only if something makes it fail.
    fn check_unpredicted(&self) -> Checked {
        let stops = |step: &Step, node: usize| {
            let fails =
                oracle::play(*step, oracle::load_limit(self.case, node)).ending != Ending::Well;
            fails || matches!(step.fault, Fault::Shutdown(_))
        };
        let is_bad = |node: usize| {
            let script = &self.case.scripts[node];
            stops(&script.load, node) || script.kind == Kind::Full && stops(&script.ready, node)
        };
        let may_fail = self.nodes().any(is_bad)
            || self.case.boot_limit.is_some()
            || self.case.shutdown_at.is_some();
        match &self.lived.boot {
            Ok(_) => ensure(!self.nodes().any(is_bad), || {
                "it booted all the same".into()
            }),
            Err(error) => {
                let failed = sorted(error.failures());
                ensure(failed.iter().all(|it| is_bad(it.0)), || {
                    format!("failed: {failed:?}")
                })?;
                ensure(may_fail, || format!("no reason to fail: {error:?}"))
            }
        }
    }

    fn check_predicted(&self) -> Checked {
        let boot = oracle::boot(self.case);
        for node in self.nodes() {
            let began = self.life.began(node, Hook::Load).is_some();
            must(boot.begins[node], began, || {
                format!("p{node:02} began to load")
            })?;
            must(boot.loads[node], self.life.has_loaded(node), || {
                format!("p{node:02} loaded")
            })?;
        }
        let start = match &boot.stop {
            Some(stop) => {
                self.boot_failed_as(stop)?;
                stop.at
            }
            None => self.booted_and_stopped(&boot)?,
        };
        let booted = boot.stop.is_none().then_some(boot.at);
        self.closed_as_predicted(booted, start)
    }

    fn boot_failed_as(&self, stop: &Stop) -> Checked {
        let Err(error) = &self.lived.boot else {
            return Err("it booted".into());
        };
        let failed = sorted(error.failures());
        let may_be = |it: &Wrong| stop.failed.contains(it);
        ensure(failed.iter().all(may_be), || {
            format!("failures: {failed:?}, {stop:?}")
        })?;
        let fits = match error.kind() {
            BootErrorKind::Failed => !failed.is_empty(),
            BootErrorKind::TimedOut { .. } => failed.is_empty() && stop.is_out_of_time,
            BootErrorKind::Interrupted { reason } => {
                failed.is_empty() && stop.somebody_asked() && *reason == ShutdownReason::Requested
            }
            _ => false,
        };
        ensure(fits, || format!("kind: {:?}, {stop:?}", error.kind()))?;
        if stop.is_alone() {
            same("failures", &failed, &stop.failed)?;
        }
        Ok(())
    }

    fn booted_and_stopped(&self, boot: &Boot) -> Result<Time, String> {
        let reason = match &self.lived.boot {
            Ok(reason) => reason,
            Err(error) => return Err(format!("it did not boot: {error:?}")),
        };
        let wish = oracle::wish(self.case, boot.at);
        let fits = match reason {
            ShutdownReason::TaskFailed(name) => wish.failed.contains(&number(&name.to_string())),
            ShutdownReason::Requested => wish.is_asked,
            _ => false,
        };
        ensure(fits, || format!("stopped, because {reason}"))?;
        same("began to close", &self.lived.began_to_close, &wish.at)?;
        Ok(wish.at)
    }

    fn closed_as_predicted(&self, booted: Option<Time>, start: Time) -> Checked {
        let loaded: Vec<bool> = self
            .nodes()
            .map(|node| self.life.has_loaded(node))
            .collect();
        let begun = |node: usize| self.life.began(node, Hook::Load).is_some();
        let left: Vec<Vec<Step>> = self.nodes().map(|node| self.left(node)).collect();
        let open = Open {
            loaded: &loaded,
            begun: &self.nodes().map(begun).collect::<Vec<_>>(),
            left: &left,
            booted,
        };
        let closed = oracle::close(self.case, &open, start);
        if closed.is_vague {
            return Ok(());
        }
        same("went wrong", &self.lived.wrong, &closed.wrong)?;
        same("closed at", &self.lived.at, &closed.at)
    }

    fn left(&self, node: usize) -> Vec<Step> {
        let script = &self.case.scripts[node];
        let all: Vec<Step> = script.early.iter().chain(&script.late).copied().collect();
        let left = self.life.clean_ups(node).map(|hook| match hook {
            Hook::CleanUp(place) => all[place],
            _ => Step::default(),
        });
        left.collect()
    }
}

fn must(must: Must, is_so: bool, words: impl FnOnce() -> String) -> Checked {
    let fits = match must {
        Must::Yes => is_so,
        Must::No => !is_so,
        Must::Either => true,
    };
    ensure(fits, || format!("{}: {is_so}", words()))
}

/// Returns whether it booted.
fn verify(case: &Case) -> Result<bool, String> {
    let budget = millis(3_600_000);
    let cloned = case.clone();
    let ended = paused(async move { tokio::time::timeout(budget, live(cloned)).await });
    let Ok(lived) = ended else {
        return Err("it never ends".into());
    };
    let life = Life::read(case, &lived.events)?;
    let trial = Trial {
        case,
        lived: &lived,
        life,
    };
    let story = |words| {
        format!(
            "{words}\n{:#?}\n{:?}\n{:?}",
            lived.events, lived.wrong, lived.boot
        )
    };
    trial.check().map_err(story)?;
    Ok(lived.boot.is_ok())
}

pub fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |it| it.parse().unwrap())
}

pub fn runner(seed: u32, cases: u32) -> TestRunner {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(config, rng)
}

/// Verifies so many cases, unless the environment says how many, and that some of them boot and
/// some do not.
pub(crate) fn hold<S: Strategy>(
    cases: u32,
    any_case: &S,
    verify: impl Fn(&S::Value) -> Result<bool, String>,
    shown: impl Fn(&S::Value) -> String,
) {
    let (seed, cases) = (setting("MATRIX_SEED", 1), setting("MATRIX_CASES", cases));
    let booted = Cell::new(0);
    let tried = runner(seed, cases).run(any_case, |case| {
        let has_booted = verify(&case).map_err(TestCaseError::fail)?;
        booted.set(booted.get() + u32::from(has_booted));
        Ok(())
    });
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("MATRIX_SEED={seed}: {why}\n{}", shown(&case)),
        Err(TestError::Abort(why)) => panic!("MATRIX_SEED={seed}: {why}"),
    }
    let is_mixed = (cases / 5..cases - cases / 5).contains(&booted.get());
    assert!(is_mixed || cases < 100, "{booted:?} of {cases} booted");
}

#[test]
fn whatever_goes_wrong_where_it_ends_as_the_oracle_says() {
    hold(2_000, &any_case(), verify, |case| format!("{case:#?}"));
}
