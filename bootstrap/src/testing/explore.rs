//! Every fault, at every plugin, in many orders.

use std::env;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::app::{App, Running};
use crate::base::random::Random;
use crate::base::text;
use crate::testing::case::{Case, Trouble, troubles};
use crate::testing::finding::{Exploration, FindingKind, Fresh};
use crate::testing::run::{Factory, Ran, Settings, run};
use crate::testing::threads::counts;
use crate::testing::watch::Hook;

/// The variable of the environment that names a single case.
const VARIABLE: &str = "BOOTSTRAP_EXPLORE";

/// How many runs may end up in a thread that is held, before it is not worth going on.
const STUCK: usize = 3;

/// How long threads and file descriptors may linger when an app has ended.
const LINGERS: Duration = Duration::from_secs(2);

/// How long they have to stay the same to count as they are.
const SETTLES: Duration = Duration::from_millis(50);

/// Boots and closes an app under every fault; see [`explore`].
#[must_use = "an exploration does nothing until it is run: call `check` or `run`"]
pub struct Explore {
    factory: Factory,
    settings: Settings,
    seed: u64,
    orders: usize,
    runs: usize,
    time: Duration,
    only: Option<Case>,
    watches_process: bool,
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
/// - **left open**: a plugin that has loaded and never closed, a state or a port that somebody still
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
/// [`App::supply_arc`] and [`App::supply_port`]. A hook that hung is not told again as the error of the
/// close. If the first run does not end in its time, no other one is made.
///
/// A boot that hangs because a plugin hangs and has no limit is no finding: it is asked to stop, as
/// with Ctrl-C, and has to end then.
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
/// #     pub fn app() -> bootstrap::App {
/// #         let mut app = bootstrap::App::new();
/// #         let a = app.register_fn("a", async |_| Ok(()));
/// #         app.register_fn("b", async |_| Ok(())).after(&a);
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
    Explore {
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
        runs: 2_000,
        time: Duration::from_secs(30),
        only: None,
        watches_process: false,
    }
}

impl Explore {
    /// From where the orders follow, 1 without it. Those of one case have this seed, the next one,
    /// and so on.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// In how many orders each fault happens, 2 without it; without faults there are ten times as
    /// many.
    pub fn orders(mut self, orders: usize) -> Self {
        self.orders = orders.max(1);
        self
    }

    /// How many runs there may be, 2000 without it. If there would be more, the seed chooses among
    /// them, and the report says how many were left out.
    pub fn runs(mut self, runs: usize) -> Self {
        self.runs = runs.max(1);
        self
    }

    /// How much real time all runs may take, 30 s without it. What is left when it is up is not
    /// run, and the report says so; it may be another one on a slower machine then.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// How long a boot or a close may take on the clock that stands still, an hour without it.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// How long the app runs on that clock before it is closed, a second without it.
    pub fn run_for(mut self, time: Duration) -> Self {
        self.settings.runs_for = time;
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
    /// #[plugin(states = [Greeting], collect = false)]
    /// struct Greeter;
    ///
    /// impl Hooks for Greeter {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<Greeting> {
    ///         Ok(Greeting("hello"))
    ///     }
    /// }
    ///
    /// let explored = testing::explore(|| App::new().with(Greeter)).using(|running| {
    ///     let greeting = running.state::<Greeting>();
    ///     async move { assert_eq!(greeting.unwrap().0, "hello") }
    /// });
    /// explored.check();
    /// ```
    pub fn using<F, Fut>(mut self, app: F) -> Self
    where
        F: Fn(&Running) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        self.settings.visit = Some(Arc::new(move |running| Box::pin(app(running))));
        self
    }

    /// How long one run may take in real time, 10 s without it: what takes longer holds its thread,
    /// and is left behind with it.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// The app waits for something outside of the runtime: sockets, files, threads. The clock moves
    /// on when the runtime has had nothing to do for `idle` of real time; see
    /// [`paused_with_io`](super::paused_with_io).
    pub fn with_io(mut self, idle: Duration) -> Self {
        self.settings.idle = Some(idle);
        self
    }

    /// How many tokio tasks may be left when the app has ended, none without it: for libraries that
    /// keep some.
    pub fn allow_tasks(mut self, tasks: usize) -> Self {
        self.settings.tasks = tasks;
        self
    }

    /// Looks at the threads and the file descriptors of the process as well, on Linux: a run after
    /// which there are more than before, and still are two seconds later, has left some open. For a
    /// test that has its process for itself, because nobody knows whose they are. The first run is
    /// exempt: libraries keep what they open once.
    pub fn watch_process(mut self) -> Self {
        self.watches_process = true;
        self
    }

    /// Runs a single case, as a report names it.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn only(mut self, case: &str) -> Self {
        match case.parse() {
            Ok(case) => self.only = Some(case),
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Explores, and panics if there is anything to say.
    ///
    /// # Panics
    ///
    /// With the report, if something was found.
    #[track_caller]
    pub fn check(self) {
        let report = self.run();
        assert!(report.is_clean(), "{report}");
    }

    /// Explores, and returns what was found.
    ///
    /// # Panics
    ///
    /// If the variable `BOOTSTRAP_EXPLORE` is set, and names no case.
    #[track_caller]
    pub fn run(mut self) -> Exploration {
        if let Ok(case) = env::var(VARIABLE) {
            self = self.only(&case);
        }
        let mut tour = Tour {
            until: Instant::now().checked_add(self.time),
            found: Exploration {
                findings: Vec::new(),
                ran: 0,
                left: 0,
                seed: self.seed,
                is_stuck: false,
            },
            stuck: 0,
            held: None,
            explore: &self,
        };
        tour.go();
        tour.found
    }
}

/// An exploration that is under way.
struct Tour<'a> {
    explore: &'a Explore,
    until: Option<Instant>,
    found: Exploration,
    stuck: usize,
    /// What the process held when the last run had ended.
    held: Option<[Option<usize>; 2]>,
}

