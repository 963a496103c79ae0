//! An engine of jobs in memory: a list behind a lock, and a loop. It uses what each engine outside of the crate can use.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::clock::Clock;
use bootstrap_services::database::{DatabaseError, Transaction};
use bootstrap_services::jobs::{
    Claimed, Enqueued, JobCount, JobEngine, JobFilter, JobId, JobInfo, JobState, NewJob, Notes,
    Outcome, Work,
};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::task::JoinSet;

/// How long a worker may be silent before another one takes over its jobs.
const LEASE: Duration = Duration::from_secs(30);
/// How often a worker renews its leases, and looks for what is due.
const POLL: Duration = Duration::from_millis(500);

/// Keeps jobs as long as its process lives: `jobs.engine = "memory"`.
#[plugin(
    name = "jobs-memory",
    ports = [dyn JobEngine],
    collect = needed,
    enabled = ("jobs.engine", is = "memory")
)]
pub(crate) struct MemoryJobsPlugin {
    clock: State<Clock>,
}

impl Hooks for MemoryJobsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn JobEngine>> {
        Ok(Arc::new(MemoryJobs::new(Clock::clone(&self.clock))))
    }
}

/// The engine. Clones are instances over the same store.
#[derive(Clone)]
pub(crate) struct MemoryJobs {
    store: Arc<Mutex<Store>>,
    clock: Clock,
    /// Notified when something may be ready.
    changes: watch::Sender<()>,
}

#[derive(Default, Debug)]
struct Store {
    /// The oldest first.
    jobs: Vec<Stored>,
    last_job: u64,
    last_run: u64,
    /// When jobs of each queue with a rate began, by the clock.
    begun: HashMap<String, Vec<Duration>>,
}

#[derive(Debug)]
struct Stored {
    new: NewJob,
    info: JobInfo,
    run: Option<Run>,
}

/// A run of a job.
#[derive(Debug)]
struct Run {
    /// Not used twice, so that the outcome of a run that was taken over does not count.
    number: u64,
    /// When others may take it over, by the clock: the time of day may be set.
    lease: Duration,
    is_unwanted: bool,
    notes: Notes,
}

/// What a worker runs.
struct Running {
    queue: String,
    is_suspect: bool,
}

impl Store {
    fn place(&self, id: &JobId) -> Option<usize> {
        self.jobs.iter().position(|job| job.info.id == *id)
    }

    /// Returns another job that has this name and key, and has not ended.
    fn with_key(&self, name: &str, key: Option<&String>) -> Option<&JobInfo> {
        let mut jobs = self.jobs.iter().map(|job| &job.info);
        jobs.find(|it| {
            key.is_some() && it.name == name && it.unique.as_ref() == key && !it.state.has_ended()
        })
    }

    fn push(&mut self, new: NewJob, now: SystemTime) -> Enqueued {
        if let Some(other) = self.with_key(&new.name, new.unique.as_ref()) {
            return Enqueued::Already(other.id.clone());
        }
        self.last_job += 1;
        let id = JobId::new(self.last_job);
        let state = if new.run_at <= now {
            JobState::Ready
        } else {
            JobState::Scheduled
        };
        let info = JobInfo::new(id.clone(), new.clone(), state, now);
        let run = None;
        self.jobs.push(Stored { new, info, run });
        Enqueued::New(id)
    }

    /// Ends a job, and makes ready what waits for that.
    fn end(&mut self, place: usize, state: JobState, now: SystemTime) {
        let job = &mut self.jobs[place];
        job.run = None;
        job.info.state = state;
        job.info.ended_at = Some(now);
        let woken = job.new.wakes.clone().and_then(|id| self.place(&id));
        if let Some(woken) = woken.map(|place| &mut self.jobs[place].info)
            && woken.state == JobState::Scheduled
        {
            woken.state = JobState::Ready;
            woken.run_at = now;
        }
    }

