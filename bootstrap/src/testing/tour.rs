//! An exploration that is under way: which cases there are, and which of them run.

use std::thread;
use std::time::{Duration, Instant};

use crate::base::random::Random;
use crate::base::text;
use crate::testing::case::{Case, Trouble, troubles};
use crate::testing::finding::{Exploration, FindingKind, Fresh, Limit};
use crate::testing::run::{Factory, Ran, Settings, run};
use crate::testing::threads::counts;
use crate::testing::watch::Hook;

/// How many runs may not end before the others are left out.
const STUCK: usize = 3;

/// How long threads and file descriptors may linger when an app has ended.
const LINGERS: Duration = Duration::from_secs(2);

/// How long they have to stay the same to count as they are.
const SETTLES: Duration = Duration::from_millis(50);

/// How an app is explored; see [`Explore`](super::Explore).
pub(super) struct Choices {
    pub(super) factory: Factory,
    pub(super) settings: Settings,
    pub(super) seed: u64,
    pub(super) orders: usize,
    /// How many cases run on purpose, if not all do.
    pub(super) sample: Option<usize>,
    pub(super) runs: Option<usize>,
    pub(super) time: Option<Duration>,
    pub(super) only: Option<Case>,
    pub(super) watches_process: bool,
}

/// An exploration that is under way.
pub(super) struct Tour<'a> {
    choices: &'a Choices,
    until: Option<Instant>,
    found: Exploration,
    stuck: usize,
    /// What the process held when the last run had ended.
    held: Option<[Option<usize>; 2]>,
}

impl<'a> Tour<'a> {
    /// Runs the cases of an exploration.
    pub(super) fn through(choices: &'a Choices) -> Exploration {
        let until = choices
            .time
            .and_then(|time| Instant::now().checked_add(time));
        let mut tour = Self {
            choices,
            until,
            found: Exploration {
                findings: Vec::new(),
                ran: 0,
                left: 0,
                missed_faults: 0,
                seed: choices.seed,
                not_sampled: 0,
                ended_by: None,
            },
            stuck: 0,
            held: None,
        };
        tour.go();
        tour.found
    }

    fn go(&mut self) {
        if let Some(case) = &self.choices.only {
            self.found.seed = case.seed;
            if self.choices.watches_process {
                // What libraries keep is opened before the case, and not in it.
                run(
                    &self.choices.factory,
                    &faultless(case.seed),
                    &self.choices.settings,
                );
            }
            self.run(case);
            return;
        }
        let seed = self.choices.seed;
        let Ran {
            hooks, is_stuck, ..
        } = self.run(&faultless(seed));
        if is_stuck {
            // So would all others be.
            self.stuck = STUCK;
        }
        let mut cases = self.cases(&hooks);
        if let Some(sample) = self.choices.sample {
            let all = cases.len();
            cases = self.drawn(cases, sample);
            self.found.not_sampled = all - cases.len();
            self.found.left = self.found.not_sampled;
        }
        if let Some(runs) = self.choices.runs {
            let all = cases.len();
            cases = self.drawn(cases, runs);
            self.leave(all - cases.len(), Limit::Runs(runs));
        }
        for (done, case) in cases.iter().enumerate() {
            if let Some(limit) = self.limit() {
                self.leave(cases.len() - done, limit);
                return;
            }
            self.run(case);
        }
    }

    /// Why no other case may begin, if so.
    fn limit(&self) -> Option<Limit> {
        if self.stuck >= STUCK {
            return Some(Limit::Stuck);
        }
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        self.choices.time.filter(|_| is_late).map(Limit::Time)
    }

    /// Leaves cases out that were to run.
    fn leave(&mut self, cases: usize, limit: Limit) {
        if cases > 0 {
            self.found.left += cases;
            self.found.ended_by = Some(limit);
        }
    }

    fn run(&mut self, case: &Case) -> Ran {
        let watches = self.choices.watches_process;
        let before = watches.then(|| self.held.unwrap_or_else(settled));
        let mut ran = run(&self.choices.factory, case, &self.choices.settings);
        let is_first = self.found.ran == 0 && self.choices.only.is_none();
        if let Some(before) = before {
            if !is_first && !ran.is_stuck {
                ran.findings.extend(left_open(before));
            }
            self.held = Some(settled());
        }
        self.found.ran += 1;
        self.stuck += usize::from(ran.is_stuck);
        if !ran.has_happened && !ran.is_stuck {
            self.misses(case, &mut ran);
        }
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
        let Choices { seed, orders, .. } = self.choices;
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

    /// As many of the cases as make up `number` with what has run, chosen by the seed, in the same order.
    fn drawn(&self, all: Vec<Case>, number: usize) -> Vec<Case> {
        let budget = number.saturating_sub(self.found.ran);
        if all.len() <= budget {
            return all;
        }
        let draw = |case: &Case| Random::of(self.choices.seed, &case.to_string()).next();
        let mut drawn: Vec<(u64, usize)> = all.iter().map(draw).zip(0..).collect();
        drawn.sort_unstable();
        drawn.truncate(budget);
        drawn.sort_unstable_by_key(|(_, place)| *place);
        let drawn = drawn.into_iter().map(|(_, place)| all[place].clone());
        drawn.collect()
    }

    /// The fault of a case did not happen. Another order may be the reason, so that is counted; for a
    /// case that is run alone it is a finding, or else a slip in its name would be a green test.
    fn misses(&mut self, case: &Case, ran: &mut Ran) {
        self.found.missed_faults += 1;
        let Some(trouble) = &case.trouble else { return };
        if self.choices.only.is_some() && ran.findings.is_empty() {
            ran.findings.push(Fresh {
                kind: FindingKind::Failed,
                plugin: Some(trouble.plugin.clone()),
                text: trouble.missed(&ran.hooks),
            });
        }
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
