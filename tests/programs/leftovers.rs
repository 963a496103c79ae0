//! A program whose app ends, and which leaves something behind that blocks, for the tests of the
//! end of the process. Its arguments: what is left behind, the runtime, and what `main` does with
//! the `Exit`.

use std::process::{ExitCode, Termination};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bootstrap::prelude::*;
use bootstrap::{App, Exit};
use support::{Act, Probe, Trace, act, say};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{block_in_place, spawn_blocking};

/// Whether what is left behind has begun: what has not is cancelled like everything else.
static BEGAN: AtomicBool = AtomicBool::new(false);

async fn has_begun() {
    while !BEGAN.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn blocks() {
    BEGAN.store(true, Ordering::Relaxed);
    loop {
        thread::park();
    }
}

fn awaits_what_blocks() -> Act {
    act(async || Ok(spawn_blocking(blocks).await?))
}

/// Starts something that nothing awaits.
fn starts(start: fn()) -> Act {
    act(move || {
        start();
        async { Ok(()) }
    })
}

/// Blocks the thread that drops it.
struct Joins;

impl Joins {
    fn new() -> Self {
        BEGAN.store(true, Ordering::Relaxed);
        Self
    }
}

impl Drop for Joins {
    fn drop(&mut self) {
        let _ = thread::spawn(blocks).join();
    }
}

/// A plugin whose drop, or the drop of whose state, blocks.
#[plugin]
struct JoinsInDrop {
    #[option(default = None)]
    joins: Option<Joins>,
}

impl Hooks for JoinsInDrop {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.joins = Some(Joins::new());
        Ok(())
    }
}

#[plugin(states = [Joins])]
struct StateJoins;

impl Hooks for StateJoins {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Joins> {
        Ok(Joins::new())
    }
}

fn reads_stdin() {
    tokio::spawn(async {
        let mut buffer = [0];
        // The read begins a moment after this.
        tokio::spawn(async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            BEGAN.store(true, Ordering::Relaxed);
        });
        let _ = tokio::io::stdin().read(&mut buffer).await;
    });
}

fn task_that_blocks() {
    tokio::spawn(async { blocks() });
}

fn task_that_blocks_in_place() {
    tokio::spawn(async { block_in_place(blocks) });
}

fn task_whose_drop_blocks() {
    let joins = Joins::new();
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(joins);
    });
}

fn blocking_thread() {
    drop(spawn_blocking(blocks));
}

