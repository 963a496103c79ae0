//! Each kind of mistake is found, named, and found again from its case.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::plugin_fn;
use bootstrap::prelude::*;
use bootstrap::testing::{Exploration, Finding, FindingKind, Resource, explore, resource};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::plugins::{Database, Http, Pool, service};
use crate::record::said;

/// The first finding of a kind, which is there, and is there again if only its case is run.
#[track_caller]
fn found(app: fn() -> App, kind: FindingKind) -> Finding {
    let report = explore(app).deadline(Duration::from_millis(500)).run();
    let is_it = |finding: &&Finding| finding.kind == kind;
    let Some(finding) = report.findings.iter().find(is_it) else {
        panic!("no {kind}: {report}");
    };
    let again = explore(app)
        .deadline(Duration::from_millis(500))
        .only(&finding.cases[0])
        .run();
    let same = |it: &Finding| it.kind == kind && it.text == finding.text;
    assert!(again.findings.iter().any(same), "not again: {again}");
    assert_eq!(again.ran, 1);
    finding.clone()
}

fn about(finding: &Finding) -> (Option<&str>, &str) {
    (finding.plugin.as_deref(), &finding.text)
}

#[plugin(collect = never)]
struct Forgets;

impl Hooks for Forgets {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        std::mem::forget(resource("socket"));
        Ok(())
    }
}

#[test]
fn a_resource_that_is_never_closed() {
    let finding = found(|| service().with(Forgets), FindingKind::LeftOpen);
    assert_eq!(
        about(&finding),
        (Some("forgets"), "the resource `socket` was never closed")
    );
    assert_eq!(finding.cases[0], "1:none");
}

/// Leaks only if a load that comes after its own goes wrong midway.
#[plugin(collect = never)]
struct HalfWay;

impl Hooks for HalfWay {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let socket = std::mem::ManuallyDrop::new(resource("socket"));
        sleep(Duration::from_millis(1)).await;
        drop(std::mem::ManuallyDrop::into_inner(socket));
        Ok(())
    }
}

#[test]
fn a_resource_that_is_left_behind_when_a_load_is_cut_off() {
    let finding = found(|| service().with(HalfWay), FindingKind::LeftOpen);
    assert_eq!(
        about(&finding),
        (Some("half-way"), "the resource `socket` was never closed")
    );
    assert!(!finding.cases.contains(&"1:none".to_owned()), "{finding}");
}

static KEPT: Mutex<Vec<State<Pool>>> = Mutex::new(Vec::new());

#[plugin(collect = never)]
struct Keeps {
    pool: State<Pool>,
}

impl Hooks for Keeps {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(self.pool.clone());
        Ok(())
    }
}

#[test]
fn a_state_that_is_held_for_ever() {
    let keeps = || App::new().with(Database).with(Keeps::default());
    let finding = found(keeps, FindingKind::LeftOpen);
    let text = "the state `Pool` is still held when the app has ended";
    assert_eq!(about(&finding), (Some("database"), text));
}

trait Mailer: Send + Sync {}

struct Smtp;
impl Mailer for Smtp {}

static MAILERS: Mutex<Vec<Arc<dyn Mailer>>> = Mutex::new(Vec::new());

#[plugin(ports = [dyn Mailer], collect = never)]
struct Mail;

impl Hooks for Mail {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Smtp))
    }
}

#[plugin(collect = never)]
struct KeepsMailer {
    mailer: Port<dyn Mailer>,
}

impl Hooks for KeepsMailer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let mut kept = MAILERS.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(Port::to_arc(&self.mailer));
        Ok(())
    }
}

#[test]
fn what_is_kept_of_a_port_for_ever() {
    let keeps = || App::new().with(Mail).with(KeepsMailer::default());
    let finding = found(keeps, FindingKind::LeftOpen);
    let text = "the port `dyn Mailer` is still held when the app has ended";
    assert_eq!(about(&finding), (Some("mail"), text));
}

#[test]
fn a_supplied_state_that_nobody_else_had_and_is_held_for_ever() {
    let keeps = || {
        let pool = Pool(resource("connection"));
        App::new().supply(pool).with(Keeps::default())
    };
    let finding = found(keeps, FindingKind::LeftOpen);
    let text = "the state `Pool` is still held when the app has ended";
    assert_eq!(about(&finding), (Some("supplied Pool"), text));
}

#[test]
fn a_task_that_outlives_the_app() {
    let spawns = || {
        let mut app = App::new();
        app.register(plugin_fn("spawns", async |_| {
            tokio::spawn(std::future::pending::<()>());
            Ok(())
        }));
        app
    };
    let finding = found(spawns, FindingKind::LeftOpen);
    let text = "1 task still alive when the app has ended";
    assert_eq!(about(&finding), (None, text));
    explore(spawns).allow_tasks(1).check();
}

/// A state that closes itself when it is dropped, although its plugin has.
struct Connection(Resource);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Twice(Connection);

#[plugin(name = "twice", states = [Twice], collect = never)]
struct ClosesTwice;

impl Hooks for ClosesTwice {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Twice> {
        Ok(Twice(Connection(resource("connection"))))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().0.0.close();
        Ok(())
    }
}

#[test]
fn a_resource_that_is_closed_twice() {
    let finding = found(|| service().with(ClosesTwice), FindingKind::ClosedTwice);
    let text = "the resource `connection` is closed a second time";
    assert_eq!(about(&finding), (Some("twice"), text));
}

