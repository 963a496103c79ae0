//! What an app consists of and what its hooks do, as plain data.

use std::time::Duration;

use bootstrap::App;

use crate::actor;
use crate::ledger::{APP, Hook, Ledger};

/// What a hook does in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    Error,
    Panic,
    Hang,
    /// Asks the app to stop, goes on for so many milliseconds, and returns `Ok`.
    Shutdown(u64),
}

/// What a hook does: waits for so many milliseconds first, not at all for 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub wait: u64,
    pub fault: Fault,
}

impl Step {
    pub fn takes(wait: u64) -> Self {
        Self {
            wait,
            fault: Fault::None,
        }
    }
}

/// Which hooks a plugin has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// All, and a state.
    #[default]
    Full,
    /// `load` and `close`.
    Thin,
    /// A closure: only `load`.
    Bare,
}

#[derive(Clone, Debug, Default)]
pub struct Script {
    pub kind: Kind,
    pub load: Step,
    /// What it leaves to be done before it waits for the first time.
    pub early: Vec<Step>,
    /// What it leaves to be done right before its `load` ends, unless that fails.
    pub late: Vec<Step>,
    pub ready: Step,
    /// What its `run` does; without it, it waits until it has to stop.
    pub run: Option<Step>,
    /// How long it takes to stop.
    pub linger: u64,
    /// Whether its `load` spawns a task, which takes as long to stop.
    pub spawns: bool,
    pub drain: Step,
    pub close: Step,
    /// A limit of its own, of a full plugin.
    pub limit: Option<u64>,
    pub close_limit: Option<u64>,
}

/// One app, and what is done with it. All times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Case {
    /// For each plugin those that it needs, all of smaller numbers.
    pub needs: Vec<Vec<usize>>,
    pub scripts: Vec<Script>,
    /// How many hooks may run at a time; 0 for any number.
    pub concurrency: usize,
    pub load_limit: Option<u64>,
    pub hook_limit: Option<u64>,
    pub boot_limit: Option<u64>,
    pub close_limit: Option<u64>,
    /// Whether the app has hooks of its own.
    pub app_hooks: bool,
    /// When somebody outside asks it to stop.
    pub shutdown_at: Option<u64>,
    /// How long it is left alone once it has booted.
    pub hold: u64,
}

pub fn name(node: usize) -> String {
    format!("p{node:02}")
}

/// The node that a message is about; a task belongs to its plugin.
pub fn number(name: &str) -> usize {
    let plugin = name.split('/').next().unwrap();
    plugin
        .strip_prefix('p')
        .map_or(APP, |it| it.parse().unwrap())
}

impl Case {
    pub fn new(needs: Vec<Vec<usize>>, scripts: Vec<Script>) -> Self {
        Self {
            needs,
            scripts,
            concurrency: 0,
            load_limit: None,
            hook_limit: None,
            boot_limit: None,
            close_limit: None,
            app_hooks: false,
            shutdown_at: None,
            hold: 2,
        }
    }

    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    /// The app, not booted.
    pub fn app(&self, ledger: &Ledger) -> App {
        let mut app = self.limited(App::new());
        if self.app_hooks {
            app = with_hooks(app, ledger);
        }
        actor::register(&mut app, self, ledger);
        app
    }

    fn limited(&self, mut app: App) -> App {
        if self.concurrency > 0 {
            app = app.max_concurrency(self.concurrency);
        }
        if let Some(limit) = self.load_limit {
            app = app.load_timeout(millis(limit));
        }
        if let Some(limit) = self.hook_limit {
            app = app.close_timeout(millis(limit));
        }
        if let Some(limit) = self.boot_limit {
            app = app.boot_timeout(millis(limit));
        }
        if let Some(limit) = self.close_limit {
            app = app.shutdown_timeout(millis(limit));
        }
        app
    }
}

fn with_hooks(app: App, ledger: &Ledger) -> App {
    let act = |hook| {
        let (ledger, alive) = (ledger.clone(), ledger.closure());
        move |_| async move {
            let span = ledger.span(APP, hook);
            tokio::time::sleep(millis(1)).await;
            span.done();
            drop(alive);
            Ok(())
        }
    };
    app.on_start(act(Hook::Start)).on_close(act(Hook::AppClose))
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
