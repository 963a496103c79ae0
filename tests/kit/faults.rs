//! Faults: every kind, in every hook, at every moment, and those that can't be.

use std::time::Duration;

use bootstrap::lifecycle::Phase;
use bootstrap::prelude::*;
use bootstrap::testing::{Fault, FaultPoint, paused};
use bootstrap::{Supervision, plugin_fn, plugin_with};
use tokio::time::Instant;

use crate::plugins::{Database, Http, service};

const PHASES: [Phase; 5] = [
    Phase::Load,
    Phase::Ready,
    Phase::Run,
    Phase::Drain,
    Phase::Close,
];

/// The first line of what boot or close said about a fault in `http`.
async fn outcome(fault: Fault) -> String {
    let running = match service().fault(fault).boot().await {
        Ok(running) => running,
        Err(error) => return error.to_string(),
    };
    tokio::time::sleep(Duration::from_millis(1)).await;
    match running.close().await {
        Ok(_) => "closed".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_hook_can_fail() {
    paused(async {
        for phase in PHASES {
            let said = outcome(Fault::at("http", phase).fail("disk full")).await;
            assert_eq!(said, format!("[http] Plugin {phase} failed: disk full"));
        }
    });
}

#[test]
fn every_hook_can_panic() {
    paused(async {
        for phase in PHASES {
            let said = outcome(Fault::at("http", phase).panic("boom")).await;
            assert_eq!(
                said,
                format!("[http] Plugin {phase} failed: panicked: boom")
            );
        }
    });
}

#[test]
fn every_hook_can_hang_until_its_time_is_up() {
    paused(async {
        for phase in PHASES {
            let app = service()
                .load_timeout(Duration::from_secs(3))
                .close_timeout(Duration::from_secs(3))
                .fault(Fault::at("http", phase).hang());
            let said = match app.boot().await {
                Err(error) => error.to_string(),
                Ok(running) => running.close().await.unwrap_err().to_string(),
            };
            assert!(said.starts_with("[http] Plugin "), "{said}");
            assert!(said.contains("timed out after 3 s"), "{said}");
        }
    });
}

#[test]
fn a_hook_can_take_long_and_goes_on() {
    paused(async {
        for phase in PHASES {
            let (began, minute) = (Instant::now(), Duration::from_secs(9));
            let said = outcome(Fault::at("http", phase).take(minute)).await;
            assert_eq!(said, "closed", "{phase}");
            assert!(began.elapsed() >= minute, "{phase}");
        }
    });
}

#[test]
fn a_hook_can_hold_its_thread() {
    paused(async {
        let (began, moment) = (std::time::Instant::now(), Duration::from_millis(20));
        let said = outcome(Fault::at("http", Phase::Load).block(moment)).await;
        assert_eq!(said, "closed");
        assert!(began.elapsed() >= moment);
    });
}

/// Notes how far it gets.
#[plugin(collect = never)]
struct Steps {
    #[option]
    trace: support::Trace,
}

impl Hooks for Steps {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace.add("begins");
        tokio::task::yield_now().await;
        self.trace.add("ends");
        Ok(())
    }
}

fn steps(at: impl FnOnce(FaultPoint) -> FaultPoint) -> Vec<String> {
    let trace = support::Trace::new();
    let steps = Steps {
        trace: trace.clone(),
    };
    let fault = at(Fault::of::<Steps>(Phase::Load)).fail("no");
    let booted = paused(App::new().with(steps).fault(fault).boot());
    assert_eq!(
        booted.unwrap_err().to_string(),
        "[steps] Plugin load failed: no"
    );
    trace.events()
}

#[test]
fn a_fault_happens_before_midway_or_afterwards() {
    assert_eq!(steps(|at| at), Vec::<String>::new());
    assert_eq!(steps(FaultPoint::midway), ["begins"]);
    assert_eq!(steps(FaultPoint::afterwards), ["begins", "ends"]);
}

#[test]
fn a_hook_that_never_waits_has_no_middle() {
    paused(async {
        let said = outcome(Fault::at("http", Phase::Load).midway().fail("no")).await;
        assert_eq!(said, "closed");
    });
}

#[test]
fn a_fault_can_happen_only_so_often() {
    paused(async {
        let mut app = App::new();
        app.register(Database).retry(bootstrap::Retry::attempts(3));
        let record = app.record();
        let app = app.fault(Fault::of::<Database>(Phase::Load).fail("not yet").times(2));
        app.boot().await.unwrap().close().await.unwrap();
        record.phase(Phase::Load).ended().assert_eq([
            "database: load failed",
            "database: load failed",
            "database: load done",
        ]);
    });
}

#[test]
fn faults_happen_in_children_and_collected_plugins_too() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("server", async |cx| {
            cx.register(Database);
            Ok(())
        }));
        let fault = Fault::at("server/database", Phase::Load).fail("no");
        let error = app.fault(fault).boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[server/database] Plugin load failed: no"
        );

        // Pulled in by what needs it.
        let app = App::only(Sprout::default()).fault(Fault::at("garden", Phase::Load).fail("dry"));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.to_string(), "[garden] Plugin load failed: dry");
    });
}

pub struct Seed;

#[plugin(states = [Seed])]
struct Garden;

impl Hooks for Garden {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Seed> {
        Ok(Seed)
    }
}

#[plugin]
struct Sprout {
    seed: State<Seed>,
}

impl Hooks for Sprout {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let Seed = *self.seed;
        Ok(())
    }
}

#[test]
fn a_restarted_plugin_keeps_its_fault() {
    paused(async {
        let fault = Fault::at("http", Phase::Close).fail("stuck");
        let running = service().fault(fault).boot().await.unwrap();
        running.handle().restart("database").await.unwrap();
        let error = running.close().await.unwrap_err();
        assert_eq!(error.to_string(), "[http] Plugin close failed: stuck");
    });
}

