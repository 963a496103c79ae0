//! What the tests share: a trace of events, a plugin that can be told what to do, a log that can
//! be read, and runtimes with a hard deadline.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bootstrap::extend::{Descriptor, Fields, Plugin, Provides, States};
use bootstrap::prelude::*;
use bootstrap::{App, Registration};

/// A generic plugin without the `load` that its states require does not build where an app uses it. The words are in
/// `ui/hooks/generic_states_without_load.stderr`; `trybuild` checks its cases, and this error comes when a program is built.
///
/// ```compile_fail
/// use bootstrap::prelude::*;
///
/// struct Connections<D>(std::marker::PhantomData<D>);
///
/// #[plugin(states = [Connections<D>], collect = never)]
/// struct Database<D: Send + Sync + 'static> {
///     #[local]
///     driver: std::marker::PhantomData<D>,
/// }
///
/// impl<D: Send + Sync + 'static> Hooks for Database<D> {}
///
/// let _app = App::new().with(Database::<u8>::default());
/// ```
///
/// With it, the same program builds:
///
/// ```
/// # use bootstrap::prelude::*;
/// # struct Connections<D>(std::marker::PhantomData<D>);
/// # #[plugin(states = [Connections<D>], collect = never)]
/// # struct Database<D: Send + Sync + 'static> {
/// #     #[local]
/// #     driver: std::marker::PhantomData<D>,
/// # }
/// impl<D: Send + Sync + 'static> Hooks for Database<D> {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Connections<D>> {
///         Ok(Connections(self.driver))
///     }
/// }
///
/// let _app = App::new().with(Database::<u8>::default());
/// ```
#[cfg(doctest)]
pub struct GenericStatesWithoutLoad;

/// No test takes nearly as long. One that does hangs, and is ended with its whole binary, because
/// a thread that is blocked can't be ended alone.
const HARD_DEADLINE: Duration = Duration::from_mins(2);

/// Runs a test on one thread with a paused clock: waiting takes no time.
///
/// # Panics
///
/// If the runtime can't be built.
pub fn paused<T>(test: impl Future<Output = T>) -> T {
    let _deadline = Deadline::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(test)
}

/// Runs a test on two worker threads with the real clock.
///
/// # Panics
///
/// If the runtime can't be built.
pub fn threaded<T>(test: impl Future<Output = T>) -> T {
    let _deadline = Deadline::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let result = runtime.block_on(test);
    // Some tests leave threads behind that are blocked on purpose.
    runtime.shutdown_background();
    result
}

/// Ends the process if it is not dropped in time.
struct Deadline(#[expect(dead_code, reason = "its drop is the signal")] Sender<()>);

impl Deadline {
    fn start() -> Self {
        let (alive, dropped) = channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        thread::spawn(move || {
            if dropped.recv_timeout(HARD_DEADLINE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} hangs");
                std::process::abort();
            }
        });
        Self(alive)
    }
}

/// An ordered list of what happened.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// An empty trace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event.
    ///
    /// # Panics
    ///
    /// If another test thread panicked while it added one.
    pub fn add(&self, event: impl fmt::Display) {
        self.0.lock().expect("a trace").push(event.to_string());
    }

    /// The events so far.
    ///
    /// # Panics
    ///
    /// If another test thread panicked while it added one.
    pub fn events(&self) -> Vec<String> {
        self.0.lock().expect("a trace").clone()
    }

    /// The events so far, and forgets them.
    ///
    /// # Panics
    ///
    /// If another test thread panicked while it added one.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("a trace"))
    }

    /// Whether `earlier` is in the trace, and before `later`.
    pub fn is_before(&self, earlier: &str, later: &str) -> bool {
        let events = self.events();
        let place = |event: &str| events.iter().position(|other| other == event);
        match (place(earlier), place(later)) {
            (Some(earlier), Some(later)) => earlier < later,
            _ => false,
        }
    }

    /// How often an event is in the trace.
    pub fn count(&self, event: &str) -> usize {
        self.events().iter().filter(|other| *other == event).count()
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events().fmt(f)
    }
}

/// What a hook of a [`Probe`] does.
pub type Act = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// An act of one's own.
pub fn act<F, Fut>(act: F) -> Act
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Arc::new(move || Box::pin(act()))
}

/// Returns `Ok` at once.
pub fn succeeds() -> Act {
    act(async || Ok(()))
}

/// Returns `Ok` after a while.
pub fn takes(millis: u64) -> Act {
    act(move || async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok(())
    })
}

/// Returns an error at once.
pub fn fails(message: &'static str) -> Act {
    act(move || async move { anyhow::bail!(message) })
}

/// Returns an error after a while.
pub fn fails_after(millis: u64, message: &'static str) -> Act {
    act(move || async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        anyhow::bail!(message)
    })
}

/// Panics at once.
#[allow(clippy::missing_panics_doc, reason = "it is what it is for")]
pub fn panics(message: &'static str) -> Act {
    act(move || async move { panic!("{message}") })
}

/// Panics after it has waited.
#[allow(clippy::missing_panics_doc, reason = "it is what it is for")]
pub fn panics_after(millis: u64, message: &'static str) -> Act {
    act(move || async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        panic!("{message}")
    })
}

/// Waits for ever.
pub fn hangs() -> Act {
    act(std::future::pending)
}

