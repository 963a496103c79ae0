//! The loop of a worker: it claims jobs, runs them, and stores how they ended.

use std::collections::HashMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use futures_util::FutureExt as _;
use sqlx::SqliteConnection;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::database::times::length;
use crate::jobs::context::Notes;
use crate::jobs::sqlite::claim::{Claim, Claims, Group, Room};
use crate::jobs::sqlite::outcome::{self, Ended};
use crate::jobs::sqlite::plugin::{RunId, SqliteJobs};
use crate::jobs::sqlite::process;
use crate::jobs::sqlite::takeover::{Dead, Others, TakenOver, take_over};
use crate::jobs::{Outcome, Work, metrics};

/// How soon a turn that failed is repeated.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a worker that was silent for its lease has from when others can write: it repeats a turn that failed within less.
const CHANCE: Duration = Duration::from_secs(2);
/// How many attempts there are to store the last outcomes when the app stops.
const LAST_ATTEMPTS: u32 = 5;
/// How long nothing begins while a job that must run alone waits for the end of what runs.
const KEEPS_FREE: Duration = Duration::from_secs(30);
/// How often it does so. Jobs may run for hours.
const KEEPS_FREE_EVERY: Duration = Duration::from_mins(5);

/// The work of one worker, from the start of the app to its end.
pub(super) struct Shift<'a> {
    engine: &'a SqliteJobs,
    work: Work,
    clock: Clock,
    groups: Vec<Group>,
    process: String,
    /// The number of this worker, once it has claimed something.
    worker: Option<i64>,
    tasks: JoinSet<(RunId, Outcome)>,
    running: HashMap<RunId, Run>,
    ended: Vec<Ended>,
    others: Others,
    /// Something may be ready.
    is_due: bool,
    /// The groups that have used up their rate, from when and until when, in milliseconds since 1970.
    rests: Vec<(usize, Range<i64>)>,
    /// When to look for others, by the clock.
    poll_at: Duration,
    /// When to give a sign of life, by the clock.
    beat_at: Duration,
    /// Since when a job that must run alone waits, and when it was last found, by the clock.
    alone: Option<(Duration, Duration)>,
    failures: u32,
    /// How many turns have failed since the app stops and nothing runs.
    last_failures: u32,
}

/// A job that runs.
struct Run {
    group: usize,
    is_suspect: bool,
    is_alone: bool,
    notes: Notes,
}

/// What a turn has done.
#[derive(Default)]
struct Turn {
    worker: i64,
    /// In milliseconds since 1970.
    now: i64,
    /// Whether outcomes were not stored, because others have taken over their jobs.
    is_late: bool,
    claims: Claims,
}

impl<'a> Shift<'a> {
    pub(super) fn new(engine: &'a SqliteJobs, work: Work) -> Self {
        let clock = work.clock().clone();
        let now = clock.elapsed();
        Self {
            engine,
            groups: Group::all(&work),
            work,
            clock,
            process: process::current(),
            worker: None,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            ended: Vec::new(),
            others: Others::default(),
            is_due: true,
            rests: Vec::new(),
            poll_at: now,
            beat_at: now,
            alone: None,
            failures: 0,
            last_failures: 0,
        }
    }

    pub(super) async fn work(mut self) {
        while !(self.work.is_stopped() && self.running.is_empty() && self.ended.is_empty()) {
            if !self.wants_turn() {
                self.wait().await;
                continue;
            }
            let turned = self.turn().await;
            let is_last = self.work.is_stopped() && self.running.is_empty();
            self.last_failures += u32::from(!self.note(turned) && is_last);
            if self.last_failures >= LAST_ATTEMPTS {
                let left = self.ended.len();
                let error = anyhow!(
                    "{left} outcomes of jobs could not be stored before the stop: those jobs run again, in the next process"
                );
                return self.work.report("job-worker", error);
            }
        }
        self.leave().await;
    }

    fn free(&self) -> usize {
        let is_alone = self.running.values().any(|run| run.is_alone);
        if self.work.is_stopped() || is_alone {
            return 0;
        }
        self.work.concurrency().saturating_sub(self.running.len())
    }

    fn wants_turn(&self) -> bool {
        self.failures == 0 && (!self.ended.is_empty() || self.is_due && self.free() > 0)
            || self.failures > 0 && self.clock.elapsed() >= self.poll_at
    }

    /// Notes whether the database answered. Returns it.
    fn note(&mut self, result: Result<()>) -> bool {
        match result {
            Ok(()) => {
                self.failures = 0;
                self.work.answered();
                true
            }
            Err(error) => {
                self.failures += 1;
                self.poll_at = self.clock.elapsed() + AGAIN;
                // Others may be unable to give a sign of life for the same reason.
                self.others = Others::default();
                self.work.failed(error);
                false
            }
        }
    }