/// What a boot says that did not become anything because of a fault that could not be.
fn refused(fault: Fault) -> String {
    let error = paused(service().fault(fault).boot()).unwrap_err();
    error.to_string()
}

#[test]
fn a_fault_without_a_plugin_is_an_error() {
    assert_eq!(
        refused(Fault::at("databse", Phase::Load).fail("no")),
        "[app] Plugin on-loaded failed: a fault is to happen in `load` of `databse`, and no plugin \
         is called so; did you mean `database`?"
    );
    assert_eq!(
        refused(Fault::at("mailer", Phase::Close).hang()),
        "[app] Plugin on-loaded failed: a fault is to happen in `close` of `mailer`, and no plugin \
         is called so"
    );
    assert_eq!(
        refused(Fault::of::<Steps>(Phase::Load).hang()),
        "[app] Plugin on-loaded failed: a fault is to happen in `load` of a `Steps`, and there is \
         none"
    );
}

#[test]
fn a_fault_at_a_part_of_a_name_offers_the_whole() {
    let said = |at: &'static str| {
        let mut app = App::new();
        app.register(plugin_fn("server", async |cx| {
            cx.register(Database);
            Ok(())
        }));
        app.register(Steps::default());
        app.register(Steps::default());
        let booted = paused(app.fault(Fault::at(at, Phase::Load).hang()).boot());
        let said = booted.unwrap_err().to_string();
        let (_, near) = said.split_once("; ").unwrap_or_default();
        near.to_owned()
    };
    assert_eq!(said("database"), "did you mean `server/database`?");
    assert_eq!(said("databse"), "did you mean `server/database`?");
    assert_eq!(said("steps"), "did you mean one of `steps#1`, `steps#2`?");
    assert_eq!(said("mailer"), "");
}

#[test]
fn a_fault_that_can_not_be_shows_where_it_was_asked_for() {
    for phase in [Phase::Load, Phase::Drain] {
        let line = line!() + 1;
        let fault = Fault::at(
            if phase == Phase::Load {
                "x"
            } else {
                "database"
            },
            phase,
        );
        let error = paused(service().fault(fault.hang()).boot()).unwrap_err();
        let place = format!("--> {}:{line}\n", file!());
        let all = error.render();
        assert!(all.contains(&place), "{all}");
    }
}

/// What the configuration says is told to it before each load.
#[plugin(collect = never, retry = 3)]
struct Sized {
    #[option(config = "size", default = 0)]
    size: u32,
    #[option]
    seen: support::Trace,
}

impl Hooks for Sized {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.seen.add(self.size.to_string());
        Ok(())
    }
}

#[test]
fn a_plugin_with_a_fault_is_configured_when_it_loads_again() {
    let seen = support::Trace::new();
    let trace = seen.clone();
    paused(async move {
        let mut app = App::new().configure(bootstrap::Configuration::new().set("size", 5));
        let pool = app.register(Database);
        app.register(plugin_with(
            pool.handle(),
            move |_: State<crate::plugins::Pool>| Sized {
                seen: trace.clone(),
                ..Sized::default()
            },
        ));
        let app = app.fault(Fault::at("sized", Phase::Load).fail("once").times(1));
        let running = app.boot().await.unwrap();
        running.handle().restart("sized").await.unwrap();
        running.close().await.unwrap();
    });
    assert_eq!(seen.events(), ["5", "5"]);
}

#[test]
fn a_fault_in_a_hook_that_the_plugin_does_not_have_is_an_error() {
    assert_eq!(
        refused(Fault::at("database", Phase::Drain).fail("no")),
        "[app] Plugin on-loaded failed: a fault is to happen in `drain` of `database`, which has no \
         such hook"
    );
    assert_eq!(
        refused(Fault::at("database", Phase::Stop).fail("no")),
        "[app] Plugin on-loaded failed: a fault is to happen at `database` in the phase `stop`: \
         faults are for `load`, `ready`, `run`, `drain` and `close`"
    );
}

#[test]
fn a_fault_behind_one_that_happens_every_time_is_an_error() {
    let twice = |first: Fault| {
        let app = service().fault(first);
        let second = Fault::at("database", Phase::Close).fail("never seen");
        paused(async { app.fault(second).boot().await.map(drop) })
    };
    let always = || Fault::of::<Database>(Phase::Close).fail("always");
    assert_eq!(
        twice(always()).unwrap_err().to_string(),
        "[app] Plugin on-loaded failed: a fault is to happen in `close` of `database`, where an \
         earlier one happens every time: limit that one with `Fault::times`"
    );
    twice(always().times(1)).unwrap();
    twice(Fault::at("database", Phase::Load).take(Duration::from_secs(1))).unwrap();
}

#[test]
fn a_fault_in_background_work_that_is_left_out_is_an_error() {
    let app = service()
        .without_tasks()
        .fault(Fault::at("http", Phase::Run).fail("no"));
    let error = paused(app.boot()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[app] Plugin on-loaded failed: a fault is to happen in `run` of `http`, and \
         `App::without_tasks` starts no `run` hook"
    );
}

#[test]
fn supervision_sees_a_fault_as_any_other_end() {
    paused(async {
        let mut app = App::new().with(Database);
        let ignored = Supervision::new().on_panic(bootstrap::Policy::Ignore);
        app.register(Http::default()).supervise(ignored);
        let running = app
            .fault(Fault::at("http", Phase::Run).panic("boom"))
            .boot()
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(running.status(), bootstrap::lifecycle::Status::Ready);
        running.close().await.unwrap();
    });
}
