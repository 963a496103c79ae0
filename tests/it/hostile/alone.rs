//! A single job that blocks its thread, wherever it comes from: every limit and every request to
//! stop holds all the same, as long as the runtime has one more thread.
//!
//! `BLOCKING_RUNS` is how often each case runs (once), `BLOCKING_WORKERS` on how many workers
//! (`2,4`), `BLOCKING_AT_ONCE` how many cases run at a time (12).

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use bootstrap::{App, Retry, Running, plugin_fn};
use support::{Probe, Trace, act, bounded, fails};
use tokio::runtime::{Builder, Runtime};

/// Each limit under test, and how long after the beginning a stop is requested.
const LIMIT: Duration = Duration::from_millis(200);

/// How long a job that should have ended is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// What a loaded machine may add.
const SLACK: Duration = Duration::from_secs(1);

/// Blocks threads until it is opened, or for much longer than any limit.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Blocked>, Condvar)>);

#[derive(Default)]
struct Blocked {
    has_begun: bool,
    is_open: bool,
}

impl Gate {
    fn hold(&self) {
        let (blocked, changed) = &*self.0;
        let mut blocked = blocked.lock().unwrap();
        blocked.has_begun = true;
        changed.notify_all();
        let is_closed = |blocked: &mut Blocked| !blocked.is_open;
        let held = changed.wait_timeout_while(blocked, Duration::from_secs(6), is_closed);
        drop(held);
    }

    fn has_begun(&self) -> bool {
        self.0.0.lock().unwrap().has_begun
    }

    fn open(&self) {
        self.0.0.lock().unwrap().is_open = true;
        self.0.1.notify_all();
    }
}

/// When a job blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    AtOnce,
    /// After a timer has woken it.
    Later,
}

/// A job that blocks its thread.
#[derive(Clone)]
struct Block {
    gate: Gate,
    when: When,
}

impl Block {
    async fn run(self) -> Result<()> {
        if self.when == When::Later {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.gate.hold();
        Ok(())
    }
}

/// Where the job comes from that blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PluginLocation {
    Root,
    Child,
    AwaitedChild,
    Grandchild,
    AwaitedGrandchild,
    FlushedChild,
    /// Its parent waits for it and blocks.
    BesideChild,
    ScopedPlugin,
    ScopedChild,
    Barrier,
    SecondAttempt,
    Ready,
    Loaded,
    OnReady,
    OnReadyOfPlugin,
    OnStart,
    CleanUpBetweenAttempts,
    RolledBackSibling,
    RolledBackPlugin,
    Drain,
    Run,
    Task,
    Close,
    OnClose,
    OnCloseOfApp,
    RestartLoad,
    RestartClose,
}

/// What should end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    BootTimeout,
    LoadTimeout,
    /// Requested by a thread outside of the runtime, as a signal is.
    Shutdown,
    HookTimeout,
    CloseTimeout,
}

const OF_BOOT: [Cut; 3] = [Cut::BootTimeout, Cut::LoadTimeout, Cut::Shutdown];
const OF_CLOSE: [Cut; 2] = [Cut::HookTimeout, Cut::CloseTimeout];

/// Every place, with what may end a job there.
const PLACES: [(PluginLocation, &[Cut]); 27] = [
    (PluginLocation::Root, &OF_BOOT),
    (PluginLocation::Child, &OF_BOOT),
    (PluginLocation::AwaitedChild, &OF_BOOT),
    (PluginLocation::Grandchild, &OF_BOOT),
    (PluginLocation::AwaitedGrandchild, &OF_BOOT),
    (PluginLocation::FlushedChild, &OF_BOOT),
    (PluginLocation::BesideChild, &OF_BOOT),
    (PluginLocation::ScopedPlugin, &OF_BOOT),
    (PluginLocation::ScopedChild, &OF_BOOT),
    (PluginLocation::Barrier, &OF_BOOT),
    (PluginLocation::SecondAttempt, &OF_BOOT),
    (PluginLocation::Ready, &OF_BOOT),
    (PluginLocation::Loaded, &OF_BOOT),
    (PluginLocation::OnReady, &OF_BOOT),
    (PluginLocation::OnReadyOfPlugin, &OF_BOOT),
    (PluginLocation::OnStart, &OF_BOOT),
    (PluginLocation::CleanUpBetweenAttempts, &[Cut::HookTimeout]),
    (PluginLocation::RolledBackSibling, &OF_CLOSE),
    (PluginLocation::RolledBackPlugin, &OF_CLOSE),
    (PluginLocation::Drain, &OF_CLOSE),
    (PluginLocation::Run, &OF_CLOSE),
    (PluginLocation::Task, &OF_CLOSE),
    (PluginLocation::Close, &OF_CLOSE),
    (PluginLocation::OnClose, &OF_CLOSE),
    (PluginLocation::OnCloseOfApp, &OF_CLOSE),
    (
        PluginLocation::RestartLoad,
        &[Cut::LoadTimeout, Cut::Shutdown],
    ),
    (PluginLocation::RestartClose, &OF_CLOSE),
];

