//! Random calls, and what they should leave.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::jobs::conformance::bench::{
    Act, Bench, MINUTE, SECOND, cancel, enqueued, note, requeue,
};
use crate::jobs::{Enqueued, JobFilter, JobId, JobState, NewJob};

const CALLS: u32 = 60;
/// How long a delayed job waits.
const DELAY: Duration = Duration::from_hours(10);

/// What a job should be.
#[derive(Clone, Debug)]
struct Expected {
    id: JobId,
    state: JobState,
    /// What it is after a worker has run it: a job that hangs is running.
    end: JobState,
    key: Option<String>,
}

/// Random numbers that are the same for the same seed. The multiplier is that of Knuth's MMIX.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

struct Model<'a> {
    bench: &'a Bench<'a>,
    random: Random,
    /// The oldest first.
    jobs: Vec<Expected>,
}

pub(super) async fn random_calls_leave_what_a_model_says(bench: &Bench<'_>, seed: u64) {
    let mut model = Model {
        bench,
        random: Random(seed),
        jobs: Vec::new(),
    };
    for number in 1..=CALLS {
        let call = model.call().await;
        let found = model.found().await;
        assert_eq!(
            found,
            model.expected(),
            "after call {number} of seed {seed}, which was `{call}`"
        );
    }
    let mut counts = BTreeMap::new();
    for job in &model.jobs {
        let count = counts.entry(("plain".to_owned(), job.state));
        *count.or_default() += 1;
    }
    assert_eq!(bench.states().await, counts, "the counts of seed {seed}");
}

impl Model<'_> {
    /// Jobs and their states, the newest first.
    fn expected(&self) -> Vec<(JobId, JobState)> {
        let jobs = self.jobs.iter().rev();
        jobs.map(|job| (job.id.clone(), job.state)).collect()
    }

    async fn found(&self) -> Vec<(JobId, JobState)> {
        let all = JobFilter::new().limit(1_000);
        let listed = self.bench.jobs[0].list(&all).await;
        let listed = listed.expect("the engine answers").into_iter();
        listed.map(|job| (job.id, job.state)).collect()
    }

    async fn call(&mut self) -> &'static str {
        let call = self.random.below(12);
        let has_jobs = !self.jobs.is_empty();
        let pick = self.random.below(self.jobs.len().max(1));
        match call {
            5 | 6 if has_jobs => self.cancel(pick).await,
            7 | 8 if has_jobs => self.requeue(pick).await,
            9 if has_jobs => self.remove(pick).await,
            10 => self.purge().await,
            11 => self.work().await,
            _ => self.enqueue().await,
        }
    }

    /// Whether another job that has not ended has this key.
    fn is_taken(&self, key: Option<&String>) -> Option<&Expected> {
        let mut open = self.jobs.iter().filter(|job| !job.state.has_ended());
        open.find(|job| key.is_some() && job.key.as_ref() == key)
    }

    async fn enqueue(&mut self) -> &'static str {
        let ends = [JobState::Done, JobState::Dead, JobState::Running];
        let end = self.random.of(&ends);
        let act = match end {
            JobState::Done => note(""),
            JobState::Dead => Act::Fail,
            _ => Act::Hang,
        };
        let delay = self.random.of(&[Duration::ZERO, Duration::ZERO, DELAY]);
        let key = self.random.of(&[None, None, Some("one"), Some("two")]);
        let key = key.map(str::to_owned);
        let new = self.bench.new_job(act);
        let job = NewJob {
            run_at: new.run_at + delay,
            unique: key.clone(),
            ..new
        };
        let instance = self.random.below(2);
        let pushed = enqueued(self.bench.engines[instance].push(job).await);
        if let Some(other) = self.is_taken(key.as_ref()) {
            assert_eq!(pushed, Enqueued::Already(other.id.clone()));
            return "enqueue a key that is taken";
        }
        assert!(pushed.is_new(), "the key is free");
        let (id, is_delayed) = (pushed.into_id(), !delay.is_zero());
        let state = if is_delayed {
            JobState::Scheduled
        } else {
            JobState::Ready
        };
        self.jobs.push(Expected {
            id,
            state,
            end,
            key,
        });
        "enqueue"
    }

    async fn cancel(&mut self, pick: usize) -> &'static str {
        let job = &mut self.jobs[pick];
        let is_open = !job.state.has_ended();
        assert_eq!(cancel(self.bench, &job.id).await, is_open, "cancel {job:?}");
        if is_open {
            job.state = JobState::Cancelled;
        }
        "cancel"
    }

    async fn requeue(&mut self, pick: usize) -> &'static str {
        let job = &self.jobs[pick];
        let has_failed = matches!(job.state, JobState::Dead | JobState::Cancelled);
        let is_possible = has_failed && self.is_taken(job.key.as_ref()).is_none();
        let requeued = requeue(self.bench, &job.id).await;
        assert_eq!(requeued, is_possible, "requeue {job:?}");
        if is_possible {
            self.jobs[pick].state = JobState::Ready;
        }
        "requeue"
    }

    async fn remove(&mut self, pick: usize) -> &'static str {
        let job = &self.jobs[pick];
        let has_ended = job.state.has_ended();
        let removed = self.bench.jobs[1].remove(&job.id).await;
        let removed = removed.expect("the engine answers");
        assert_eq!(removed, has_ended, "remove {job:?}");
        if has_ended {
            self.jobs.remove(pick);
        }
        "remove"
    }

    async fn purge(&mut self) -> &'static str {
        let state = self.random.of(&JobState::ALL);
        self.bench.time.advance(SECOND).await;
        let purged = self.bench.jobs[0].purge(state, Duration::ZERO).await;
        let before = self.jobs.len();
        self.jobs
            .retain(|job| job.state != state || !state.has_ended());
        let gone = (before - self.jobs.len()) as u64;
        assert_eq!(purged.expect("the engine answers"), gone, "purge {state}");
        "purge"
    }

    /// Runs all jobs, also those that wait for their time. Cancels some of those that hang; the stop releases the others.
    async fn work(&mut self) -> &'static str {
        self.bench.time.advance(DELAY + MINUTE).await;
        let worker = self
            .bench
            .work_with(self.random.below(2), 1_000, BTreeMap::new());
        for job in self.jobs.iter_mut().filter(|job| !job.state.has_ended()) {
            job.state = job.end;
        }
        let expected = self.expected();
        let have_run = async || self.found().await == expected;
        self.bench.until("all jobs have run", have_run).await;
        for place in 0..self.jobs.len() {
            if self.jobs[place].state == JobState::Running && self.random.below(2) == 0 {
                self.cancel(place).await;
            }
        }
        let expected = self.expected();
        let cancelled = async || self.found().await == expected;
        let what = "the jobs that were cancelled have ended";
        self.bench.within(30 * SECOND, what, cancelled).await;
        worker.stop().await;
        for job in &mut self.jobs {
            if job.state == JobState::Running {
                job.state = JobState::Ready;
            }
        }
        "work"
    }
}