    /// One transaction: it stores what has ended, and claims what may begin.
    async fn turn(&mut self) -> Result<()> {
        let began = Instant::now();
        let free = if self.is_due || !self.ended.is_empty() {
            self.free()
        } else {
            0
        };
        let written = self
            .engine
            .database
            .write(async |mut tx| self.in_turn(&mut tx, free).await);
        let turn = written.await?;
        let now = turn.now;
        if let Some(again) = outcome::again(&self.ended, now) {
            self.engine.signals.expect(again);
        }
        self.ended.clear();
        if free > 0 {
            self.engine.signals.passed(now);
            self.is_due = turn.claims.is_more;
            self.rests = turn.claims.rests;
            self.wait_alone(turn.claims.waits_alone, now);
        }
        self.begin_as(turn.worker, turn.is_late);
        for claim in turn.claims.jobs {
            self.start(claim);
        }
        metrics::turned(began.elapsed());
        Ok(())
    }

    async fn in_turn(&self, tx: &mut SqliteConnection, free: usize) -> Result<Turn> {
        // Now that no other writer is in front.
        let now = self.engine.now()?;
        let stored = outcome::store(tx, &self.ended, self.worker, now).await?;
        let own = self
            .ended
            .iter()
            .filter(|it| Some(it.run.worker) == self.worker);
        let is_late = stored < own.count() as u64;
        // Also if nothing can be claimed: after a failure, this shows whether the database can write again.
        let worker = self.sign_of_life(tx).await?;
        if free == 0 {
            return Ok(Turn {
                worker,
                now,
                is_late,
                ..Turn::default()
            });
        }
        let room = Room {
            groups: &self.groups,
            running: self.running_in_groups(),
            free,
            has_suspect: self.has_suspect(),
            keeps_free: self.kept_free().is_some(),
            worker,
            now,
        };
        let claims = room.claim(tx).await?;
        Ok(Turn {
            worker,
            now,
            is_late,
            claims,
        })
    }

    /// How long what waits to run alone holds up others from now on, if it does: in milliseconds.
    fn kept_free(&self) -> Option<i64> {
        let now = self.clock.elapsed();
        let since = self.alone.map_or(now, |(since, _)| since);
        let waited = length(now.saturating_sub(since));
        let left = length(KEEPS_FREE) - waited % length(KEEPS_FREE_EVERY);
        (left > 0).then_some(left)
    }

    /// Notes whether a job waits to run alone. What it holds up is looked at again when that ends. It may not be found for a while, as its queue has no room.
    fn wait_alone(&mut self, waits: bool, now: i64) {
        let found = self.clock.elapsed();
        self.alone = match self.alone {
            Some((since, _)) if waits => Some((since, found)),
            None if waits => Some((found, found)),
            alone => alone.filter(|(_, last)| found.saturating_sub(*last) < KEEPS_FREE_EVERY),
        };
        if let Some(left) = self.kept_free().filter(|_| waits) {
            self.engine.signals.learn(now.saturating_add(left));
        }
    }

    fn has_suspect(&self) -> bool {
        self.running.values().any(|run| run.is_suspect)
    }

    fn running_in_groups(&self) -> Vec<usize> {
        let mut running = vec![0; self.groups.len()];
        for run in self.running.values() {
            running[run.group] += 1;
        }
        running
    }

    /// Says that this worker lives. Returns its number, a new one if others believe that it has died.
    async fn sign_of_life(&self, tx: &mut SqliteConnection) -> Result<i64> {
        const BEAT: &str = "UPDATE _job_workers SET beat = beat + 1 WHERE id = ? RETURNING id";
        const ENTER: &str = "INSERT INTO _job_workers (process) VALUES (?) RETURNING id";
        if let Some(worker) = self.worker {
            let beat = sqlx::query_scalar(BEAT).bind(worker);
            let known: Option<i64> = beat.fetch_optional(&mut *tx).await?;
            if let Some(worker) = known {
                return Ok(worker);
            }
        }
        let enter = sqlx::query_scalar(ENTER).bind(&self.process);
        Ok(enter.fetch_one(tx).await?)
    }

    /// Gives a sign of life and nothing else.
    async fn live(&mut self) -> Result<()> {
        let written = self
            .engine
            .database
            .write(async |mut tx| self.sign_of_life(&mut tx).await);
        let worker = written.await?;
        self.begin_as(worker, false);
        Ok(())
    }

