//! A program that lives as its argument says, for the tests of `App::run`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootstrap::{App, Exit, Registration};
use support::{Probe, Trace, act, fails, fails_after, hangs, panics, register_graph, say, takes};

/// Prints its events as they happen, because nobody can ask a process that was ended.
fn says(event: &'static str) -> support::Act {
    act(move || async move {
        say(event);
        Ok(())
    })
}

fn base() -> Probe {
    Probe::new("base", &Trace::new())
        .load(says("base loads"))
        // Tasks begin when nothing can interrupt the boot any more: a hook of the app would be
        // too early to say so.
        .run(says("started"))
        .close(says("base closes"))
}

async fn waits() -> anyhow::Result<()> {
    say("waits");
    std::future::pending().await
}

fn blocks() -> support::Act {
    act(|| {
        std::thread::park();
        async { Ok(()) }
    })
}

/// Ends the process, on the thread of the hook or on one of its own.
#[allow(
    clippy::disallowed_methods,
    reason = "what a program may do, although it should not"
)]
fn exits(elsewhere: bool) -> support::Act {
    act(move || {
        say("slow exits");
        if elsewhere {
            std::thread::spawn(|| std::process::exit(3));
        } else {
            std::process::exit(3);
        }
        std::future::pending()
    })
}

/// Four plugins that need each other, of which so many load; the next one never does.
fn four(app: &mut App, loaded: usize) {
    let say = |place: usize, does: &'static str, ends: bool| {
        act(move || async move {
            say(format_args!("p{place} {does}"));
            if !ends {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    };
    let probes = (1..=4)
        .map(|place| {
            Probe::new(format!("p{place}"), &Trace::new())
                .load(say(place, "loads", place <= loaded))
                .close(say(place, "closes", true))
        })
        .collect();
    register_graph(app, probes, &[&[], &[0], &[1], &[2]]);
}

fn floods() -> support::Act {
    act(|| {
        tokio::task::spawn_blocking(|| {
            loop {
                println!("{}", "flood ".repeat(100));
            }
        });
        async { std::future::pending().await }
    })
}

fn app(case: &str) -> App {
    let mut app = App::new().shutdown_timeout(Duration::from_secs(20));
    if let Some(loaded) = case.strip_prefix("boot-stops-after-") {
        four(&mut app, loaded.parse().expect("a number"));
        return app;
    }
    let is_short = [
        "panics",
        "task-hangs",
        "task-fails-close-hangs",
        "close-hangs-briefly",
        "close-blocks",
    ];
    if is_short.contains(&case) {
        app = app.close_timeout(Duration::from_millis(200));
    }
    match case.strip_prefix("in-") {
        Some(hook) => waits_in(app, hook),
        None => on_base(app, case),
    }
}

/// The base, and a hook of the boot that waits for ever.
fn waits_in(mut app: App, hook: &str) -> App {
    let base = app.register(base());
    match hook {
        "on-loaded" => app.on_loaded(async |_| waits().await),
        "ready" => {
            let slow = Probe::new("slow", &Trace::new()).ready(act(waits));
            app.register(slow).after(&base);
            app
        }
        "on-ready" => app.on_ready(async |_| waits().await),
        _ => app.on_start(async |_| waits().await),
    }
}

/// A plugin that loads once, and a task that restarts it.
fn restarts(app: &mut App, base: &Registration<Probe>) {
    let loads = Arc::new(AtomicUsize::new(0));
    let once = act(move || {
        let is_first = loads.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if is_first {
                Ok(())
            } else {
                anyhow::bail!("gone")
            }
        }
    });
    let handle = app.handle();
    let restarts = act(move || {
        let handle = handle.clone();
        async move {
            let _ = handle.restart("flaky").await;
            Ok(())
        }
    });
    app.register(Probe::new("flaky", &Trace::new()).load(once))
        .after(base);
    app.register(Probe::new("restarts", &Trace::new()).run(restarts));
}

/// The base, and what the case puts on it.
#[allow(clippy::too_many_lines, reason = "one case after the other")]
fn on_base(mut app: App, case: &str) -> App {
    let probe = |name: &'static str| Probe::new(name, &Trace::new());
    let base = app.register(match case {
        "load-stops-close-fails" => base().close(fails("base is sore")),
        _ => base(),
    });
    match case {
        "serve" | "boot-only" | "own-code" => {}
        "clean" => {
            let handle = app.handle();
            let stops = act(move || {
                handle.shutdown();
                async { Ok(()) }
            });
            app.register(probe("stopper").run(stops)).after(&base);
        }
        "plan" => {
            app.register(probe("base").load(says("never")))
                .named("base");
        }
        "plan-twice" => {
            app.register(probe("base")).named("base");
            app.register(probe("other")).named("other");
            app.register(probe("other")).named("other");
        }
        "load-fails" => {
            app.register(probe("faulty").load(fails("connection refused")))
                .after(&base);
        }
        "load-hangs" => {
            app.register(probe("slow").load(act(async || {
                say("slow loads");
                std::future::pending().await
            })))
            .after(&base);
        }
        "load-stops" | "load-stops-close-fails" => {
            let handle = app.handle();
            let stops = act(move || {
                handle.shutdown();
                std::future::pending()
            });
            app.register(probe("stopper").load(stops)).after(&base);
        }
        "load-blocks" => {
            app = app.boot_timeout(Duration::from_millis(300));
            app.register(probe("blocks").load(blocks())).after(&base);
        }
        "load-blocks-on" => {
            app.register(probe("blocks").load(blocks())).after(&base);
        }
        "task-fails" => {
            app.register(probe("consumer").run(fails_after(10, "queue lost")))
                .after(&base);
        }
        "panics" => {
            app.register(probe("a").run(panics("run")).close(panics("close")))
                .after(&base);
        }
        "task-hangs" => {
            app.register(probe("deaf").run(hangs())).after(&base);
        }
        "task-fails-close-hangs" => {
            let consumer = probe("consumer")
                .run(fails_after(10, "queue lost"))
                .close(hangs());
            app.register(consumer).after(&base);
        }
        "restart-fails" => restarts(&mut app, &base),
        "close-fails" => {
            app.register(probe("sore").close(fails("no"))).after(&base);
        }
        "close-hangs" => {
            let slow = probe("slow").close(act(async || {
                say("slow closes");
                std::future::pending().await
            }));
            let slow = app.register(slow).after(&base);
            app.register(probe("quick").close(says("quick closes")))
                .after(&slow);
        }
        "close-hangs-briefly" => {
            app.register(probe("slow").close(hangs())).after(&base);
        }
        "close-blocks" => {
            app.register(probe("blocks").close(blocks())).after(&base);
        }
        "close-exits" | "close-exits-elsewhere" => {
            let elsewhere = case == "close-exits-elsewhere";
            app.register(probe("slow").close(exits(elsewhere)))
                .after(&base);
        }
        "close-blocks-everything" => {
            app = app.shutdown_timeout(Duration::from_millis(100));
            for name in ["one", "three", "two"] {
                app.register(probe(name).close(blocks())).after(&base);
            }
        }
        // Holds the lock of the standard output for ever, once nobody reads it any more.
        "floods" => {
            app.register(probe("flood").run(floods())).after(&base);
        }
        "close-takes" => {
            app.register(probe("slow").close(takes(200))).after(&base);
        }
        other => say(format_args!("no such case: {other}")),
    }
    app
}

/// Boots an app as a part of a program that has its own idea of signals: none.
async fn host() -> ExitCode {
    let running = app("boot-only").boot().await.expect("it boots");
    running.wait().await;
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    support::log_if_asked();
    let case = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    if case == "boot-only" {
        return runtime.block_on(host());
    }
    let own_code = case == "own-code";
    let exit: Exit = runtime.block_on(async move {
        if case == "twice" {
            let first = app("clean").run().await;
            say(format_args!("first: {}", first.code()));
            return app("serve").run().await;
        }
        app(&case).run().await
    });
    say(format_args!("after run: {}", exit.code()));
    if own_code {
        return ExitCode::from(123);
    }
    std::process::Termination::report(exit)
}
