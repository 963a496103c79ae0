//! Every fault, at every plugin, in many orders.

use std::env;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, Running};
use crate::testing::finding::Exploration;
use crate::testing::run::Settings;
use crate::testing::tour::{Choices, Tour};

/// The variable of the environment that names a single case.
const VARIABLE: &str = "BOOTSTRAP_EXPLORE";

/// Boots and closes an app under every fault; see [`explore`].
#[must_use = "an exploration does nothing until it is run: call `check` or `run`"]
pub struct Explore {
    choices: Choices,
}

/// Boots and closes an app of yours, over and over: with every hook of every plugin failing,
/// panicking, hanging and taking long, one at a time, and each in several orders of what may happen
/// in any order. Reports each case in which the app did not come to its end in a clean way.
///
/// `app` makes the app, anew for each run. It is booted on a fresh current-thread runtime with a
/// clock that stands still, runs for a second of that, and is closed. The first run has no faults:
/// it must be clean, and shows which hooks there are, those of children included. Then come runs
/// without faults in other orders, and the faults.
///
/// | a fault in | is |
/// |---|---|
/// | `load`, `ready` | an error, a panic, a hang, a delay before the hook has done anything; the first three as well where it waits for the first time |
/// | `run` | an error, a panic, a hang where it waits for the first time, or else after its work |
/// | `drain`, `close` | an error, a panic, a hang after its work, a delay before it, a hang where it waits for the first time |
///
/// # What is found
///
/// - **left open**: a plugin that has loaded and never closed, a state or a port that code still
///   holds when the app has ended, a [`resource`](super::resource) that was never closed, a tokio task
///   that still runs;
/// - **closed twice**, **closed out of order**: a plugin or a resource, against the edges of the
///   graph;
/// - **hung**: a hook that was cut by its limit, although nothing had gone wrong in it on purpose; a
///   boot or a close that did not end, a hook that holds its thread;
/// - **panicked**: a hook in which nothing had gone wrong on purpose;
/// - **booted anyway**: the boot succeeded although a `load` had failed, and no barrier, retry or
///   parent had answered for that;
/// - **failed**: the app failed in a run without faults, or before the fault had its turn.
///
/// A boot that the app itself interrupts is no finding: it may have no work. Neither is a value that
/// others have as well when it is supplied: what is to live longer than the app is for
/// [`State::from_arc`](crate::State::from_arc) and [`Port::from_arc`](crate::Port::from_arc). A hook that hung is not told again as the error of the
/// close. If the first run does not end in its time, no other one is made.
///
/// A boot that hangs because a plugin hangs and has no limit is no finding: it is asked to stop, as
/// with Ctrl-C, and has to end then.
///
/// A hook that cleans up and is cut where it waits may leave a resource of its plugin open: it had no
/// time for that.
///
/// # How many cases
///
/// All of them run, however long that takes: a green [`check`](Explore::check) means that every case was
/// run, and that nothing was found. An app of twenty plugins has some 300 cases, and takes a second or two; the number grows with
/// the hooks and with [`Explore::orders`]. [`Explore::sample`] runs some of them on purpose.
/// [`Explore::runs`] and [`Explore::time`] are limits: if one of them leaves cases out, `check` fails, and the
/// report says how many.
///
/// # The same again
///
/// Orders follow from the seed alone, so the same seed gives the same report, as far as the app does
/// the same each time: `select!` without `biased`, other threads and the network do as they like. Each
/// finding names its case, `7:database:load:fail`. [`Explore::only`], or the variable
/// `BOOTSTRAP_EXPLORE`, runs that one alone.
///
/// # The real world
///
/// An app that waits for sockets, files or threads of a database driver needs [`Explore::with_io`].
/// One whose port or file is taken while another run has it needs one for each run: make them in
/// `app`.
///
/// # Examples
///
/// ```
/// # use bootstrap::prelude::*;
/// # mod service {
/// #     use bootstrap::plugin_fn;
/// #     pub fn app() -> bootstrap::App {
/// #         let mut app = bootstrap::App::new();
/// #         let a = app.register(plugin_fn("a", async |_| Ok(())));
/// #         app.register(plugin_fn("b", async |_| Ok(()))).after(&a);
/// #         app
/// #     }
/// # }
/// // #[test]
/// fn survives_every_fault() {
///     bootstrap::testing::explore(|| service::app()).check();
/// }
/// # survives_every_fault();
/// ```
pub fn explore(app: impl Fn() -> App + Send + Sync + 'static) -> Explore {
    let choices = Choices {
        factory: Arc::new(app),
        settings: Settings {
            patience: Duration::from_hours(1),
            runs_for: Duration::from_secs(1),
            visit: None,
            deadline: Duration::from_secs(10),
            idle: None,
            tasks: 0,
        },
        seed: 1,
        orders: 2,
        sample: None,
        runs: None,
        time: None,
        only: None,
        watches_process: false,
    };
    Explore { choices }
}

impl Explore {
    /// From where the orders follow, 1 without it. Those of one case have this seed, the next one,
    /// and so on.
    pub fn seed(mut self, seed: u64) -> Self {
        self.choices.seed = seed;
        self
    }

    /// In how many orders each fault happens, 2 without it; without faults there are ten times as
    /// many.
    pub fn orders(mut self, orders: usize) -> Self {
        self.choices.orders = orders.max(1);
        self
    }

