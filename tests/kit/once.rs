//! A mistake is told once, and not again by what follows from it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::plugin_fn;
use bootstrap::prelude::*;
use bootstrap::testing::{Exploration, FindingKind, explore};

/// The findings of an exploration, without their cases.
fn all(report: &Exploration) -> Vec<(FindingKind, Option<&str>, &str)> {
    let findings = report.findings.iter();
    let what = findings.map(|it| (it.kind, it.plugin.as_deref(), it.text.as_str()));
    what.collect()
}

/// Does not hear that it is to stop.
#[plugin(collect = never)]
struct Deaf;

impl Hooks for Deaf {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn run(&self, _: &RunContext<Self>) -> Result<()> {
        std::future::pending().await
    }
}

#[test]
fn a_task_that_does_not_stop_is_one_finding() {
    let report = explore(|| App::new().with(Deaf)).run();
    let text = "its `run` did not end when it was asked to stop: it was cut short";
    assert_eq!(all(&report), [(FindingKind::Hung, Some("deaf"), text)]);
}

#[test]
fn a_spawned_task_that_does_not_stop_is_one_finding() {
    let spawns = || {
        let mut app = App::new();
        app.register(plugin_fn("spawns", async |cx| {
            cx.spawn("worker", async |_| std::future::pending().await);
            Ok(())
        }));
        app
    };
    let report = explore(spawns).run();
    let text = "its `run` did not end when it was asked to stop: it was cut short";
    let worker = Some("spawns/worker");
    assert_eq!(all(&report), [(FindingKind::Hung, worker, text)]);
}

/// Hangs where it should close.
#[plugin(collect = never)]
struct Clings;

impl Hooks for Clings {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        std::future::pending().await
    }
}

#[test]
fn a_close_that_hangs_is_one_finding() {
    let report = explore(|| App::new().with(Clings)).run();
    let text = "its `close` did not end: it was cut by its limit";
    assert_eq!(all(&report), [(FindingKind::Hung, Some("clings"), text)]);
}

#[test]
fn a_load_that_panics_by_itself_says_what_it_said() {
    let panics = || {
        let mut app = App::new();
        app.register(plugin_fn("careless", async |_| panic!("no such file")));
        app
    };
    let report = explore(panics).runs(1).run();
    let failed = "the boot fails: [careless] Plugin load failed: panicked: no such file";
    let expected = [
        (
            FindingKind::Panicked,
            Some("careless"),
            "its `load` panicked",
        ),
        (FindingKind::Failed, None, failed),
    ];
    assert_eq!(all(&report), expected);
}

#[test]
fn a_blocking_task_that_is_left_is_told_once_and_soon() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    let leaves = move || {
        let mut app = App::new();
        let receiver = Arc::clone(&receiver);
        app.register(plugin_fn("leaves", async move |_| {
            let receiver = Arc::clone(&receiver);
            // Until the test ends.
            tokio::task::spawn_blocking(move || drop(receiver.lock().map(|it| it.recv())));
            Ok(())
        }));
        app
    };
    let report = explore(leaves).deadline(Duration::from_millis(200)).run();
    drop(sender);
    let text = "a blocking task (`spawn_blocking`, `tokio::fs`) has not ended after 200 ms of real \
                time, and keeps the clock from moving, so that no limit passes either: no hook is \
                running; await it in a hook, or see `Explore::deadline` if it only takes long, and \
                `Explore::with_io` for what waits for the world outside";
    assert_eq!(all(&report), [(FindingKind::Hung, None, text)]);
    let words =
        "1 finding in 1 case, with the seed 1; 27 cases not run: what was run has not ended";
    let said = report.to_string();
    assert_eq!(said.lines().next(), Some(words));
}
