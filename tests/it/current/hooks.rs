//! Where the current app is: in everything that runs for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::bail;
use bootstrap::prelude::*;
use bootstrap::{Policy, Restart, Supervision, plugin_fn};
use support::{Trace, paused, threaded};

use super::note_hook;

/// Notes whose hook runs in each of them, before and after it has waited.
#[plugin(name = "far", collect = never)]
struct Far {
    #[option]
    trace: Trace,
}

async fn note(trace: &Trace) {
    note_hook(trace);
    tokio::time::sleep(Duration::from_millis(1)).await;
    note_hook(trace);
}

impl Hooks for Far {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let (ready, close) = (self.trace.clone(), self.trace.clone());
        cx.on_ready(async move |_| {
            note_hook(&ready);
            Ok(())
        });
        cx.on_close(async move |_| {
            note_hook(&close);
            Ok(())
        });
        note(&self.trace).await;
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        note(&self.trace).await;
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        note(&self.trace).await;
        cx.stopped().await;
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        note(&self.trace).await;
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        note(&self.trace).await;
        Ok(())
    }
}

/// R23: no hook hands anything to the code that asks.
#[test]
fn every_hook_of_a_plugin_is_in_its_app_and_in_itself() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Far {
            trace: trace.clone(),
        });
        let running = app.boot().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "far: load",
                "far: load",
                "far: ready",
                "far: ready",
                "far: on-ready",
                "far: run",
                "far: run",
                "far: drain",
                "far: drain",
                "far: close",
                "far: close",
                "far: close",
            ]
        );
    });
}

#[test]
fn hooks_of_the_app_and_barriers_are_in_it() {
    paused(async {
        let trace = Trace::new();
        let noted = || {
            let trace = trace.clone();
            move || note_hook(&trace)
        };
        let (after, on_loaded, ready) = (noted(), noted(), noted());
        let (start, error, close) = (noted(), noted(), noted());
        let app = App::new()
            .on_loaded(async move |_| {
                on_loaded();
                Ok(())
            })
            .on_ready(async move |_| {
                ready();
                Ok(())
            })
            .on_start(async move |_| {
                start();
                Ok(())
            })
            .on_error(move |_| {
                error();
                async { Ok(()) }
            })
            .on_close(async move |_| {
                close();
                bail!("sore")
            })
            .barrier(async move |_| {
                after();
                Ok(())
            });
        app.boot().await.unwrap().close().await.unwrap_err();
        assert_eq!(
            trace.events(),
            [
                "barrier: load",
                "app: on-loaded",
                "app: on-ready",
                "app: start",
                "app: close",
                "None, None",
            ]
        );
    });
}

/// Registers a plugin, and waits for it.
#[plugin(name = "parent", collect = never)]
struct Parent {
    #[option]
    trace: Trace,
}

impl Hooks for Parent {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        note_hook(&self.trace);
        let trace = self.trace.clone();
        cx.register(plugin_fn("child", async move |_| {
            note_hook(&trace);
            tokio::task::yield_now().await;
            note_hook(&trace);
            Ok(())
        }))
        .await?;
        note_hook(&self.trace);
        Ok(())
    }
}

#[test]
fn a_child_is_in_its_own_hook_and_its_parent_in_its_own() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Parent {
            trace: trace.clone(),
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            [
                "parent: load",
                "parent/child: load",
                "parent/child: load",
                "parent: load"
            ]
        );
    });
}

/// Spawns tasks, of which one fails once.
#[plugin(name = "crew", collect = never)]
struct Crew {
    #[option]
    trace: Trace,
}

impl Hooks for Crew {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let trace = self.trace.clone();
        cx.spawn("once", async move |_| {
            note_hook(&trace);
            Ok(())
        });
        let (trace, runs) = (self.trace.clone(), Arc::new(AtomicU32::new(0)));
        let restart = Policy::Restart(Restart::at_most(3, Duration::from_mins(1)));
        let supervision = Supervision::new().on_error(restart);
        cx.supervise("again", supervision, move |_| {
            let (trace, runs) = (trace.clone(), Arc::clone(&runs));
            async move {
                note_hook(&trace);
                match runs.fetch_add(1, Ordering::Relaxed) {
                    0 => bail!("once"),
                    _ => Ok(()),
                }
            }
        });
        Ok(())
    }
}

#[test]
fn tasks_are_in_their_app_also_when_they_start_again() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Crew {
            trace: trace.clone(),
        });
        let running = app.boot().await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        running.close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["crew/once: run", "crew/again: run", "crew/again: run"]
        );
    });
}

/// Fails at its first attempt, which leaves something to be done.
#[plugin(name = "tries", collect = never, retry = 2)]
struct Tries {
    #[option]
    trace: Trace,
    #[option]
    attempts: Arc<AtomicU32>,
}

impl Hooks for Tries {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        note_hook(&self.trace);
        if self.attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            let trace = self.trace.clone();
            cx.on_close(async move |_| {
                note_hook(&trace);
                Ok(())
            });
            bail!("not yet");
        }
        Ok(())
    }
}

#[test]
fn what_a_failed_attempt_has_left_to_be_done_is_no_load() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Tries {
            trace: trace.clone(),
            ..Tries::default()
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(
            trace.events(),
            ["tries: load", "tries: close", "tries: load"]
        );
    });
}

/// Notes where its states are dropped.
struct Dropped(Trace);

impl Drop for Dropped {
    fn drop(&mut self) {
        note_hook(&self.0);
    }
}

#[plugin(name = "owner", collect = never, states = [Dropped])]
struct Owner {
    #[option]
    trace: Trace,
}

impl Hooks for Owner {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Dropped> {
        Ok(Dropped(self.trace.clone()))
    }
}

#[test]
fn a_state_is_dropped_in_the_close_of_its_plugin() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Owner {
            trace: trace.clone(),
        });
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["owner: close"]);
    });
}

/// Drivers of one pass are on several threads, and each polls many hooks in turn.
#[test]
fn hooks_that_take_turns_are_each_in_their_own() {
    let test = async || {
        let mut app = App::new();
        for number in 0..300 {
            let name = format!("p{number}");
            app.register(plugin_fn(name.clone(), async move |_| {
                for _ in 0..5 {
                    assert_eq!(bootstrap::Current::try_current()?.name().unwrap(), *name);
                    tokio::time::sleep(Duration::from_micros(number % 7)).await;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }));
        }
        app.boot().await.unwrap().close().await.unwrap();
    };
    paused(test());
    threaded(test());
}
