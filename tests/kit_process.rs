//! What the test kit finds in the process itself. One test, so that nothing else opens anything.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::thread;
use std::time::Duration;

use bootstrap::testing::{FindingKind, explore};
use bootstrap::{App, plugin_fn};

#[test]
fn files_and_threads_that_are_left_open_are_found() {
    let clean = || {
        let mut app = App::new();
        app.register(plugin_fn("clean", async |_| {
            File::open("/proc/self/stat")?;
            thread::spawn(|| {});
            Ok(())
        }));
        app
    };
    explore(clean).orders(1).watch_process().check();
    let io = explore(clean).with_io(Duration::from_millis(1));
    io.orders(1).watch_process().check();

    let leaky = || {
        let mut app = App::new();
        app.register(plugin_fn("leaky", async |_| {
            std::mem::forget(File::open("/proc/self/stat")?);
            thread::spawn(thread::park);
            Ok(())
        }));
        app
    };
    let report = explore(leaky).runs(2).watch_process().run();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|it| (it.kind, it.text.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (FindingKind::LeftOpen, "1 thread more than before the app"),
            (
                FindingKind::LeftOpen,
                "1 file descriptor more than before the app"
            ),
        ]
    );
    let again = explore(leaky)
        .watch_process()
        .only(&report.findings[0].cases[0])
        .run();
    assert_eq!(again.findings, report.findings);
}