/// Closes what is not its own.
#[plugin(collect = never)]
struct Hasty {
    pool: State<Pool>,
}

impl Hooks for Hasty {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.pool.0.close();
        Ok(())
    }
}

#[test]
fn a_resource_that_is_closed_while_somebody_depends_on_it() {
    let hasty = || {
        App::new()
            .with(Database)
            .with(Http::default())
            .with(Hasty::default())
    };
    let finding = found(hasty, FindingKind::OutOfOrder);
    let text = "the resource `connection` is closed while `hasty`, `http`, which depend on it, are \
                still open";
    assert_eq!(about(&finding), (Some("database"), text));
}

/// Its drain waits for something that never comes.
#[plugin(collect = never)]
struct Waits {
    #[local]
    done: Notify,
}

impl Hooks for Waits {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        cx.stopped().await;
        self.done.notify_one();
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.done.notified().await;
        Ok(())
    }
}

#[test]
fn a_hook_that_waits_for_ever() {
    let finding = found(|| service().with(Waits::default()), FindingKind::Hung);
    let text = "its `drain` did not end: it was cut by its limit";
    assert_eq!(about(&finding), (Some("waits"), text));
}

#[test]
fn a_boot_that_waits_for_ever() {
    let hangs = || {
        let mut app = App::new();
        app.register(plugin_fn("sleepy", async |_| std::future::pending().await));
        app
    };
    let finding = found(hangs, FindingKind::Hung);
    let text = "the boot has not ended after 3600 s: `load` of `sleepy` still runs";
    assert_eq!(about(&finding), (None, text));
}

#[test]
fn a_hook_that_holds_its_thread() {
    let blocks = || {
        let mut app = App::new();
        app.register(plugin_fn("blocks", async |_| {
            std::thread::park_timeout(Duration::from_secs(3));
            Ok(())
        }));
        app
    };
    let finding = found(blocks, FindingKind::Hung);
    let text = "it has not ended after 500 ms of real time: `load` of `blocks` still runs";
    assert_eq!(about(&finding), (None, text));
}

/// Takes for granted that it was ready.
#[plugin(collect = never)]
struct Trusting {
    #[local]
    greeting: std::sync::OnceLock<&'static str>,
}

impl Hooks for Trusting {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        let _ = self.greeting.set("hello");
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        let greeting = self.greeting.get();
        assert_eq!(greeting, Some(&"hello"));
        Ok(())
    }
}

#[test]
fn a_close_that_panics_if_the_boot_got_no_further() {
    let finding = found(
        || service().with(Trusting::default()),
        FindingKind::Panicked,
    );
    assert_eq!(about(&finding), (Some("trusting"), "its `close` panicked"));
}

#[test]
fn an_app_that_fails_by_itself() {
    let fails = || {
        let mut app = App::new();
        app.register(plugin_fn("config", async |_| anyhow::bail!("no such file")));
        app
    };
    let finding = found(fails, FindingKind::Failed);
    let text = "the boot fails: [config] Plugin load failed: no such file";
    assert_eq!(about(&finding), (None, text));
}

#[test]
fn a_report_says_what_is_wrong_when_and_how_to_see_it_again() {
    let check = || explore(|| App::new().with(HalfWay)).check();
    assert_eq!(
        said(check),
        "1 finding in 34 cases, with the seed 1\n\
         \n\
         left open: [half-way] the resource `socket` was never closed\n  \
           when: `load` of `half-way` fails, where it waits for the first time\n  \
           again: BOOTSTRAP_EXPLORE=\"1:half-way:load:fail-midway\"\n  \
           also: in 5 other cases\n\
         \n\
         help: run this one test with the variable set as `again` says: it repeats exactly that \
         case"
    );
}

#[test]
fn a_report_is_data() {
    let report: Exploration = explore(|| App::new().with(HalfWay)).run();
    let finding = &report.findings[0];
    assert_eq!(finding.kind, FindingKind::LeftOpen);
    assert_eq!(finding.cases.len(), 6);
    assert!(!report.is_clean());
}

/// A plugin by hand, that is asked for its states by hand: the kit delegates everything.
struct ByHand(Option<State<Pool>>);

#[bootstrap::extend::async_trait]
impl Plugin for ByHand {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("by-hand").provides::<u8>()
    }

    fn fields(&mut self, fields: &mut bootstrap::extend::Fields<'_>) {
        fields.field("pool", &mut self.0);
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        anyhow::ensure!(self.0.is_some(), "the pool is there");
        Ok(States::new().with(7_u8))
    }
}

#[test]
fn a_plugin_that_is_implemented_by_hand_is_explored_like_others() {
    explore(|| App::new().with(Database).with(ByHand(None))).check();
}

#[test]
fn a_use_of_the_app_that_hangs_or_panics() {
    let hangs = || {
        explore(service)
            .using(|_| std::future::pending())
            .runs(1)
            .run()
    };
    let text = "the use of the app has not ended after 3600 s: `run` of `http` still runs";
    assert_eq!(about(&hangs().findings[0]), (None, text));

    let panics = || explore(service).using(|_| async { panic!("no answer") });
    let text = "the use of the app panicked: no answer";
    assert_eq!(about(&panics().runs(1).run().findings[0]), (None, text));
}