#[derive(Clone, Copy, Debug)]
struct Case {
    place: PluginLocation,
    cut: Cut,
    when: When,
    workers: usize,
    /// Whether the app boots in a task, and not on a thread of its own.
    in_task: bool,
}

/// A plugin that may be loaded several times.
struct Part {
    load: Option<Block>,
    /// In which of its loads it blocks; it fails before.
    blocks_in: u32,
    fails_before: bool,
    leaves: Option<Block>,
    loads: u32,
    close: Mutex<Option<Block>>,
}

impl Part {
    fn new() -> Self {
        Self {
            load: None,
            blocks_in: 0,
            fails_before: false,
            leaves: None,
            loads: 0,
            close: Mutex::new(None),
        }
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Part {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("part")
            .retry(Retry::attempts(2).backoff(Duration::from_millis(1), Duration::from_millis(1)))
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        self.loads += 1;
        if let Some(leaves) = self.leaves.take() {
            cx.on_close(async move |_| leaves.run().await);
        }
        if self.loads == self.blocks_in {
            let block = self.load.take();
            block.expect("it blocks once").run().await?;
        } else if self.fails_before {
            anyhow::bail!("not yet");
        }
        Ok(States::new())
    }

    async fn close(&self, _: &CloseContext) -> Result<()> {
        let block = self.close.lock().unwrap().take();
        match block {
            Some(block) => block.run().await,
            None => Ok(()),
        }
    }
}

impl Case {
    fn limited(&self) -> App {
        let app = App::new();
        match self.cut {
            Cut::BootTimeout => app.boot_timeout(LIMIT),
            Cut::LoadTimeout => app.load_timeout(LIMIT),
            Cut::HookTimeout => app.close_timeout(LIMIT),
            Cut::CloseTimeout => app.shutdown_timeout(LIMIT),
            Cut::Shutdown => app,
        }
    }

    fn app(&self, block: Block) -> App {
        let mut app = self.limited();
        app.register(plugin_fn("other", async |_| Ok(())));
        match self.with_child(&mut app, block) {
            Some(block) => self.with_hook(app, block),
            None => app,
        }
    }

