//! The loop that hands out what is due, the claims, and the runs.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use bootstrap::{Current, Result};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::cron::due::{Due, MISSED_AFTER, Span, due};
use crate::cron::entry::{Admission, Entry, Occurrence, Stops, Wake, Work};
use crate::cron::metrics;
use crate::cron::store::MOST_AHEAD;
use crate::cron::{CronContext, CronStore, Outcome};
use crate::panic;

/// How long a claim is tried.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long one call of the store may take.
const CALL: Duration = Duration::from_secs(10);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a claim of the health check may take. Health checks have a limit of 1 s, and its message would not say why.
const PROBE: Duration = Duration::from_millis(900);
/// What the health check claims. No schedule has this name.
const PROBED: &str = "";
/// How many calls of the store are under way at once.
const CALLS: usize = 16;
/// How many wake-ups that are out of date are kept at least.
const SPARE: usize = 64;
/// The loop looks again after this time if no schedule has an occurrence.
const IDLE: Duration = Duration::from_hours(1);

pub(super) struct Engine {
    pub(super) clock: Clock,
    pub(super) store: Arc<dyn CronStore>,
    pub(super) stops: Stops,
    table: Mutex<Table>,
    changed: Notify,
    calls: Semaphore,
    /// The app, once it is ready.
    app: OnceLock<Current>,
    /// What the configuration can name: the tasks with `#[cron]`.
    names: Mutex<BTreeSet<String>>,
    /// Why the store does not answer, if it does not.
    trouble: Mutex<Option<String>>,
}

#[derive(Default)]
struct Table {
    entries: BTreeMap<String, Arc<Entry>>,
    /// Of schedules that were paused or removed as well: such a wake-up is out of date when its time comes. There are at
    /// most a few more than twice as many as schedules.
    wakes: BinaryHeap<Wake>,
    /// Those whose claims have not begun.
    new: Vec<Weak<Entry>>,
    /// When the loop last looked.
    turned: Option<SystemTime>,
}

impl Table {
    fn wake(&mut self, entry: &Arc<Entry>, at: Option<SystemTime>) {
        let entry = Arc::downgrade(entry);
        self.wakes.extend(at.map(|at| Wake { at, entry }));
        if self.wakes.len() > SPARE + 2 * self.entries.len() {
            self.drop_outdated();
        }
    }

    /// Keeps one wake-up for each schedule that waits.
    fn drop_outdated(&mut self) {
        let entries = self.entries.values();
        let waiting = entries.filter_map(|entry| {
            let (at, entry) = (entry.next()?, Arc::downgrade(entry));
            Some(Wake { at, entry })
        });
        self.wakes = waiting.collect();
    }
}