    /// Takes the jobs of workers that were silent for too long, and makes ready what is due.
    fn tidy(&mut self, elapsed: Duration, now: SystemTime) {
        for place in 0..self.jobs.len() {
            let job = &mut self.jobs[place];
            if job.info.state == JobState::Scheduled && job.info.run_at <= now {
                job.info.state = JobState::Ready;
            }
            let Some(run) = job.run.take_if(|run| run.lease <= elapsed) else {
                continue;
            };
            run.notes.cancel();
            job.info.crashes += 1;
            job.info.error = Some("its worker was silent for too long".to_owned());
            if run.is_unwanted {
                self.end(place, JobState::Cancelled, now);
            } else if job.info.crashes >= job.new.crashes {
                self.end(place, JobState::Dead, now);
            } else {
                job.info.state = JobState::Ready;
            }
        }
    }

    /// Renews the leases of a worker, and keeps the progress of its jobs.
    fn renew(&mut self, running: &HashMap<u64, Running>, elapsed: Duration) {
        for Stored { info, run, .. } in &mut self.jobs {
            if let Some(run) = run.as_mut().filter(|run| running.contains_key(&run.number)) {
                run.lease = elapsed + LEASE;
                info.progress = run.notes.take_progress().or(info.progress.take());
            }
        }
    }

    /// Claims what may begin.
    fn claim(
        &mut self,
        work: &Work,
        running: &mut HashMap<u64, Running>,
        elapsed: Duration,
    ) -> Vec<(u64, Claimed, Notes)> {
        let known: HashMap<_, _> = work.known().map(|known| (known.name, known)).collect();
        let is_ready = |job: &Stored| {
            let known = known.get(&*job.info.name);
            let is_known = known.is_some_and(|known| job.info.version <= known.version);
            job.info.state == JobState::Ready && is_known
        };
        let mut ready: Vec<_> = (0..self.jobs.len())
            .filter(|place| is_ready(&self.jobs[*place]))
            .collect();
        ready.sort_by_key(|place| {
            let job = &self.jobs[*place].info;
            (job.crashes == 0, -job.priority, job.run_at)
        });
        let mut claims = Vec::new();
        for place in ready {
            let is_suspect = self.jobs[place].info.crashes > 0;
            // A job that was there when a process died runs alone, so that a job is never buried for what another one did.
            let is_alone = running.values().any(|run| run.is_suspect);
            if is_alone || is_suspect && !running.is_empty() {
                break;
            }
            let queue = known[&*self.jobs[place].info.name].queue;
            if running.len() < work.concurrency() && self.has_room(work, queue, running, elapsed) {
                claims.push(self.begin(place, queue, running, elapsed));
            }
        }
        claims
    }

    fn has_room(
        &mut self,
        work: &Work,
        queue: &str,
        running: &HashMap<u64, Running>,
        elapsed: Duration,
    ) -> bool {
        let limits = work.queue(queue);
        let here = running.values().filter(|run| run.queue == queue).count();
        let is_below = limits.most_at_once().is_none_or(|most| here < most);
        limits.most_in().map_or(is_below, |(most, period)| {
            let begun = self.begun.entry(queue.to_owned()).or_default();
            begun.retain(|at| *at + period > elapsed);
            let has_rate = begun.len() < most as usize;
            if is_below && has_rate {
                begun.push(elapsed);
            }
            is_below && has_rate
        })
    }

    fn begin(
        &mut self,
        place: usize,
        queue: &str,
        running: &mut HashMap<u64, Running>,
        elapsed: Duration,
    ) -> (u64, Claimed, Notes) {
        self.last_run += 1;
        let (number, notes) = (self.last_run, Notes::default());
        let Stored { new, info, run } = &mut self.jobs[place];
        *run = Some(Run {
            number,
            lease: elapsed + LEASE,
            is_unwanted: false,
            notes: notes.clone(),
        });
        info.state = JobState::Running;
        info.progress = None;
        let is_suspect = info.crashes > 0;
        let queue = queue.to_owned();
        running.insert(number, Running { queue, is_suspect });
        let claimed = Claimed {
            id: info.id.clone(),
            name: info.name.clone(),
            version: info.version,
            payload: new.payload.clone(),
            failures: info.failures,
            attempts: info.attempts,
            traceparent: info.traceparent.clone(),
        };
        (number, claimed, notes)
    }