    /// Registers a plugin whose child blocks; gives the block back if it is for another place.
    fn with_child(&self, app: &mut App, block: Block) -> Option<Block> {
        use PluginLocation as P;
        match self.place {
            P::Child => drop(app.register(plugin_fn("p", async move |cx| {
                cx.register(plugin_fn("blocks", async move |_| block.run().await));
                Ok(())
            }))),
            P::AwaitedChild => drop(app.register(plugin_fn("p", async move |cx| {
                let child = cx.register(plugin_fn("blocks", async move |_| block.run().await));
                child.load().await.map(drop)
            }))),
            P::Grandchild => drop(app.register(plugin_fn("p", async move |cx| {
                cx.register(plugin_fn("c", async move |cx| {
                    cx.register(plugin_fn("blocks", async move |_| block.run().await));
                    Ok(())
                }));
                Ok(())
            }))),
            P::AwaitedGrandchild => drop(app.register(plugin_fn("p", async move |cx| {
                let child = cx.register(plugin_fn("c", async move |cx| {
                    let child = cx.register(plugin_fn("blocks", async move |_| block.run().await));
                    child.load().await.map(drop)
                }));
                child.load().await.map(drop)
            }))),
            P::FlushedChild => drop(app.register(plugin_fn("p", async move |cx| {
                cx.register(plugin_fn("blocks", async move |_| block.run().await));
                cx.flush().await
            }))),
            P::BesideChild => drop(app.register(plugin_fn("p", async move |cx| {
                let child = cx.register(plugin_fn("c", async |_| std::future::pending().await));
                let (loaded, blocked) = tokio::join!(child.load(), block.run());
                loaded.map(drop).and(blocked)
            }))),
            P::ScopedChild => drop(app.register(plugin_fn("p", async move |cx| {
                cx.scope("s", |scope| {
                    scope.register(plugin_fn("blocks", async move |_| block.run().await));
                });
                cx.flush().await
            }))),
            P::RolledBackSibling => drop(app.register(plugin_fn("p", async move |cx| {
                let part = Part {
                    close: Mutex::new(Some(block)),
                    ..Part::new()
                };
                let child = cx.register(plugin_fn("c", async move |cx| {
                    cx.register(part).load().await?;
                    anyhow::bail!("the child fails")
                }));
                child.load().await.map(drop)
            }))),
            _ => return Some(block),
        }
        None
    }

    fn with_hook(&self, mut app: App, block: Block) -> App {
        use PluginLocation as P;
        let trace = Trace::new();
        let probe = |name: &'static str| Probe::new(name, &trace);
        let acts = {
            let block = block.clone();
            act(move || block.clone().run())
        };
        match self.place {
            P::Root => drop(app.register(plugin_fn("blocks", async move |_| block.run().await))),
            P::ScopedPlugin => app.scope("s", |scope| {
                scope.register(plugin_fn("blocks", async move |_| block.run().await));
            }),
            P::Barrier => {
                app.register(probe("p"));
                app = app.barrier(async move |_| block.run().await);
            }
            P::SecondAttempt => drop(app.register(Part {
                load: Some(block),
                blocks_in: 2,
                fails_before: true,
                ..Part::new()
            })),
            P::Ready => drop(app.register(probe("p").ready(acts))),
            P::Loaded => app = app.on_loaded(async move |_| block.run().await),
            P::OnReady => app = app.on_ready(async move |_| block.run().await),
            P::OnReadyOfPlugin => drop(app.register(plugin_fn("p", async move |cx| {
                cx.on_ready(async move |_| block.run().await);
                Ok(())
            }))),
            P::OnStart => app = app.on_start(async move |_| block.run().await),
            P::CleanUpBetweenAttempts => drop(app.register(Part {
                leaves: Some(block),
                fails_before: true,
                ..Part::new()
            })),
            P::RolledBackPlugin => {
                let closes = app.register(probe("closes").close(acts));
                app.register(probe("fails").load(fails("no")))
                    .after(&closes);
            }
            P::Drain => drop(app.register(probe("p").drain(acts))),
            P::Run => drop(app.register(plugin_fn("p", async move |cx| {
                cx.spawn("blocks", async move |cx| {
                    cx.stopped().await;
                    block.run().await
                });
                Ok(())
            }))),
            P::Task => drop(app.register(probe("p").run(acts))),
            P::Close => drop(app.register(probe("p").close(acts))),
            P::OnClose => drop(app.register(plugin_fn("p", async move |cx| {
                cx.on_close(async move |_| block.run().await);
                Ok(())
            }))),
            P::OnCloseOfApp => app = app.on_close(async move |_| block.run().await),
            P::RestartLoad => drop(app.register(Part {
                load: Some(block),
                blocks_in: 2,
                ..Part::new()
            })),
            P::RestartClose => drop(app.register(Part {
                close: Mutex::new(Some(block)),
                ..Part::new()
            })),
            _ => unreachable!("{self:?} is a child"),
        }
        app
    }

    /// How long it took until the app ended. A machine under load may end a job before it blocks:
    /// such a run says nothing.
    fn run(&self) -> Duration {
        let mut runs = (0..10).filter_map(|_| self.run_once());
        runs.next().expect("it blocks")
    }