    /// Runs no more than `cases` cases, which the seed chooses among all of them; the first case has no
    /// fault, and always runs. A sample says nothing about the cases that it leaves out: the report counts
    /// them, and another seed chooses others.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::plugin_fn;
    /// # use bootstrap::prelude::*;
    /// # let app = || {
    /// #     let mut app = App::new();
    /// #     app.register(plugin_fn("a", async |_| Ok(())));
    /// #     app
    /// # };
    /// // With each commit a few cases, every night all of them.
    /// let explored = bootstrap::testing::explore(app);
    /// match std::env::var_os("NIGHTLY") {
    ///     Some(_) => explored.check(),
    ///     None => explored.sample(5).check(),
    /// }
    /// ```
    pub fn sample(mut self, cases: usize) -> Self {
        self.choices.sample = Some(cases.max(1));
        self
    }

    /// Limits the number of runs; without a limit there are as many as there are cases. If there are more
    /// cases, the seed chooses among them, the report says how many were left out, and
    /// [`Explore::check`] fails. To leave cases out on purpose, use [`Explore::sample`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap::testing;
    ///
    /// testing::explore(App::new).runs(1_000).check();
    /// ```
    pub fn runs(mut self, runs: usize) -> Self {
        self.choices.runs = Some(runs.max(1));
        self
    }

    /// Limits the real time of all runs together; without a limit they take as long as they take. When
    /// the time is up no other case begins, the report says how many were left out, and
    /// [`Explore::check`] fails. The first case, without a fault, always runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::prelude::*;
    /// use bootstrap::testing;
    ///
    /// testing::explore(App::new).time(Duration::from_secs(30)).check();
    /// ```
    pub fn time(mut self, time: Duration) -> Self {
        self.choices.time = Some(time);
        self
    }

    /// How long a boot or a close may take on the clock that stands still, an hour without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::prelude::*;
    /// use bootstrap::testing;
    ///
    /// testing::explore(App::new).patience(Duration::from_secs(60)).check();
    /// ```
    pub fn patience(mut self, patience: Duration) -> Self {
        self.choices.settings.patience = patience;
        self
    }

    /// How long the app runs on that clock before it is closed, a second without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::prelude::*;
    /// use bootstrap::testing;
    ///
    /// testing::explore(App::new).run_for(Duration::from_secs(5)).check();
    /// ```
    pub fn run_for(mut self, time: Duration) -> Self {
        self.choices.settings.runs_for = time;
        self
    }

    /// Uses the app then, in each run in which it boots: a client that asks it something, with a task of
    /// a plugin that has failed maybe. A panic in there is a finding, and so is a use that does not
    /// end; an error that a client has to expect is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap::testing;
    ///
    /// struct Greeting(&'static str);
    ///
    /// #[plugin(states = [Greeting], collect = never)]
    /// struct Greeter;
    ///
    /// impl Hooks for Greeter {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Greeting> {
    ///         Ok(Greeting("hello"))
    ///     }
    /// }
    ///
    /// let explored = testing::explore(|| App::new().with(Greeter)).using(|running| {
    ///     let greeting = running.get::<State<Greeting>>();
    ///     async move { assert_eq!(greeting.unwrap().0, "hello") }
    /// });
    /// explored.check();
    /// ```
    pub fn using<F, Fut>(mut self, app: F) -> Self
    where
        F: Fn(&Running) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        self.choices.settings.visit = Some(Arc::new(move |running| Box::pin(app(running))));
        self
    }

    /// How long one run may take in real time, 10 s without it: what takes longer holds its thread,
    /// and is left behind with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::prelude::*;
    /// use bootstrap::testing;
    ///
    /// testing::explore(App::new).deadline(Duration::from_secs(2)).check();
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.choices.settings.deadline = deadline;
        self
    }

    /// The app waits for something outside of the runtime: sockets, files, threads. The clock moves
    /// on when the runtime has had nothing to do for `idle` of real time; see
    /// [`paused_with_io`](super::paused_with_io).
    pub fn with_io(mut self, idle: Duration) -> Self {
        self.choices.settings.idle = Some(idle);
        self
    }

    /// How many tokio tasks may be left when the app has ended, none without it: for libraries that
    /// keep some.
    pub fn allow_tasks(mut self, tasks: usize) -> Self {
        self.choices.settings.tasks = tasks;
        self
    }

    /// Looks at the threads and the file descriptors of the process as well, on Linux: a run after
    /// which there are more than before, and still are two seconds later, has left some open. For a
    /// test that has its process for itself, because their owners are not known. The first run is
    /// exempt: libraries keep what they open once. On other systems this finds nothing.
    pub fn watch_process(mut self) -> Self {
        self.choices.watches_process = true;
        self
    }

    /// Runs a single case, as a report names it. If its fault does not happen, because the hook does not
    /// begin or does not wait, that is a finding.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn only(mut self, case: &str) -> Self {
        match case.parse() {
            Ok(case) => self.choices.only = Some(case),
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Explores, and panics unless every case was run and nothing was found. Cases that
    /// [`Explore::sample`] leaves out need not run.
    ///
    /// # Panics
    ///
    /// With the report: if something was found, if [`Explore::runs`] or [`Explore::time`] left cases
    /// out, or as [`Explore::run`] does.
    #[track_caller]
    pub fn check(self) {
        let report = self.run();
        assert!(report.is_clean(), "{report}");
    }

    /// Explores, and returns what was found, and how many cases did not run.
    ///
    /// # Panics
    ///
    /// If the variable `BOOTSTRAP_EXPLORE` is set, and names no case.
    #[track_caller]
    pub fn run(mut self) -> Exploration {
        if let Ok(case) = env::var(VARIABLE) {
            self = self.only(&case);
        }
        Tour::through(&self.choices)
    }
}

impl fmt::Debug for Explore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("seed", &self.choices.seed)
            .field("orders", &self.choices.orders)
            .field("sample", &self.choices.sample)
            .field("runs", &self.choices.runs)
            .field("only", &self.choices.only)
            .finish_non_exhaustive()
    }
}
