//! What a hundred apps leave behind in their process: nothing.

use std::process::Command;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use bootstrap::Handle;
use support::bounded;
use tokio::runtime::{Builder, Runtime};

use crate::case::{Case, Fault, Kind, Script, Step};
use crate::ledger::Ledger;
use crate::ticks::{fine_grained, poll_once};

/// What becomes of an app.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Closes,
    FailsToLoad,
    HangsInLoad,
    /// The future of its boot is dropped after its first poll.
    IsLetGo,
    /// Its `run` fails.
    FailsToRun,
    FailsToClose,
    HangsInClose,
    /// One of its plugins asks it to stop.
    IsAskedToStop,
}

const SORTS: [Sort; 8] = [
    Sort::Closes,
    Sort::FailsToLoad,
    Sort::HangsInLoad,
    Sort::IsLetGo,
    Sort::FailsToRun,
    Sort::FailsToClose,
    Sort::HangsInClose,
    Sort::IsAskedToStop,
];

/// After this test has begun as a process of its own, it says so to that process.
const ALONE: &str = "MATRIX_ALONE";

fn step(wait: u64, fault: Fault) -> Step {
    Step { wait, fault }
}

/// Five plugins of every kind with states, tasks and clean-ups; the last one misbehaves.
fn case(sort: Sort) -> Case {
    let script = |node: usize| Script {
        kind: [Kind::Full, Kind::Thin, Kind::Full, Kind::Bare, Kind::Full][node],
        load: Step::takes(node as u64 % 2),
        early: vec![Step::takes(1); 2],
        spawns: true,
        ..Script::default()
    };
    let needs = vec![vec![], vec![0], vec![0], vec![1, 2], vec![3]];
    let mut scripts: Vec<Script> = (0..5).map(script).collect();
    let last = &mut scripts[4];
    match sort {
        Sort::Closes | Sort::IsLetGo => {}
        Sort::FailsToLoad => last.load = step(1, Fault::Error),
        Sort::HangsInLoad => last.load = step(0, Fault::Hang),
        Sort::FailsToRun => last.run = Some(step(1, Fault::Panic)),
        Sort::FailsToClose => last.close = step(1, Fault::Panic),
        Sort::HangsInClose => last.close = step(0, Fault::Hang),
        Sort::IsAskedToStop => last.run = Some(step(1, Fault::Shutdown(0))),
    }
    Case {
        app_hooks: true,
        load_limit: Some(30),
        hook_limit: Some(30),
        ..Case::new(needs, scripts)
    }
}

/// One app, from its registrations to its end. How it ends is for other tests.
async fn live(sort: Sort) {
    let ledger = Ledger::open();
    let app = case(sort).app(&ledger);
    let handle = app.handle();
    match sort {
        Sort::IsLetGo => {
            let polled = poll_once(&mut Box::pin(app.boot())).await;
            assert!(polled.is_none());
        }
        _ => {
            if let Ok(running) = app.boot().await {
                let _outcome = running.close().await;
            }
        }
    }
    let report = handle.closed().await;
    drop(report);
    nothing_lives(&ledger, handle).await;
}

/// Whoever has ended the app may hold something for a moment.
async fn nothing_lives(ledger: &Ledger, handle: Handle) {
    drop(handle);
    let runtime = tokio::runtime::Handle::current();
    while !ledger.alive().is_empty() || runtime.metrics().num_alive_tasks() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn with_threads() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Every sort in turn, on a runtime that lives on, on one of its own, and on one with threads of
/// its own.
fn live_all(count: usize, runtime: &Runtime) {
    for (number, sort) in SORTS.into_iter().cycle().take(count).enumerate() {
        match number / SORTS.len() % 3 {
            0 => runtime.block_on(live(sort)),
            1 => fine_grained().block_on(live(sort)),
            _ => with_threads().block_on(live(sort)),
        }
    }
}

/// What the system says of this process.
#[derive(Debug)]
struct Process {
    threads: usize,
    files: usize,
}

impl Process {
    fn now() -> Self {
        let count = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count);
        Self {
            threads: count("/proc/self/task"),
            files: count("/proc/self/fd"),
        }
    }
}

/// A thread that has been joined may be listed for a moment.
fn is_soon(before: &Process) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        let now = Process::now();
        if now.threads <= before.threads && now.files <= before.files {
            return true;
        }
        park_timeout(Duration::from_millis(5));
    }
    false
}

fn alone() {
    let runtime = with_threads();
    // Whatever is made once is made now.
    live_all(3 * SORTS.len(), &runtime);
    let before = Process::now();
    live_all(100, &runtime);
    assert!(is_soon(&before), "{before:?} and {:?}", Process::now());
}

/// S72: in a process of its own: what belongs to a process is shared by all of its tests.
#[test]
fn a_hundred_apps_leave_their_process_as_it_was() {
    if std::env::var_os(ALONE).is_some() {
        return bounded(alone);
    }
    bounded(in_a_process_of_its_own);
}

fn in_a_process_of_its_own() {
    let test = "hundred::a_hundred_apps_leave_their_process_as_it_was";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--test-threads=1", "--nocapture"])
        .env(ALONE, "yes")
        .output()
        .unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&child.stdout), said(&child.stderr));
    assert!(child.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}\n{err}");
}