impl Engine {
    pub(super) fn new(clock: Clock, store: Arc<dyn CronStore>) -> Self {
        Self {
            clock,
            store,
            stops: Stops::new(),
            table: Mutex::default(),
            changed: Notify::new(),
            calls: Semaphore::new(CALLS),
            app: OnceLock::new(),
            names: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// From now on schedules can run.
    pub(super) fn start(&self, app: Current) {
        // The first one stays: there is one app.
        let _ = self.app.set(app);
    }

    pub(super) fn app(&self) -> Option<&Current> {
        self.app.get()
    }

    pub(super) fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a schedule. Returns the one that has its name, if there is one.
    pub(super) fn insert(&self, entry: Entry) -> Result<(), Arc<Entry>> {
        let mut table = self.table();
        if let Some(first) = table.entries.get(entry.name()) {
            return Err(Arc::clone(first));
        }
        let entry = Arc::new(entry);
        let name = entry.name().to_owned();
        table.entries.insert(name, Arc::clone(&entry));
        table.wake(&entry, entry.next());
        table.new.retain(|entry| entry.strong_count() > 0);
        table.new.push(Arc::downgrade(&entry));
        drop(table);
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn remove(&self, name: &str) -> Option<Arc<Entry>> {
        let entry = self.table().entries.remove(name)?;
        entry.stops.closing.cancel();
        Some(entry)
    }

    pub(super) fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        self.table().entries.get(name).cloned()
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.table().entries.values().cloned().collect()
    }

    pub(super) fn resume(&self, entry: &Arc<Entry>) {
        let next = entry.resume(self.clock.now());
        self.table().wake(entry, next);
        self.changed.notify_one();
    }

    /// Hands out what is due until the app stops.
    pub(super) async fn run(self: &Arc<Self>) {
        while !self.stops.closing.is_cancelled() {
            let next = self.turn();
            let wait = async {
                match next {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => self.clock.sleep(IDLE).await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.changed.notified() => {}
                () = self.stops.closing.cancelled() => {}
            }
        }
    }

    /// Hands out what is due now. Returns when to look again.
    fn turn(self: &Arc<Self>) -> Option<SystemTime> {
        let now = self.clock.now();
        let mut table = self.table();
        let turned = table.turned.replace(now);
        if turned.is_some_and(|turned| turned > now + MOST_AHEAD) {
            table.set_back(now);
        }
        let new = std::mem::take(&mut table.new);
        let mut ready: Vec<_> = new.iter().filter_map(Weak::upgrade).collect();
        while let Some(wake) = table.wakes.peek()
            && wake.at <= now
            && let Some(Wake { at, entry }) = table.wakes.pop()
        {
            let Some(entry) = entry.upgrade() else {
                continue;
            };
            if entry.hand_out(at, now) {
                table.wake(&entry, entry.next());
                ready.push(entry);
            }
        }
        let next = table.wakes.peek().map(|wake| wake.at);
        drop(table);
        for entry in ready {
            self.claim_due(entry);
        }
        next
    }

    /// Claims what is due, in a task of its own: a slow store does not hold up other schedules.
    fn claim_due(self: &Arc<Self>, entry: Arc<Entry>) {
        if entry.begin_claiming() {
            let engine = Arc::clone(self);
            self.spawn(&Arc::clone(&entry), async move {
                let claim = async {
                    while let Some((span, is_first)) = entry.take_due() {
                        engine.claim_span(&entry, span, is_first).await;
                    }
                };
                tokio::select! {
                    () = claim => {}
                    // A store that does not answer must not be called once it has closed.
                    () = entry.stops.aborted.cancelled() => {}
                }
            });
        }
    }

    /// Spawns work that a stop of the schedule, and of the app, waits for.
    fn spawn(&self, entry: &Entry, work: impl Future<Output = ()> + Send + 'static) {
        let Some(app) = self.app() else { return };
        let work = entry.stops.tasks.track_future(self.clock.work(work));
        app.spawn(self.stops.tasks.track_future(work));
    }

    async fn claim_span(self: &Arc<Self>, entry: &Arc<Entry>, mut span: Span, is_first: bool) {
        let now = self.clock.now();
        let policy = entry.schedule.missed;
        if is_first {
            span.after = self.begin(entry, span.after, now).await;
        }
        let mut chosen = due(&entry.pattern, span, policy, now);
        if chosen.is_late && !is_first {
            chosen = self.without_claimed(entry, span, chosen, now).await;
        }
        entry.missed(chosen.missed);
        for at in chosen.fires {
            // Another instance claims it, or the next start.
            if entry.stops.closing.is_cancelled() {
                return;
            }
            self.claim(entry, at).await;
        }
    }

    /// Up to when occurrences have run, when this instance begins: what other instances, or this one before it was
    /// restarted, did not claim was missed. A schedule that the store does not know begins now.
    async fn begin(&self, entry: &Entry, since: SystemTime, now: SystemTime) -> SystemTime {
        match self.last_or_begin(entry, since, now).await {
            Ok(last) => last
                .filter(|last| *last <= now + MOST_AHEAD)
                .unwrap_or(since),
            Err(error) => {
                self.report(entry, error.context("what was missed is not known"));
                since
            }
        }
    }

    async fn last_or_begin(
        &self,
        entry: &Entry,
        since: SystemTime,
        now: SystemTime,
    ) -> Result<Option<SystemTime>> {
        let last = self.call(entry, || self.store.last(entry.name())).await?;
        if last.is_none() {
            let begun = self.call(entry, || self.store.claim(entry.name(), since, now));
            begun.await?;
        }
        Ok(last)
    }

    /// Another instance may have run what is late here.
    async fn without_claimed(
        &self,
        entry: &Entry,
        span: Span,
        chosen: Due,
        now: SystemTime,
    ) -> Due {
        let last = self.call(entry, || self.store.last(entry.name()));
        let Ok(Some(last)) = last.await else {
            return chosen;
        };
        let after = span.after.max(last.min(span.until));
        let left = due(
            &entry.pattern,
            Span { after, ..span },
            entry.schedule.missed,
            now,
        );
        let total = |due: &Due| due.missed + due.fires.len() as u64;
        entry.elsewhere(total(&chosen).saturating_sub(total(&left)));
        left
    }

    /// One occurrence: of all instances, the one that claims it runs it.
    async fn claim(self: &Arc<Self>, entry: &Arc<Entry>, at: SystemTime) {
        let claimed = match &entry.work {
            Work::Task(_) => self.claim_run(entry, at).await,
            #[cfg(feature = "jobs")]
            Work::Enqueue(enqueue) => self.claim_job(entry, enqueue, at).await,
        };
        match claimed {
            Ok(true) => {}
            Ok(false) => entry.elsewhere(1),
            Err(error) => {
                entry.missed(1);
                self.report(entry, error.context("an occurrence was missed"));
            }
        }
    }

    async fn claim_run(self: &Arc<Self>, entry: &Arc<Entry>, at: SystemTime) -> Result<bool> {
        let claim = || self.store.claim(entry.name(), at, self.clock.now());
        let is_claimed = self.call(entry, claim).await?;
        if is_claimed {
            self.begin_run(entry, Occurrence { at, reply: None });
        }
        Ok(is_claimed)
    }

    /// Calls the store, again and again for a minute.
    pub(super) async fn call<'a, T>(
        &self,
        entry: &Entry,
        call: impl Fn() -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        let began = self.clock.elapsed();
        let mut pause = Duration::from_secs(1);
        loop {
            let result = self.call_once(call()).await;
            let error = match result {
                Ok(value) => {
                    *self.trouble() = None;
                    return Ok(value);
                }
                Err(error) => error,
            };
            *self.trouble() = Some(format!("{error:#}"));
            let elapsed = self.clock.elapsed().saturating_sub(began);
            let left = PATIENCE.saturating_sub(elapsed);
            if left.is_zero() || entry.stops.closing.is_cancelled() {
                return Err(error.context("the store of cron fails"));
            }
            tokio::select! {
                () = self.clock.sleep(pause.min(left)) => {}
                () = entry.stops.closing.cancelled() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn call_once<T>(&self, call: BoxFuture<'_, Result<T>>) -> Result<T> {
        let _permit = self.calls.acquire().await?;
        let answer = timeout(CALL, call).await;
        answer.with_context(|| format!("no answer within {CALL:?}"))?
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an occurrence that was claimed or triggered, unless it overlaps another run.
    pub(super) fn begin_run(self: &Arc<Self>, entry: &Arc<Entry>, occurrence: Occurrence) {
        match entry.admit(occurrence) {
            Admission::Runs(occurrence) => self.spawn_run(entry, occurrence),
            Admission::Waits => {}
            Admission::Skipped(occurrence) => {
                metrics::skipped(entry.name());
                occurrence.reply(Outcome::Skipped);
            }
        }
    }

    fn spawn_run(self: &Arc<Self>, entry: &Arc<Entry>, occurrence: Occurrence) {
        let (engine, entry) = (Arc::clone(self), Arc::clone(entry));
        self.spawn(&Arc::clone(&entry), async move {
            let mut occurrence = Some(occurrence);
            while let Some(now) = occurrence.take() {
                let outcome = engine.run_one(&entry, now.at).await;
                occurrence = entry.finish(now.at, outcome);
                now.reply(outcome);
            }
        });
    }

    async fn run_one(&self, entry: &Arc<Entry>, at: SystemTime) -> Outcome {
        let Some(app) = self.app() else {
            return Outcome::Cancelled;
        };
        let late = self.clock.now().duration_since(at).unwrap_or_default();
        let cx = CronContext {
            entry: Arc::clone(entry),
            scheduled_at: at,
            app: app.handle(),
        };
        // The call, every poll and the drop of the task's future happen in here, so any of them may panic.
        let run = AssertUnwindSafe(async {
            if let Work::Task(_) = entry.work {
                metrics::fired(entry.name(), late);
            }
            self.run_within_limits(entry, cx).await
        });
        let (outcome, error) = match run.catch_unwind().await {
            Ok(Ok(outcome)) => (outcome, None),
            Ok(Err(_)) if entry.stops.cancelled.is_cancelled() => (Outcome::Cancelled, None),
            Ok(Err(error)) => (Outcome::Failed, Some(error)),
            Err(panic) => (
                Outcome::Panicked,
                Some(anyhow!(
                    "panicked: {}",
                    panic::message(&*panic).unwrap_or("no message")
                )),
            ),
        };
        match (outcome, &entry.work) {
            (Outcome::Skipped, _) => metrics::skipped(entry.name()),
            #[cfg(feature = "jobs")]
            (Outcome::Succeeded, Work::Enqueue(_)) => metrics::fired(entry.name(), late),
            (Outcome::Succeeded, _) => {}
            _ => metrics::failed(entry.name()),
        }
        if let Some(error) = error {
            self.report(entry, error);
        }
        outcome
    }

    async fn run_within_limits(&self, entry: &Entry, cx: CronContext) -> Result<Outcome> {
        let limit = entry.schedule.timeout;
        let time_is_up = async {
            match limit {
                Some(limit) => self.clock.limit(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = entry.stops.aborted.cancelled() => Ok(Outcome::Cancelled),
            result = entry.work.call(cx) => result,
            () = time_is_up => {
                let limit = limit.unwrap_or_default();
                self.report(entry, anyhow!("timed out after {limit:?}: it was cancelled"));
                Ok(Outcome::TimedOut)
            }
        }
    }

    fn report(&self, entry: &Entry, error: anyhow::Error) {
        if let Some(app) = self.app() {
            app.handle().report_error(entry.source.clone(), error);
        }
    }

    /// Stops one schedule, or all: nothing more is claimed, and what runs may go on for three quarters of the limit.
    /// Then it is cancelled, and at last dropped.
    pub(super) async fn drain(&self, stops: &Stops, limit: Option<Duration>) {
        stops.closing.cancel();
        stops.tasks.close();
        let ended = stops.tasks.wait();
        let Some(limit) = limit else {
            return ended.await;
        };
        if timeout(limit * 3 / 4, ended).await.is_ok() {
            return;
        }
        for entry in self.entries() {
            if entry.stops.closing.is_cancelled() && entry.is_running() {
                self.report(
                    &entry,
                    anyhow!("still runs as the app stops: it was cancelled"),
                );
            }
        }
        stops.cancelled.cancel();
        if timeout(limit / 8, stops.tasks.wait()).await.is_err() {
            stops.aborted.cancel();
            // A task that blocks its thread can't be dropped.
            let _ = timeout(limit / 16, stops.tasks.wait()).await;
        }
    }

    pub(super) async fn check(&self) -> Result<()> {
        let trouble = self.trouble().clone();
        if let Some(trouble) = trouble
            && !self.is_store_back().await
        {
            anyhow::bail!("the store of cron fails: {trouble}");
        }
        self.check_time()
    }

    /// Whether a store that has failed succeeds again. The next claim of a schedule may be a day away.
    async fn is_store_back(&self) -> bool {
        let now = self.clock.now();
        let claim = timeout(PROBE, self.store.claim(PROBED, now, now)).await;
        let is_back = matches!(claim, Ok(Ok(_)));
        if is_back {
            *self.trouble() = None;
        }
        is_back
    }

    fn check_time(&self) -> Result<()> {
        let now = self.clock.now();
        let table = self.table();
        if let Some(wake) = table.wakes.peek()
            && self.app().is_some()
            && wake.at + MISSED_AFTER < now
            && let Some(entry) = wake.entry.upgrade()
        {
            let name = entry.name();
            anyhow::bail!(
                "the schedule `{name}` is more than a minute late: its thread is blocked, or the machine is overloaded"
            );
        }
        Ok(())
    }
}

impl Table {
    /// The clock was far ahead, and was corrected: the times that were computed are wrong.
    fn set_back(&mut self, now: SystemTime) {
        self.wakes.clear();
        let entries: Vec<_> = self.entries.values().cloned().collect();
        for entry in entries {
            let next = entry.set_back(now);
            self.wake(&entry, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::cron::error::Place;
    use crate::cron::{MemoryCronStore, Schedule};

    fn add(engine: &Engine, name: &str) {
        let (schedule, now) = (Schedule::new(name, "@yearly"), engine.clock.now());
        let pattern = schedule.check(now).unwrap();
        let place = (Place(Location::caller()), name.to_owned());
        let task = Work::Task(Arc::new(|_| async { Ok(()) }.boxed()));
        let entry = Entry::new(schedule, pattern, task, place, engine.stops.child(), now);
        assert!(engine.insert(entry).is_ok());
    }

    #[test]
    fn schedules_that_come_and_go_leave_nothing_behind() {
        let engine = Engine::new(Clock::system(), Arc::new(MemoryCronStore::default()));
        add(&engine, "it");
        let it = engine.entry("it").unwrap();
        for _ in 0..1_000 {
            it.pause();
            engine.resume(&it);
            add(&engine, "other");
            drop(engine.remove("other"));
        }
        let table = engine.table();
        assert!(table.wakes.len() <= SPARE + 4, "{}", table.wakes.len());
        assert!(table.new.len() <= 2, "{}", table.new.len());
        let next = table.wakes.peek().map(|wake| wake.at);
        assert_eq!(next, it.next());
    }
}
