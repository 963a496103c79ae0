//! What happened, in order, and what is still alive.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

/// The node of what belongs to the app itself.
pub const APP: usize = 99;

/// Which piece of user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    Load,
    /// Whoever waits for what it has registered, up to this one.
    Wait(usize),
    Loaded,
    Ready,
    Start,
    Run,
    Task,
    Drain,
    AppClose,
    Close,
    CleanUp(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// A clean-up was left to be done.
    Left,
    Began,
    /// A task heard that it has to stop.
    Told,
    /// It returned `Ok`.
    Done,
    /// It ended in any other way, also by being dropped.
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// In milliseconds since the ledger was opened.
    pub at: u64,
    pub node: usize,
    pub hook: Hook,
    pub mark: Mark,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event {
            at,
            node,
            hook,
            mark,
        } = self;
        write!(f, "{at} ms p{node:02} {hook:?} {mark:?}")
    }
}

/// Clones of these are held by what they count.
#[derive(Default)]
struct Alive {
    futures: Arc<()>,
    states: Arc<()>,
    plugins: Arc<()>,
    closures: Arc<()>,
}

/// Shared by everything that happens in one app.
#[derive(Clone)]
pub struct Ledger(Arc<Pages>);

struct Pages {
    events: Mutex<Vec<Event>>,
    alive: Alive,
    opened: Instant,
}

/// Is alive as long as what holds it.
#[derive(Debug)]
pub struct Token(#[expect(dead_code, reason = "it is counted")] Arc<()>);

impl Ledger {
    pub fn open() -> Self {
        Self(Arc::new(Pages {
            events: Mutex::default(),
            alive: Alive::default(),
            opened: Instant::now(),
        }))
    }

    pub fn add(&self, node: usize, hook: Hook, mark: Mark) {
        let at = self.now();
        self.0.events.lock().unwrap().push(Event {
            at,
            node,
            hook,
            mark,
        });
    }

    pub fn events(&self) -> Vec<Event> {
        self.0.events.lock().unwrap().clone()
    }

    /// In milliseconds since the ledger was opened.
    pub fn now(&self) -> u64 {
        let passed = Instant::now().saturating_duration_since(self.0.opened);
        u64::try_from(passed.as_millis()).unwrap()
    }

    pub fn state(&self) -> Token {
        Token(Arc::clone(&self.0.alive.states))
    }

    pub fn plugin(&self) -> Token {
        Token(Arc::clone(&self.0.alive.plugins))
    }

    pub fn closure(&self) -> Token {
        Token(Arc::clone(&self.0.alive.closures))
    }

    /// Notes the beginning of a hook, and its end when it is dropped.
    pub fn span(&self, node: usize, hook: Hook) -> Span {
        self.add(node, hook, Mark::Began);
        Span {
            ledger: self.clone(),
            node,
            hook,
            end: Mark::Broken,
            _alive: Token(Arc::clone(&self.0.alive.futures)),
        }
    }

    /// What outlived the app, in words; empty if nothing did.
    pub fn alive(&self) -> Vec<String> {
        let Alive {
            futures,
            states,
            plugins,
            closures,
        } = &self.0.alive;
        let counts = [
            ("futures", futures),
            ("states", states),
            ("plugins", plugins),
            ("closures", closures),
        ];
        let alive = counts
            .iter()
            .map(|(what, count)| (what, Arc::strong_count(count) - 1))
            .filter(|(_, count)| *count > 0);
        alive
            .map(|(what, count)| format!("{count} {what}"))
            .collect()
    }
}

/// A hook that runs. Lives in its future.
pub struct Span {
    ledger: Ledger,
    node: usize,
    hook: Hook,
    end: Mark,
    _alive: Token,
}

impl Span {
    pub fn note(&self, mark: Mark) {
        self.ledger.add(self.node, self.hook, mark);
    }

    pub fn done(mut self) {
        self.end = Mark::Done;
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.note(self.end);
    }
}