    /// Stores how a run ended, unless another worker has taken it over.
    fn store(&mut self, number: u64, outcome: Outcome, now: SystemTime) {
        let is_run = |job: &Stored| job.run.as_ref().is_some_and(|run| run.number == number);
        let Some(place) = self.jobs.iter().position(is_run) else {
            return;
        };
        let Stored { info, run, .. } = &mut self.jobs[place];
        let is_unwanted = run.take().is_some_and(|run| run.is_unwanted);
        let (state, again) = match outcome {
            Outcome::Done(result) => {
                info.error = None;
                info.result = result.and_then(|text| serde_json::from_str(&text).ok());
                return self.end(place, JobState::Done, now);
            }
            Outcome::Failed { error, again } => {
                info.failures += 1;
                info.error = Some(error);
                let state = again.map_or(JobState::Dead, |_| JobState::Scheduled);
                (state, again.map(|again| now + again))
            }
            Outcome::Cancelled => (JobState::Cancelled, None),
            Outcome::Released => (JobState::Ready, None),
        };
        info.run_at = again.unwrap_or(info.run_at);
        if is_unwanted {
            self.end(place, JobState::Cancelled, now);
        } else if state.has_ended() {
            self.end(place, state, now);
        } else {
            info.state = state;
        }
    }
}

impl MemoryJobs {
    pub(crate) fn new(clock: Clock) -> Self {
        let (store, changes) = (Arc::default(), watch::Sender::default());
        Self {
            store,
            clock,
            changes,
        }
    }

    pub(crate) async fn begin(&self) -> MemoryTx {
        let store = Arc::clone(&self.store).lock_owned().await;
        MemoryTx {
            first: store.jobs.len(),
            store,
            engine: self.clone(),
            then: Vec::new(),
        }
    }
}

#[async_trait]
impl JobEngine for MemoryJobs {
    async fn push(&self, job: NewJob) -> Result<Enqueued> {
        let pushed = self.store.lock().await.push(job, self.clock.now());
        self.changes.send_replace(());
        Ok(pushed)
    }

    async fn push_in(&self, tx: &mut dyn Transaction, job: NewJob) -> Result<Enqueued> {
        let found = format!("{} database `{}`", tx.engine(), tx.database());
        let joined = tx.as_any_mut().downcast_mut::<MemoryTx>();
        let is_own = |tx: &&mut MemoryTx| Arc::ptr_eq(&tx.engine.store, &self.store);
        let Some(tx) = joined.filter(is_own) else {
            let expected = "memory of these jobs".to_owned();
            return Err(DatabaseError::OtherDatabase { expected, found }.into());
        };
        Ok(tx.store.push(job, self.clock.now()))
    }

    async fn work(&self, work: Work) -> Result<()> {
        let mut changes = self.changes.subscribe();
        let mut running = HashMap::new();
        // Dropped with this future, so that what runs ends with its worker.
        let mut tasks = JoinSet::new();
        while !(work.is_stopped() && running.is_empty()) {
            let mut store = self.store.lock().await;
            changes.mark_unchanged();
            let elapsed = self.clock.elapsed();
            store.renew(&running, elapsed);
            store.tidy(elapsed, self.clock.now());
            if !work.is_stopped() {
                for (number, claimed, notes) in store.claim(&work, &mut running, elapsed) {
                    let work = work.clone();
                    let run = async move { (number, work.run(claimed, notes).await) };
                    tasks.spawn(self.clock.work(run));
                }
            }
            drop(store);
            work.answered();
            tokio::select! {
                Some(ended) = tasks.join_next() => {
                    let mut store = self.store.lock().await;
                    let mut next = Some(ended);
                    while let Some(ended) = next {
                        let (number, outcome) = ended?;
                        running.remove(&number);
                        store.store(number, outcome, self.clock.now());
                        next = tasks.try_join_next();
                    }
                }
                _ = changes.changed() => {}
                () = self.clock.sleep(POLL) => {}
                () = work.stopped(), if !work.is_stopped() => {}
            }
        }
        Ok(())
    }

    async fn find(&self, id: &JobId) -> Result<Option<JobInfo>> {
        let store = self.store.lock().await;
        Ok(store.place(id).map(|place| store.jobs[place].info.clone()))
    }

    async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>> {
        let number = |id: &JobId| id.as_str().parse().unwrap_or(0_u64);
        let before = filter.before.as_ref().map(number);
        let store = self.store.lock().await;
        let jobs = store.jobs.iter().rev().map(|job| &job.info);
        let jobs = jobs
            .filter(|job| filter.name.as_ref().is_none_or(|name| job.name == *name))
            .filter(|job| filter.state.is_none_or(|state| job.state == state))
            .filter(|job| before.is_none_or(|before| number(&job.id) < before));
        Ok(jobs.take(filter.limit as usize).cloned().collect())
    }