impl Tour<'_> {
    fn go(&mut self) {
        if let Some(case) = &self.explore.only {
            self.found.seed = case.seed;
            if self.explore.watches_process {
                // What libraries keep is opened before the case, and not in it.
                run(
                    &self.explore.factory,
                    &faultless(case.seed),
                    &self.explore.settings,
                );
            }
            self.run(case);
            return;
        }
        let seed = self.explore.seed;
        let Ran {
            hooks, is_stuck, ..
        } = self.run(&faultless(seed));
        if is_stuck {
            // So would all others be.
            self.stuck = STUCK;
        }
        let all = self.cases(&hooks);
        let chosen = self.chosen(&all);
        self.found.left = all.len() - chosen.len();
        for (done, case) in chosen.iter().enumerate() {
            let is_late = self.until.is_some_and(|until| Instant::now() >= until);
            if is_late || self.stuck >= STUCK {
                self.found.left += chosen.len() - done;
                self.found.is_stuck = !is_late;
                return;
            }
            self.run(case);
        }
    }

    fn run(&mut self, case: &Case) -> Ran {
        let watches = self.explore.watches_process;
        let before = watches.then(|| self.held.unwrap_or_else(settled));
        let mut ran = run(&self.explore.factory, case, &self.explore.settings);
        let is_first = self.found.ran == 0 && self.explore.only.is_none();
        if let Some(before) = before {
            if !is_first && !ran.is_stuck {
                ran.findings.extend(left_open(before));
            }
            self.held = Some(settled());
        }
        self.found.ran += 1;
        self.stuck += usize::from(ran.is_stuck);
        let when = match &case.trouble {
            Some(trouble) => trouble.to_string(),
            None => "nothing goes wrong".to_owned(),
        };
        for fresh in ran.findings.drain(..) {
            self.found.add(fresh, &case.to_string(), &when);
        }
        ran
    }

    /// All but the first: the orders without faults, then each fault once, then all in the next order.
    fn cases(&self, hooks: &[Hook]) -> Vec<Case> {
        let Explore { seed, orders, .. } = self.explore;
        let seeds = |n: usize| (0_u64..).take(n).map(|more| seed.wrapping_add(more));
        let without = seeds(10 * orders).skip(1).map(faultless);
        let all: Vec<Trouble> = hooks.iter().flat_map(troubles).collect();
        let faults = seeds(*orders).flat_map(|seed| {
            let case = move |trouble: &Trouble| Case {
                seed,
                trouble: Some(trouble.clone()),
            };
            all.iter().map(case)
        });
        without.chain(faults).collect()
    }

    /// As many as the budget is for, in the same order.
    fn chosen(&self, all: &[Case]) -> Vec<Case> {
        let budget = self.explore.runs.saturating_sub(self.found.ran);
        let draw = |case: &Case| Random::of(self.explore.seed, &case.to_string()).next();
        let mut drawn: Vec<(u64, usize)> = all.iter().map(draw).zip(0..).collect();
        drawn.sort_unstable();
        drawn.truncate(budget);
        drawn.sort_unstable_by_key(|(_, place)| *place);
        let chosen = drawn.into_iter().map(|(_, place)| all[place].clone());
        chosen.collect()
    }
}

fn faultless(seed: u64) -> Case {
    Case {
        seed,
        trouble: None,
    }
}

/// What the process holds once that has not changed for a while: a thread that has ended is still
/// there for a moment.
fn settled() -> [Option<usize>; 2] {
    let until = Instant::now() + LINGERS;
    let (mut held, mut since) = (counts(), Instant::now());
    while since.elapsed() < SETTLES && Instant::now() < until {
        thread::park_timeout(Duration::from_millis(2));
        let now = counts();
        if now != held {
            (held, since) = (now, Instant::now());
        }
    }
    held
}

/// What the process has more of than before, and still has after a while.
fn left_open(before: [Option<usize>; 2]) -> Vec<Fresh> {
    let until = Instant::now() + LINGERS;
    loop {
        let more = |(before, after): (Option<usize>, Option<usize>)| after?.checked_sub(before?);
        let [threads, files] = counts();
        let more = [(before[0], threads), (before[1], files)].map(|it| more(it).unwrap_or(0));
        if more == [0, 0] {
            return Vec::new();
        }
        if Instant::now() >= until {
            let names = ["thread", "file descriptor"].into_iter().zip(more);
            let left = names
                .filter(|(_, more)| *more > 0)
                .map(|(name, more)| Fresh {
                    kind: FindingKind::LeftOpen,
                    plugin: None,
                    text: format!("{} more than before the app", text::count(more, name)),
                });
            return left.collect();
        }
        thread::park_timeout(Duration::from_millis(1));
    }
}

impl fmt::Debug for Explore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("seed", &self.seed)
            .field("orders", &self.orders)
            .field("runs", &self.runs)
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}
