//! A program that lives as its argument says, for the tests of `App::run`.

use std::process::ExitCode;
use std::time::Duration;

use bootstrap::{App, Exit};
use support::{Probe, Trace, act, fails, fails_after, hangs, register_graph, takes};

/// Prints its events as they happen, because nobody can ask a process that was ended.
fn says(event: &'static str) -> support::Act {
    act(move || async move {
        println!("{event}");
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
        println!("slow exits");
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
            println!("p{place} {does}");
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
    let mut app = App::new().close_timeout(Duration::from_secs(20));
    if let Some(loaded) = case.strip_prefix("boot-stops-after-") {
        four(&mut app, loaded.parse().expect("a number"));
        return app;
    }
    on_base(app, case)
}

/// The base, and what the case puts on it.
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
        "load-fails" => {
            app.register(probe("faulty").load(fails("connection refused")))
                .after(&base);
        }
        "load-hangs" => {
            app.register(probe("slow").load(act(async || {
                println!("slow loads");
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
        "task-hangs" => {
            app = app.hook_timeout(Duration::from_millis(200));
            app.register(probe("deaf").run(hangs())).after(&base);
        }
        "task-fails-close-hangs" => {
            app = app.hook_timeout(Duration::from_millis(200));
            let consumer = probe("consumer")
                .run(fails_after(10, "queue lost"))
                .close(hangs());
            app.register(consumer).after(&base);
        }
        "close-fails" => {
            app.register(probe("sore").close(fails("no"))).after(&base);
        }
        "close-hangs" => {
            let slow = probe("slow").close(act(async || {
                println!("slow closes");
                std::future::pending().await
            }));
            let slow = app.register(slow).after(&base);
            app.register(probe("quick").close(says("quick closes")))
                .after(&slow);
        }
        "close-hangs-briefly" => {
            app = app.hook_timeout(Duration::from_millis(200));
            app.register(probe("slow").close(hangs())).after(&base);
        }
        "close-blocks" => {
            app = app.hook_timeout(Duration::from_millis(200));
            app.register(probe("blocks").close(blocks())).after(&base);
        }
        "close-exits" | "close-exits-elsewhere" => {
            let elsewhere = case == "close-exits-elsewhere";
            app.register(probe("slow").close(exits(elsewhere)))
                .after(&base);
        }
        "close-blocks-everything" => {
            app = app.close_timeout(Duration::from_millis(100));
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
        other => println!("no such case: {other}"),
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
            println!("first: {}", first.code());
            return app("serve").run().await;
        }
        app(&case).run().await
    });
    println!("after run: {}", exit.code());
    if own_code {
        return ExitCode::from(123);
    }
    std::process::Termination::report(exit)
}