    /// Goes on under this number. If it is a new one, others have taken over what ran under the old one.
    fn begin_as(&mut self, worker: i64, is_late: bool) {
        let old = self.worker.replace(worker);
        let is_new = old != Some(worker);
        let mut is_late = is_late;
        if is_new {
            for run in self.running.values() {
                run.notes.cancel();
                is_late = true;
            }
        }
        if is_late {
            let error = "this worker was silent for longer than `jobs.lease`, and others have taken over its jobs: do not block in handlers, or set a longer lease";
            self.work.report("job-worker", anyhow!(error));
        }
    }

    fn start(&mut self, claim: Claim) {
        let worker = self.worker.unwrap_or_default();
        let (id, notes) = (
            RunId {
                job: claim.id,
                worker,
            },
            Notes::default(),
        );
        let run = Run {
            group: claim.group,
            is_suspect: claim.is_suspect,
            is_alone: claim.is_alone,
            notes: notes.clone(),
        };
        if claim.is_alone {
            self.alone = None;
        }
        self.running.insert(id, run);
        self.engine.signals.began(id, notes.clone());
        let work = self.work.clone();
        let run = async move {
            let outcome = AssertUnwindSafe(work.run(claim.job, notes))
                .catch_unwind()
                .await;
            // A panic of the handler is an outcome. This is one of what reports it.
            (id, outcome.unwrap_or(Outcome::Released))
        };
        self.tasks.spawn(self.clock.work(run));
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) {
        let now = self.clock.elapsed();
        let (free, is_stopped) = (
            self.free() > 0 && self.failures == 0,
            self.work.is_stopped(),
        );
        let ready = self.until_ready();
        tokio::select! {
            Some(first) = self.tasks.join_next() => {
                if let Ok((id, outcome)) = first {
                    self.end(id, outcome);
                }
                self.gather().await;
            }
            () = self.engine.signals.woken.notified(), if free => self.is_due = true,
            () = self.clock.sleep(ready), if free => self.is_due = true,
            () = self.clock.sleep(self.poll_at.saturating_sub(now)) => {
                // After a failure, the next turn shows whether the database can write again.
                if self.failures == 0 {
                    let late = self.clock.elapsed().saturating_sub(self.poll_at);
                    if late > self.engine.lease / 3 {
                        // This worker stood still, and others may have done so as well: a machine was suspended, or a container.
                        self.others = Others::default();
                    }
                    self.poll_at = self.clock.elapsed() + self.engine.poll;
                    let polled = self.poll().await;
                    self.note(polled);
                }
            }
            () = self.work.stopped(), if !is_stopped => {}
        }
    }

    /// How long it is until the next job is ready, as far as this process knows.
    fn until_ready(&self) -> Duration {
        const LONG: Duration = Duration::from_hours(1);
        let rests = self.rests.iter().map(|(_, rest)| rest.end);
        let next = rests.fold(self.engine.signals.next(), i64::min);
        let wait = self.engine.now().ok().map(|now| next.saturating_sub(now));
        let wait = wait
            .and_then(|wait| u64::try_from(wait).ok())
            .unwrap_or_default();
        Duration::from_millis(wait).min(LONG)
    }

