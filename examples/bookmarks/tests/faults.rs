//! The service under every fault, and the mistakes that `explore` would find in it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bookmarks_store::{Bookmarks, Settings};
use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap::testing::{self, Explore, FindingKind, Resource, explore};
use tokio::sync::Notify;
use tokio::time::sleep;

/// `SQLite` works on threads of its own, and the server has a socket.
const IDLE: Duration = Duration::from_millis(10);

/// Returns the service, with a new file and port for each run.
fn service(plant: fn(App) -> App) -> Explore {
    let (folder, runs) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));
    let app = move || {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        let settings = Settings {
            database: folder.path().join(format!("{run}.db")),
            ..Settings::default()
        };
        let sources = Configuration::new().set("http.listen", "127.0.0.1:0");
        plant(bookmarks::app().supply(settings).configure(sources))
    };
    explore(app).with_io(IDLE)
}

/// Runs the tests one after the other, because each uses threads and the disk.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn the_service_survives_every_fault() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    service(|app| app).orders(1).check();
}

/// Yields and then reads everything. It leaks its cursor if it is cancelled meanwhile.
#[plugin(name = "leak", collect = never)]
struct Leak {
    bookmarks: State<Bookmarks>,
}

impl Hooks for Leak {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let cursor = ManuallyDrop::new(testing::resource("cursor"));
        sleep(Duration::from_millis(20)).await;
        self.bookmarks.list().await?;
        drop(ManuallyDrop::into_inner(cursor));
        Ok(())
    }
}

struct Index(Resource);

impl Drop for Index {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Closes its index by hand and then drops it, which closes it again.
#[plugin(name = "double-close", states = [Index], collect = never)]
struct DoubleClose {
    bookmarks: State<Bookmarks>,
}

impl Hooks for DoubleClose {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Index> {
        self.bookmarks.list().await?;
        Ok(Index(testing::resource("index")))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().0.close();
        Ok(())
    }
}

/// Its `drain` waits until its task reports that it is idle. A task that has failed never does.
#[plugin(name = "hang", collect = never)]
struct Hang {
    bookmarks: State<Bookmarks>,
    #[local]
    idle: Notify,
}

impl Hooks for Hang {
    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        sleep(Duration::from_millis(20)).await;
        self.bookmarks.list().await?;
        self.idle.notify_one();
        cx.stopped().await;
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.idle.notified().await;
        Ok(())
    }
}

/// Asserts that planted mistakes are found, and found again from the printed case alone.
#[test]
fn planted_mistakes_are_found() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let plant = |app: App| {
        let app = app.with(Leak::default()).with(DoubleClose::default());
        app.with(Hang::default())
    };
    let report = service(plant).orders(1).run();
    for (plugin, kind, text) in [
        (
            "leak",
            FindingKind::LeftOpen,
            "the resource `cursor` was never closed",
        ),
        (
            "double-close",
            FindingKind::ClosedTwice,
            "the resource `index` is closed a second time",
        ),
        (
            "hang",
            FindingKind::Hung,
            "its `drain` did not end: it was cut by its limit",
        ),
    ] {
        let is_it = |it: &&testing::Finding| {
            it.plugin.as_deref() == Some(plugin) && it.kind == kind && it.text == text
        };
        let Some(finding) = report.findings.iter().find(is_it) else {
            panic!("`{plugin}` is not found: {report}");
        };
        let printed = finding.to_string();
        let case = printed.split("BOOTSTRAP_EXPLORE=\"").nth(1).unwrap();
        let case = case.split('"').next().unwrap();
        let again = service(plant).only(case).run();
        assert_eq!(again.ran, 1);
        assert!(again.findings.iter().any(|it| is_it(&it)), "{again}");
    }
}
