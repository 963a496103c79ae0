//! One run of an app: booted and closed, with one thing that goes wrong.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle as Tokio;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::app::{App, Running};
use crate::base::panic::{self, guard_future};
use crate::base::text;
use crate::boot::{BootError, BootErrorKind};
use crate::life::ShutdownReason;
use crate::report::HookError;
use crate::testing::case::{Case, Trouble};
use crate::testing::fault::Fault;
use crate::testing::finding::{FindingKind, Fresh};
use crate::testing::inject::Injector;
use crate::testing::paused::{Paused, Waits};
use crate::testing::watch::{Hook, Watch, enter_run};

/// How often to look whether a runtime waits.
const LOOKS: usize = 5;

/// Makes the app anew for each run.
pub(super) type Factory = Arc<dyn Fn() -> App + Send + Sync>;

/// Uses the app while it runs.
pub(super) type Visit = Arc<dyn Fn(&Running) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync>;

/// What all runs have in common.
#[derive(Clone)]
pub(super) struct Settings {
    /// How long something may take on the clock that stands still.
    pub(super) patience: Duration,
    /// How long the app runs, on that clock.
    pub(super) runs_for: Duration,
    /// What is done with it meanwhile.
    pub(super) visit: Option<Visit>,
    /// How long a run may take in real time.
    pub(super) deadline: Duration,
    /// For apps with sockets and threads of their own.
    pub(super) idle: Option<Duration>,
    /// How many tasks may be left when the app has ended.
    pub(super) tasks: usize,
}

/// What a run has found.
pub(super) struct Ran {
    pub(super) findings: Vec<Fresh>,
    pub(super) hooks: Vec<Hook>,
    /// Whether the fault of the case has happened, if it has one.
    pub(super) has_happened: bool,
    /// Whether it had to be left behind.
    pub(super) is_stuck: bool,
}

/// Runs one case on a thread of its own, which is left behind if it does not end.
pub(super) fn run(factory: &Factory, case: &Case, settings: &Settings) -> Ran {
    let trouble = case.trouble.as_ref();
    let fault = trouble.map(Trouble::fault);
    let watch = Watch::new(trouble.map(|trouble| (trouble.plugin.clone(), trouble.phase)));
    let (done, over) = channel();
    let waits = Arc::new(OnceLock::new());
    let thread = {
        let (watch, factory, waits) = (Arc::clone(&watch), Arc::clone(factory), Arc::clone(&waits));
        let (case, settings, fault) = (case.clone(), settings.clone(), fault.clone());
        thread::spawn(move || {
            enter_run(&watch);
            let one = One {
                case,
                fault,
                settings: settings.clone(),
                watch,
            };
            let paused = Paused::new(settings.idle);
            let _ = waits.set(paused.waits());
            paused.block_on(one.run(&factory));
            let _ = done.send(());
        })
    };
    let ended = over.recv_timeout(settings.deadline);
    let is_stuck = ended == Err(RecvTimeoutError::Timeout);
    if is_stuck {
        let limit = text::duration(settings.deadline);
        let at = watch.where_it_stands();
        let text = match waits.get() {
            Some(waits) if is_held_up(waits) => format!(
                "a blocking task (`spawn_blocking`, `tokio::fs`) has not ended after {limit} of \
                 real time, and keeps the clock from moving, so that no limit passes either: {at}; \
                 await it in a hook, or see `Explore::deadline` if it only takes long, and \
                 `Explore::with_io` for what waits for the world outside"
            ),
            _ => format!("it has not ended after {limit} of real time: {at}"),
        };
        watch.find(FindingKind::Hung, None, text);
    } else if let Err(payload) = thread.join() {
        // What it tore down with it is no mistake of the app.
        drop(watch.take_findings());
        let text = format!("a panic outside of all hooks: {}", panic::message(payload));
        watch.find(FindingKind::Panicked, None, text);
    }
    Ran {
        findings: watch.take_findings(),
        hooks: watch.hooks(),
        has_happened: fault.is_none_or(|fault| fault.has_happened()),
        is_stuck,
    }
}