/// A plugin that notes what happens to it, and does as it is told.
///
/// Events: `load(a)+` when a hook begins, `load(a)-` when it has returned `Ok`, `drop(a)` when the
/// `load` was dropped before it returned. `ready`, `run` and `drain` are silent unless they were
/// told what to do.
pub struct Probe {
    name: String,
    trace: Trace,
    load: Act,
    ready: Option<Act>,
    run: Option<Act>,
    drain: Option<Act>,
    close: Act,
    load_timeout: Option<Duration>,
    close_timeout: Option<Duration>,
    links: Option<Vec<State<Link>>>,
}

/// What a probe of [`register_linked`] provides.
#[derive(Debug)]
pub struct Link;

impl Provides<Link> for Probe {}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").field(&self.name).finish()
    }
}

impl Probe {
    /// A probe whose hooks all succeed at once.
    pub fn new(name: impl Into<String>, trace: &Trace) -> Self {
        Self {
            name: name.into(),
            trace: trace.clone(),
            load: succeeds(),
            ready: None,
            run: None,
            drain: None,
            close: succeeds(),
            load_timeout: None,
            close_timeout: None,
            links: None,
        }
    }

    /// What `load` does.
    #[must_use]
    pub fn load(mut self, act: Act) -> Self {
        self.load = act;
        self
    }

    /// What `ready` does.
    #[must_use]
    pub fn ready(mut self, act: Act) -> Self {
        self.ready = Some(act);
        self
    }

    /// What `run` does; without it, it waits until it is stopped.
    #[must_use]
    pub fn run(mut self, act: Act) -> Self {
        self.run = Some(act);
        self
    }

    /// What `drain` does.
    #[must_use]
    pub fn drain(mut self, act: Act) -> Self {
        self.drain = Some(act);
        self
    }

    /// What `close` does.
    #[must_use]
    pub fn close(mut self, act: Act) -> Self {
        self.close = act;
        self
    }

    /// How long `load` and `ready` may take.
    #[must_use]
    pub fn load_timeout(mut self, limit: Duration) -> Self {
        self.load_timeout = Some(limit);
        self
    }

    /// How long `drain` and `close` may take.
    #[must_use]
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.close_timeout = Some(limit);
        self
    }

    async fn act(&self, event: &str, act: &Act) -> Result<()> {
        self.trace.add(format_args!("{event}({})+", self.name));
        act().await?;
        self.trace.add(format_args!("{event}({})-", self.name));
        Ok(())
    }
}

/// Notes that a `load` was dropped before it returned.
struct Unfinished<'a>(&'a Trace, &'a str, bool);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.2 {
            self.0.add(format_args!("drop({})", self.1));
        }
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Probe {
    fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new(self.name.clone());
        if let Some(limit) = self.load_timeout {
            descriptor = descriptor.load_timeout(limit);
        }
        if let Some(limit) = self.close_timeout {
            descriptor = descriptor.close_timeout(limit);
        }
        if self.links.is_some() {
            descriptor = descriptor.provides::<Link>();
        }
        descriptor
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        for link in self.links.iter_mut().flatten() {
            fields.field("link", link);
        }
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        let mut unfinished = Unfinished(&self.trace, &self.name, false);
        let loaded = self.act("load", &self.load).await;
        unfinished.2 = true;
        let states = States::new();
        loaded.map(|()| match self.links {
            Some(_) => states.with(Link),
            None => states,
        })
    }

    async fn ready(&self, _: &ReadyContext) -> Result<()> {
        match &self.ready {
            Some(ready) => self.act("ready", ready).await,
            None => Ok(()),
        }
    }

    async fn run(&self, cx: &RunContext) -> Result<()> {
        if let Some(run) = &self.run {
            self.act("run", run).await
        } else {
            cx.stopped().await;
            Ok(())
        }
    }

    async fn drain(&self, _: &DrainContext) -> Result<()> {
        match &self.drain {
            Some(drain) => self.act("drain", drain).await,
            None => Ok(()),
        }
    }

    async fn close(&self, _: &CloseContext) -> Result<()> {
        self.act("close", &self.close).await
    }
}

/// Registers probes that need each other: `edges` lists, for each probe, the places of those that
/// it needs.
pub fn register_graph(
    app: &mut App,
    probes: Vec<Probe>,
    edges: &[&[usize]],
) -> Vec<Registration<Probe>> {
    let registrations: Vec<_> = probes
        .into_iter()
        .map(|probe| app.register(probe))
        .collect();
    for (registration, needs) in registrations.iter().zip(edges) {
        for need in *needs {
            registration.clone().after(&registrations[*need]);
        }
    }
    registrations
}

/// Registers probes that need states of each other: `edges` lists, for each probe, the place of the
/// one before it that it needs, if any.
pub fn register_linked(
    app: &mut App,
    probes: Vec<Probe>,
    edges: &[Option<usize>],
) -> Vec<Registration<Probe>> {
    let mut registrations: Vec<Registration<Probe>> = Vec::new();
    for (mut probe, need) in probes.into_iter().zip(edges) {
        let handle = need.map(|need| registrations[need].handle());
        probe.links = Some(handle.into_iter().collect());
        registrations.push(app.register(probe));
    }
    registrations
}

/// Runs a test that makes its own runtimes.
pub fn bounded<T>(test: impl FnOnce() -> T) -> T {
    let _deadline = Deadline::start();
    test()
}

mod log;

/// Prints a line, unless the environment says that nothing may be printed: where the output is closed
/// or full, that would be a panic of the test.
pub fn say(line: impl fmt::Display) {
    if std::env::var_os("QUIETLY").is_none() {
        println!("{line}");
    }
}

pub use log::{log_if_asked, log_to};

/// The program in the README compiles as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