    fn run_once(&self) -> Option<Duration> {
        let gate = Gate::default();
        let block = Block {
            gate: gate.clone(),
            when: self.when,
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(self.workers)
            .enable_all()
            .build()
            .unwrap();
        let app = self.app(block);
        let took = self.live(&runtime, app);
        let has_begun = gate.has_begun();
        gate.open();
        runtime.shutdown_background();
        has_begun.then_some(took)
    }

    fn live(&self, runtime: &Runtime, app: App) -> Duration {
        let handle = app.handle();
        let stop = move || {
            thread::spawn(move || {
                thread::park_timeout(LIMIT);
                handle.shutdown();
            })
        };
        if self.cut == Cut::Shutdown && !self.is_of_restart() {
            stop.clone()();
        }
        let began = Instant::now();
        let booted = self.wait(runtime, app.boot());
        let took = began.elapsed();
        let boots = self.is_of_restart() || self.is_of_end();
        assert_eq!(booted.is_ok(), boots, "{self:?}: {booted:?}");
        let Ok(running) = booted else {
            return took;
        };
        if self.is_of_restart() && self.cut == Cut::Shutdown {
            stop();
        }
        let began = Instant::now();
        self.end(runtime, running);
        began.elapsed()
    }

    fn end(&self, runtime: &Runtime, running: Running) {
        if self.is_of_restart() {
            let handle = running.handle();
            let restarted = self.wait(runtime, async move { handle.restart("part").await });
            assert!(restarted.is_err(), "{self:?}");
            thread::spawn(move || drop(running));
            return;
        }
        let closed = self.wait(runtime, running.close());
        assert!(closed.is_err(), "{self:?}");
    }

    fn wait<F>(&self, runtime: &Runtime, future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        if self.in_task {
            runtime.block_on(runtime.spawn(future)).unwrap()
        } else {
            runtime.block_on(future)
        }
    }

    fn is_of_restart(&self) -> bool {
        matches!(
            self.place,
            PluginLocation::RestartLoad | PluginLocation::RestartClose
        )
    }

    fn is_of_end(&self) -> bool {
        use PluginLocation as P;
        matches!(
            self.place,
            P::Drain | P::Run | P::Task | P::Close | P::OnClose | P::OnCloseOfApp
        )
    }
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// Every case, on so many workers.
fn cases(workers: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, cuts) in PLACES {
        for cut in cuts {
            for when in [When::AtOnce, When::Later] {
                let in_task = cases.len() / 2 % 2 == 0;
                cases.push(Case {
                    place,
                    cut: *cut,
                    when,
                    workers,
                    in_task,
                });
            }
        }
    }
    cases
}

/// What took too long, or went wrong in another way.
fn failures(cases: Vec<Case>) -> Vec<String> {
    let threads = cases
        .into_iter()
        .map(|case| (case, thread::spawn(move || case.run())));
    let threads: Vec<_> = threads.collect();
    let ended = threads
        .into_iter()
        .map(|(case, thread)| (case, thread.join()));
    let late = ended.filter_map(|(case, took)| match took {
        Ok(took) if took <= LIMIT + GRACE + SLACK => None,
        Ok(took) => Some(format!("{case:?} took {took:?}")),
        Err(_) => Some(format!("{case:?} panicked")),
    });
    late.collect()
}

/// S29: no limit and no request to stop depends on the thread that a job blocks.
#[test]
fn a_single_job_that_blocks_ends_in_time_wherever_it_comes_from() {
    let runs: usize = setting("BLOCKING_RUNS", "1").parse().unwrap();
    let at_once: usize = setting("BLOCKING_AT_ONCE", "12").parse().unwrap();
    let workers = setting("BLOCKING_WORKERS", "2,4");
    let mut failed = Vec::new();
    for run in 1..=runs {
        for workers in workers.split(',') {
            let workers = workers.parse().unwrap();
            for some in cases(workers).chunks(at_once) {
                let failures = bounded(|| failures(some.to_vec()));
                failed.extend(failures.iter().map(|it| format!("run {run}: {it}")));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