/// All errors, in one line.
fn all_of(errors: &[HookError]) -> String {
    let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// Whether a runtime waits for a clock that does not move: there is always a timer in a run, so
/// only what keeps the clock from moving can hold it up.
fn is_held_up(waits: &Waits) -> bool {
    let look = |_: &usize| {
        thread::park_timeout(Duration::from_millis(1));
        waits()
    };
    // It looks at its timers now and then.
    (0..LOOKS).filter(look).count() > LOOKS / 2
}

struct One {
    case: Case,
    /// What goes wrong in it.
    fault: Option<Fault>,
    settings: Settings,
    watch: Arc<Watch>,
}

impl One {
    async fn run(self, factory: &Factory) {
        let mut app = factory();
        let watch = Arc::clone(&self.watch);
        app.settings.observers.add(watch);
        let rig = &mut app.settings.rig;
        rig.seed = Some(self.case.seed);
        Injector::explore(rig, Arc::clone(&self.watch), self.fault.clone());
        self.live(app).await;
        self.settle().await;
        let trouble = self.case.trouble.as_ref();
        let excused = trouble.filter(|trouble| trouble.cuts_cleaning());
        let excused = excused.map(|trouble| trouble.plugin.as_str());
        self.watch.find_what_is_left(excused);
        let tasks = Tokio::current().metrics().num_alive_tasks();
        if tasks > self.settings.tasks {
            let tasks = text::count(tasks, "task");
            let text = format!("{tasks} still alive when the app has ended");
            self.find(FindingKind::LeftOpen, text);
        }
    }

    fn find(&self, kind: FindingKind, text: String) {
        self.watch.find(kind, None, text);
    }

    async fn live(&self, app: App) {
        let Some(booted) = self.boot(app).await else {
            return;
        };
        match booted {
            Ok(running) => self.close(running).await,
            // Nothing has gone wrong on purpose so far.
            Err(error) if !self.has_struck() => self.judge(&error),
            Err(_) => {}
        }
    }

    /// A boot that came to nothing, and was to succeed.
    fn judge(&self, error: &BootError) {
        let (what, text, errors) = match error.kind() {
            // An app that has done what it was for, or was asked to stop because it hung.
            BootErrorKind::Interrupted {
                reason: ShutdownReason::Requested | ShutdownReason::TaskEnded(_),
            } => match error.rollback_errors() {
                [] => return,
                errors => ("the rollback", all_of(errors), errors),
            },
            _ => ("the boot", error.to_string(), error.failures()),
        };
        if !self.watch.has_told(errors) {
            self.find(FindingKind::Failed, format!("{what} fails: {text}"));
        }
    }

    /// Whether something has gone wrong on purpose.
    fn has_struck(&self) -> bool {
        self.fault.as_ref().is_some_and(Fault::has_happened)
    }

    /// Boots; one that hangs is asked to stop. Nothing if that does not help.
    async fn boot(&self, app: App) -> Option<Result<Running, BootError>> {
        let patience = self.settings.patience;
        let handle = app.handle();
        let mut boot = pin!(app.boot());
        if let Ok(booted) = timeout(patience, &mut boot).await {
            return Some(booted);
        }
        if !self.case.trouble.as_ref().is_some_and(Trouble::hangs) {
            self.hangs("the boot");
        }
        handle.shutdown();
        let booted = timeout(patience, &mut boot).await;
        if booted.is_err() {
            self.hangs("a boot that was asked to stop");
        }
        booted.ok()
    }

    fn hangs(&self, what: &str) {
        let (limit, at) = (
            text::duration(self.settings.patience),
            self.watch.where_it_stands(),
        );
        let text = format!("{what} has not ended after {limit}: {at}");
        self.find(FindingKind::Hung, text);
    }

    async fn close(&self, running: Running) {
        let trouble = self.case.trouble.as_ref();
        let missed = trouble.filter(|trouble| trouble.fails_load());
        if let Some(trouble) = missed.filter(|it| self.watch.missed().contains(&it.plugin)) {
            let text = "the boot succeeds, although its `load` has failed".to_owned();
            let kind = FindingKind::BootedAnyway;
            self.watch.find(kind, Some(&trouble.plugin), text);
        }
        sleep(self.settings.runs_for).await;
        self.visit(&running).await;
        match timeout(self.settings.patience, running.close()).await {
            Err(_) => self.hangs("the close"),
            Ok(Err(error)) if trouble.is_none() && !self.watch.has_told(error.errors()) => {
                let text = format!("the close fails: {error}");
                self.find(FindingKind::Failed, text);
            }
            Ok(_) => {}
        }
    }

    async fn visit(&self, running: &Running) {
        let Some(visit) = &self.settings.visit else {
            return;
        };
        let used = guard_future(async { visit(running).await });
        match timeout(self.settings.patience, used).await {
            Err(_) => self.hangs("the use of the app"),
            Ok(Err(message)) => {
                let text = format!("the use of the app panicked: {message}");
                self.find(FindingKind::Panicked, text);
            }
            Ok(Ok(())) => {}
        }
    }

    /// Lets what has to end do so: first on the clock that stands still, then, if something is left,
    /// in real time.
    async fn settle(&self) {
        for round in 0..40 {
            for _ in 0..4 {
                yield_now().await;
            }
            let tasks = Tokio::current().metrics().num_alive_tasks();
            if tasks <= self.settings.tasks && self.watch.is_clean() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
            if round >= 10 {
                thread::park_timeout(Duration::from_millis(2));
            }
        }
    }
}