fn app(what: &str) -> App {
    BEGAN.store(false, Ordering::Relaxed);
    let mut app = App::new()
        // What blocks begins before that, also on a machine that is busy.
        .load_timeout(Duration::from_secs(1))
        .close_timeout(Duration::from_secs(1))
        .shutdown_timeout(Duration::from_secs(2));
    let left = Probe::new("left", &Trace::new());
    match what {
        "nothing" => {
            BEGAN.store(true, Ordering::Relaxed);
            app.register(left);
        }
        "load" => drop(app.register(left.load(awaits_what_blocks()))),
        "ready" => drop(app.register(left.ready(awaits_what_blocks()))),
        "run" => drop(app.register(left.run(awaits_what_blocks()))),
        "drain" => drop(app.register(left.drain(awaits_what_blocks()))),
        "close" => drop(app.register(left.close(awaits_what_blocks()))),
        "on-ready" => app = app.on_ready(async |_| Ok(spawn_blocking(blocks).await?)),
        "on-close" => app = app.on_close(async |_| Ok(spawn_blocking(blocks).await?)),
        "thread" => drop(app.register(left.run(starts(blocking_thread)))),
        "thread-of-a-failed-boot" => {
            app.register(left.load(starts(blocking_thread)));
            app.register(Probe::new("faulty", &Trace::new()).ready(act(async || {
                has_begun().await;
                anyhow::bail!("no")
            })));
        }
        "stdin" => drop(app.register(left.run(starts(reads_stdin)))),
        "task" => drop(app.register(left.close(act(async || {
            task_that_blocks();
            has_begun().await;
            Ok(())
        })))),
        "block-in-place" => drop(app.register(left.run(starts(task_that_blocks_in_place)))),
        "drop-of-task" => drop(app.register(left.run(starts(task_whose_drop_blocks)))),
        "drop-of-plugin" => drop(app.register(JoinsInDrop::default())),
        "drop-of-state" => drop(app.register(StateJoins)),
        other => say(format_args!("no such case: {other}")),
    }
    let begins_later = matches!(what, "drain" | "close" | "on-close" | "task");
    let handle = app.handle();
    app.on_start(async move |_| {
        // From outside: in a hook this would interrupt the boot.
        tokio::spawn(async move {
            while handle.status() < bootstrap::lifecycle::Status::Ready {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if !begins_later {
                has_begun().await;
            }
            handle.shutdown();
        });
        Ok(())
    })
}

async fn run(what: String) -> Exit {
    let exit = app(&what).run().await;
    say("run has returned");
    exit
}

#[tokio::main]
async fn attribute(what: String) -> Exit {
    run(what).await
}

#[tokio::main(flavor = "current_thread")]
async fn attribute_on_one_thread(what: String) -> Exit {
    run(what).await
}

fn runtime(which: &str) -> Runtime {
    let mut builder = match which {
        "one-thread" => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if which == "named-threads" {
        let number = AtomicUsize::new(0);
        builder.thread_name_fn(move || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            format!("a-pool-of-our-own-{number}")
        });
    }
    if which == "one-blocking-thread" {
        builder.max_blocking_threads(1);
    }
    if which == "timers-only" {
        builder.enable_time();
    } else {
        builder.enable_all();
    }
    builder.worker_threads(2).build().expect("a runtime")
}

/// Waits for longer than the process may take to end once something holds it up.
fn takes_long() {
    thread::park_timeout(Duration::from_secs(6));
    say("main has ended");
}

fn main() -> ExitCode {
    support::log_if_asked();
    let [_, what, which, then] = &std::env::args().collect::<Vec<_>>()[..] else {
        say("arguments: what is left, the runtime, what follows");
        return ExitCode::FAILURE;
    };
    if which == "attribute" {
        return attribute(what.clone()).report();
    }
    if which == "attribute-on-one-thread" {
        return attribute_on_one_thread(what.clone()).report();
    }
    let runtime = runtime(which);
    if which == "one-blocking-thread" {
        // It has no time for the guard before the app has closed.
        runtime.spawn_blocking(|| thread::park_timeout(Duration::from_millis(400)));
    }
    let exit = runtime.block_on(run(what.clone()));
    match then.as_str() {
        // As if `main` returned it.
        "returns" => {
            drop(runtime);
            say("the runtime is dropped");
            exit.report()
        }
        "reports-first" => exit.report(),
        "twice" => {
            drop((exit, runtime));
            let second = self::runtime(which);
            let exit = second.block_on(run("thread".to_owned()));
            drop(second);
            exit.report()
        }
        "own-code" => {
            drop((exit, runtime));
            ExitCode::from(7)
        }
        // Code of the program, before and after the end of the runtime.
        "goes-on" => {
            runtime.block_on(async { tokio::time::sleep(Duration::from_secs(6)).await });
            drop((exit, runtime));
            takes_long();
            ExitCode::from(7)
        }
        // The main thread waits for the threads of a runtime, but not for those of the first one.
        "goes-on-with-another-runtime" => {
            drop((exit, runtime));
            let second = self::runtime(which);
            second.block_on(async { tokio::time::sleep(Duration::from_secs(6)).await });
            say("main has ended");
            ExitCode::from(7)
        }
        "holds-the-exit-and-goes-on" => {
            drop(runtime);
            takes_long();
            exit.report()
        }
        "abandons-the-runtime-and-goes-on" => {
            drop(exit);
            runtime.shutdown_background();
            say("the runtime is abandoned");
            #[allow(clippy::disallowed_methods, reason = "no runtime is left to wait with")]
            thread::sleep(Duration::from_secs(6));
            say("main has ended");
            ExitCode::from(7)
        }
        // The main thread waits for something else, and then runs.
        "abandons-the-runtime-and-computes" => {
            drop(exit);
            runtime.shutdown_background();
            #[allow(clippy::disallowed_methods, reason = "no runtime is left to wait with")]
            thread::sleep(Duration::from_secs(6));
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(500) {
                std::hint::spin_loop();
            }
            say("main has ended");
            ExitCode::from(7)
        }
        other => {
            say(format_args!("no such end: {other}"));
            ExitCode::FAILURE
        }
    }
}