    async fn counts(&self) -> Result<Vec<JobCount>> {
        let mut counts = BTreeMap::new();
        for Stored { info, .. } in &self.store.lock().await.jobs {
            *counts.entry((info.name.clone(), info.state)).or_default() += 1;
        }
        let counts = counts.into_iter();
        Ok(counts
            .map(|((name, state), count)| JobCount::new(name, state, count))
            .collect())
    }

    async fn waiting(&self) -> Result<Vec<(String, SystemTime)>> {
        let now = self.clock.now();
        let mut oldest = BTreeMap::new();
        for Stored { info, .. } in &self.store.lock().await.jobs {
            let waits = matches!(info.state, JobState::Ready | JobState::Scheduled);
            if waits && info.run_at <= now {
                let at = oldest.entry(info.name.clone()).or_insert(info.run_at);
                *at = info.run_at.min(*at);
            }
        }
        Ok(oldest.into_iter().collect())
    }

    async fn requeue(&self, id: &JobId) -> Result<bool> {
        let mut store = self.store.lock().await;
        let Some(place) = store.place(id) else {
            return Ok(false);
        };
        let job = &store.jobs[place].info;
        let has_failed = matches!(job.state, JobState::Dead | JobState::Cancelled);
        if !has_failed || store.with_key(&job.name, job.unique.as_ref()).is_some() {
            return Ok(false);
        }
        let job = &mut store.jobs[place].info;
        job.state = JobState::Ready;
        (job.failures, job.crashes, job.ended_at) = (0, 0, None);
        job.run_at = self.clock.now();
        self.changes.send_replace(());
        Ok(true)
    }

    async fn cancel(&self, id: &JobId) -> Result<bool> {
        let mut store = self.store.lock().await;
        let Some(place) = store.place(id) else {
            return Ok(false);
        };
        let job = &mut store.jobs[place];
        if job.info.state.has_ended() || job.new.resumes.is_some() {
            return Ok(false);
        }
        if let Some(run) = &mut job.run {
            run.is_unwanted = true;
            run.notes.cancel();
        } else {
            store.end(place, JobState::Cancelled, self.clock.now());
            self.changes.send_replace(());
        }
        Ok(true)
    }

    async fn remove(&self, id: &JobId) -> Result<bool> {
        let mut store = self.store.lock().await;
        let place = store.place(id);
        let place = place.filter(|place| store.jobs[*place].info.state.has_ended());
        Ok(place.map(|place| store.jobs.remove(place)).is_some())
    }

    async fn purge(&self, state: JobState, older_than: Duration) -> Result<u64> {
        let now = self.clock.now();
        let is_old = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age > older_than);
        let mut store = self.store.lock().await;
        let before = store.jobs.len();
        store
            .jobs
            .retain(|job| job.info.state != state || !job.info.ended_at.is_some_and(is_old));
        Ok((before - store.jobs.len()) as u64)
    }
}

/// A transaction: it holds the lock, and removes what it has stored unless it is committed.
pub(crate) struct MemoryTx {
    store: OwnedMutexGuard<Store>,
    /// The place of the first job that it stores.
    first: usize,
    engine: MemoryJobs,
    /// What follows its commit.
    then: Vec<Box<dyn FnOnce() + Send>>,
}

impl MemoryTx {
    pub(crate) fn commit(mut self) {
        self.first = self.store.jobs.len();
        self.engine.changes.send_replace(());
        for then in self.then.drain(..) {
            then();
        }
    }
}

impl std::fmt::Debug for MemoryTx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryTx").finish_non_exhaustive()
    }
}

impl Drop for MemoryTx {
    fn drop(&mut self) {
        let first = self.first;
        self.store.jobs.truncate(first);
    }
}

impl std::fmt::Debug for MemoryJobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryJobs").finish_non_exhaustive()
    }
}

impl Transaction for MemoryTx {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn database(&self) -> &'static str {
        "jobs"
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send) {
        self
    }

    fn after_commit(&mut self, then: Box<dyn FnOnce() + Send>) {
        self.then.push(then);
    }
}