    /// Takes what ends at the same time, for one transaction.
    async fn gather(&mut self) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
            while let Some(joined) = self.tasks.try_join_next() {
                if let Ok((id, outcome)) = joined {
                    self.end(id, outcome);
                }
            }
        }
    }

    fn end(&mut self, run: RunId, outcome: Outcome) {
        self.engine.signals.ended(run);
        self.running.remove(&run);
        self.ended.push(Ended { run, outcome });
    }

    /// Looks for what other processes have done: jobs that are ready or unwanted, and workers that have died.
    async fn poll(&mut self) -> Result<()> {
        let now = self.clock.elapsed();
        self.beat(now).await?;
        self.obey().await?;
        let (pool, lease) = (self.engine.database.read(), self.engine.lease);
        let times = (lease, lease.min(CHANCE));
        let look = self.others.look(pool, self.worker, now, times).await?;
        for dead in look.dead {
            self.take_over(dead).await?;
        }
        if look.is_silent {
            self.live().await?;
            self.others.wrote(self.clock.elapsed(), lease);
        }
        if !self.is_due && self.free() > 0 {
            self.is_due = self.is_ready().await?;
        }
        Ok(())
    }

    async fn take_over(&mut self, dead: Dead) -> Result<()> {
        let at = self.engine.now()?;
        let taken = self
            .engine
            .database
            .write(async |mut tx| take_over(&mut tx, dead, at).await);
        let taken = taken.await?;
        metrics::crashed(taken.len() as u64);
        self.is_due |= !taken.is_empty();
        for job in taken {
            self.report(&job);
        }
        Ok(())
    }

    fn report(&self, job: &TakenOver) {
        let TakenOver {
            id,
            name,
            crash,
            is_dead,
        } = job;
        if *is_dead {
            let text = format!(
                "the process died {crash} times while the job {id} ran: it is a dead letter now"
            );
            self.work.report(name, anyhow!(text));
        } else {
            tracing::warn!(
                job = name,
                id,
                crash,
                "the process of a job died, and the job is ready again"
            );
        }
    }

    /// Gives a sign of life if it is time, and stores the progress of what runs.
    async fn beat(&mut self, now: Duration) -> Result<()> {
        const PROGRESS: &str =
            "UPDATE _jobs SET progress = ? WHERE id = ? AND worker = ? AND state = 2";
        let said = self
            .running
            .iter()
            .filter_map(|(id, run)| Some((*id, run.notes.take_progress()?)));
        let said: Vec<_> = said.collect();
        if self.running.is_empty() || now < self.beat_at && said.is_empty() {
            return Ok(());
        }
        let beaten = self.engine.database.write(async |mut tx| -> Result<i64> {
            for (run, text) in &said {
                let progress = sqlx::query(PROGRESS).bind(text).bind(run.job);
                let progress = progress.bind(run.worker);
                progress.execute(&mut *tx).await?;
            }
            self.sign_of_life(&mut tx).await
        });
        let beaten = beaten.await;
        if beaten.is_err() {
            for (run, text) in said {
                self.running[&run].notes.put_back(text);
            }
        }
        let worker = beaten?;
        self.beat_at = now + self.engine.lease / 3;
        self.begin_as(worker, false);
        Ok(())
    }

    /// Cancels what is unwanted.
    async fn obey(&self) -> Result<()> {
        const UNWANTED: &str =
            "SELECT id FROM _jobs WHERE state = 2 AND worker = ? AND is_unwanted = 1";
        let Some(worker) = self.worker.filter(|_| !self.running.is_empty()) else {
            return Ok(());
        };
        let unwanted = sqlx::query_scalar(UNWANTED).bind(worker);
        let unwanted: Vec<i64> = unwanted.fetch_all(self.engine.database.read()).await?;
        for job in unwanted {
            if let Some(run) = self.running.get(&RunId { job, worker }) {
                run.notes.cancel();
            }
        }
        Ok(())
    }

    /// Whether something is ready that this process has room for: a turn is a write, which would find nothing. Learns when the next job is.
    async fn is_ready(&self) -> Result<bool> {
        const NEXT: &str = "SELECT min(run_at) FROM _jobs WHERE state = 0";
        // The name drives the search, so each is one step in its index.
        const READY: &str = "SELECT EXISTS (SELECT 1 FROM json_each(?1) AS known CROSS JOIN _jobs AS job
                WHERE job.state = 1 AND job.crash = 0 AND job.name = known.key AND job.version <= known.value)
            OR ?2 AND EXISTS (SELECT 1 FROM _jobs AS job CROSS JOIN json_each(?1) AS known
                WHERE job.state = 1 AND job.crash > 0 AND job.name = known.key AND job.version <= known.value)";
        let (pool, now) = (self.engine.database.read(), self.engine.now()?);
        let next: Option<i64> = sqlx::query_scalar(NEXT).fetch_one(pool).await?;
        if let Some(next) = next {
            if next <= now {
                return Ok(true);
            }
            self.engine.signals.learn(next);
        }
        let known: HashMap<_, _> = self.with_room(now).flat_map(Group::known).collect();
        let ready = sqlx::query_scalar(READY)
            .bind(serde_json::to_string(&known)?)
            .bind(!self.has_suspect());
        Ok(ready.fetch_one(pool).await?)
    }

    /// The groups of which more may run now.
    fn with_room(&self, now: i64) -> impl Iterator<Item = &Group> {
        let running = self.running_in_groups();
        let rests = move |group| {
            let mut rests = self.rests.iter();
            // Not before its beginning: then the clock was set back.
            rests.any(|(it, rest)| *it == group && rest.contains(&now))
        };
        let groups = self.groups.iter().enumerate();
        groups
            .filter(move |(index, group)| group.room(running[*index]) > 0 && !rests(*index))
            .map(|(_, group)| group)
    }

    /// Takes this worker off the table.
    async fn leave(&self) {
        const LEAVE: &str = "DELETE FROM _job_workers WHERE id = ?";
        let Some(worker) = self.worker else { return };
        let left = self.engine.database.write(async |mut tx| -> Result<()> {
            sqlx::query(LEAVE).bind(worker).execute(&mut *tx).await?;
            Ok(())
        });
        if let Err(error) = left.await {
            // Others do it.
            tracing::debug!(%error, "the worker did not leave the table of workers");
        }
    }
}
