//! The plugin `job-worker`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail, ensure};
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::database::values::Time;
use crate::draining::draining;
use crate::jobs::handler::{Handlers, is_name};
use crate::jobs::queue::QueueLimits;
use crate::jobs::work::{Stops, Work};
use crate::jobs::{JobCount, JobHandler, JobState, JobWorker, Jobs, metrics};
use crate::rate;

/// How often jobs that are too old are removed.
const PURGE: Duration = Duration::from_hours(1);
/// How soon a purge that failed is repeated.
const PURGE_AGAIN: Duration = Duration::from_mins(1);
/// How often what is stored is measured, at most.
const MEASURE: Duration = Duration::from_secs(10);
/// The longest time of grace: with the last words of handlers, it fits into the limit of the hook.
const LONGEST_GRACE: Duration = Duration::from_secs(15);
/// How long the engine may be silent before the health check fails.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Runs jobs. It joins a collected app that has a plugin with [`#[job_handler(..)]`](macro@crate::jobs::job_handler).
///
/// | key | default | meaning |
/// |---|---|---|
/// | `jobs.worker` | `true` | `false`: this process enqueues jobs, and leaves them to others |
/// | `jobs.concurrency` | `10` | how many jobs run at the same time in this process |
/// | `jobs.grace` | `8s` | how long jobs may go on when the app stops, before they are asked to end, at most 15 s |
/// | `jobs.keep` | `7d` | how long jobs that are done or cancelled are kept, 1 minute to 100 years; dead letters are kept until they are requeued, removed or purged |
/// | `jobs.late` | `10m` | how long a job may be ready before the health check fails |
/// | `jobs.queues.mail.concurrency` | | how many jobs of the queue `mail` run at the same time in this process; with 0 it leaves the queue to others |
/// | `jobs.queues.mail.rate` | | how many begin, of all processes together: `"10/s"`; the units are `ms`, `s`, `m`, `h` and `d` |
///
/// It requires all handlers, so it stops before they do. When the app stops, it claims no more jobs, and those that run may go on for
/// `jobs.grace`. Then [`JobContext::cancelled`](crate::jobs::JobContext::cancelled) is ready; a second later, what still runs is dropped, and is ready for the next process, with
/// no attempt counted.
///
/// # Errors
///
/// The boot fails if a value is out of its range, if two handlers have jobs of one name, if a name is malformed, and if the configuration
/// limits a queue that no handler uses.
#[plugin(
    name = "job-worker",
    states = [JobWorker],
    ports = [self as dyn HealthCheck],
    collect = needed,
    close_timeout = "20s"
)]
#[derive(Debug)]
pub struct JobWorkerPlugin {
    jobs: State<Jobs>,
    clock: State<Clock>,
    handlers: Ports<dyn JobHandler>,
    by_hand: Option<State<ByHand>>,
    #[option(config = "jobs.worker", default = None, setter = false)]
    worker: Option<bool>,
    /// How many jobs run at the same time in this process. 10 by default.
    #[option(config = "jobs.concurrency", default = 10)]
    pub concurrency: usize,
    #[option(config = "jobs.grace", default = Time(Duration::from_secs(8)), setter = false)]
    grace: Time,
    #[option(config = "jobs.keep", default = Time(Duration::from_hours(7 * 24)), setter = false)]
    keep: Time,
    #[option(config = "jobs.late", default = Time(Duration::from_mins(10)), setter = false)]
    late: Time,
    #[option(config = "jobs.queues", default = BTreeMap::new(), setter = false)]
    configured: BTreeMap<String, Configured>,
    #[option(default = BTreeMap::new(), setter = false)]
    queues: BTreeMap<String, QueueLimits>,
    #[local]
    stops: Stops,
    #[local]
    work: Option<Work>,
    #[local]
    ended: Ended,
}

/// Supplied by tests that run jobs by hand.
#[doc(hidden)]
#[derive(Debug)]
#[supplied]
pub struct ByHand;

/// Whether the work has ended.
#[derive(Debug)]
struct Ended(watch::Sender<bool>);

/// Says that the work has ended when it is dropped.
struct Ends<'a>(&'a watch::Sender<bool>);

impl Ended {
    fn begin(&self) -> Ends<'_> {
        self.0.send_replace(false);
        Ends(&self.0)
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl Default for Ended {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

/// The limits of a queue, as the configuration has them.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `concurrency` and `rate`"
)]
struct Configured {
    concurrency: Option<usize>,
    rate: Option<String>,
}

impl JobWorkerPlugin {
    /// Whether this process runs jobs: `jobs.worker`, `true`.
    #[must_use]
    pub fn worker(mut self, runs: bool) -> Self {
        self.worker = Some(runs);
        self
    }

    /// How long jobs may go on when the app stops: `jobs.grace`, 8 s.
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.grace = Time(time);
        self
    }

    /// How long jobs that are done or cancelled are kept: `jobs.keep`, 7 days.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = Time(time);
        self
    }

    /// How long a job may be ready before the health check fails: `jobs.late`, 10 minutes.
    #[must_use]
    pub fn late(mut self, time: Duration) -> Self {
        self.late = Time(time);
        self
    }

    /// Limits a queue. What the configuration sets for it outranks this.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>, limits: QueueLimits) -> Self {
        self.queues.insert(name.into(), limits);
        self
    }
}

impl Hooks for JobWorkerPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<JobWorker> {
        self.check(cx)?;
        let handlers = self.handlers()?;
        let queues = self.limits(&handlers, cx)?;
        let concurrency = if self.worker.unwrap_or(true) {
            self.concurrency
        } else {
            0
        };
        let worker = JobWorker::new(concurrency, &handlers, &queues);
        let clock = Clock::clone(&self.clock);
        let limits = (self.concurrency, queues);
        let work = Work::new(handlers, limits, clock, cx.handle(), self.stops.clone());
        #[cfg(feature = "testing")]
        self.jobs.set_work(&work);
        #[cfg(feature = "web")]
        self.jobs.set_worker(&worker);
        self.work = Some(work);
        Ok(worker)
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let Some(work) = self.work.clone().filter(|_| self.runs()) else {
            return Ok(());
        };
        let clock = Clock::clone(&self.clock);
        let engine = Arc::clone(self.jobs.engine());
        let app = cx.handle();
        let working = async {
            // Also if this future is dropped, or the engine panics: a drain does not wait for what has gone.
            let _ends = self.ended.begin();
            engine.work(work).await
        };
        // Until the work has ended, also after the plugin was told to stop.
        let tending = async {
            tokio::select! {
                // Before the plugin's own turn to drain: others may take long.
                () = draining(&app) => self.stops.closing.cancel(),
                () = cx.stopped() => self.stops.closing.cancel(),
                () = self.tend() => {}
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = clock.work(working) => result,
            () = tending => Ok(()),
        }
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        self.stop(cx.remaining()).await;
        Ok(())
    }
}

impl JobWorkerPlugin {
    /// Tests run jobs by hand, unless they say otherwise.
    fn runs(&self) -> bool {
        self.worker.unwrap_or(self.by_hand.is_none())
    }

    /// Waits for what runs, tells it to end after the grace, and waits until that is stored.
    async fn stop(&self, limit: Option<Duration>) {
        let Time(grace) = self.grace;
        // A part of the limit is for the last words of the handlers, and for storing how they ended.
        let grace = limit.map_or(grace, |limit| grace.min(limit / 4 * 3));
        self.stops.closing.cancel();
        let mut ended = self.ended.0.subscribe();
        let ends = async move { drop(ended.wait_for(|it| *it).await) };
        tokio::pin!(ends);
        tokio::select! {
            () = &mut ends => return,
            () = self.clock.limit(grace) => self.stops.cancelled.cancel(),
        }
        let rest = limit.map(|limit| limit.saturating_sub(grace) / 4 * 3);
        let given_up = async {
            match rest {
                Some(rest) => self.clock.limit(rest).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ends => {}
            () = given_up => tracing::warn!("the engine of the jobs does not end: others take over what it runs"),
        }
    }

    fn check(&self, cx: &LoadContext) -> Result<()> {
        let (Time(keep), Time(late)) = (self.keep, self.late);
        let (key, wrong, help) = if self.concurrency == 0 || self.concurrency > 10_000 {
            let wrong = format!("`jobs.concurrency` is {}", self.concurrency);
            (
                "jobs.concurrency",
                wrong,
                "set it to a number from 1 to 10000; `jobs.worker = false` runs no jobs",
            )
        } else if !(Duration::from_mins(1)..=Duration::from_hours(24 * 36_525)).contains(&keep) {
            (
                "jobs.keep",
                format!("`jobs.keep` is {keep:?}"),
                "set it to a time from `1m` to `36525d`",
            )
        } else if self.grace.0 > LONGEST_GRACE {
            let wrong = format!("`jobs.grace` is {:?}", self.grace.0);
            (
                "jobs.grace",
                wrong,
                "set it to a time up to `15s`, as the app has 30 seconds to close",
            )
        } else if late.is_zero() {
            (
                "jobs.late",
                "`jobs.late` is zero".to_owned(),
                "set it to a time such as `10m`",
            )
        } else {
            return Ok(());
        };
        Err(cx.config_error(key, wrong, help).into())
    }

    fn handlers(&self) -> Result<Handlers> {
        let mut handlers = Handlers::new();
        for (plugin, handler) in &self.handlers {
            let handler = Port::to_arc(handler)
                .context("a handler is not bound")?
                .attach();
            let name = handler.name;
            ensure!(
                is_name(name),
                "the plugin `{plugin}` handles a job that is called `{}`: write 1 to 100 of `a-z`, `0-9`, `-` and `.` as its `Job::NAME`",
                name.escape_debug()
            );
            let queue = &handler.policy.queue;
            ensure!(
                is_name(queue),
                "the job `{name}` is in a queue that is called `{}`: write 1 to 100 of `a-z`, `0-9`, `-` and `.` in its `JobPolicy::queue`",
                queue.escape_debug()
            );
            ensure!(
                handlers.insert(name, handler).is_none(),
                "the job `{name}` has two handlers, one of them is the plugin `{plugin}`: remove one of them, or give its job another `Job::NAME`"
            );
        }
        Ok(handlers)
    }

    /// The limits of the code, with what the configuration sets.
    fn limits(
        &self,
        handlers: &Handlers,
        cx: &LoadContext,
    ) -> Result<BTreeMap<String, QueueLimits>> {
        let mut limits = self.queues.clone();
        for (name, configured) in &self.configured {
            let queue = limits.entry(name.clone()).or_default();
            if let Some(concurrency) = configured.concurrency {
                *queue = queue.concurrency(concurrency);
            }
            if let Some(text) = &configured.rate {
                let Some((count, period)) = rate::parse(text) else {
                    let wrong = format!("the rate of the queue `{name}` is malformed");
                    let help = "write a number and a time, as `10/s`, `100/30s` or `5/m`";
                    return Err(cx
                        .config_error(&format!("jobs.queues.{name}.rate"), wrong, help)
                        .into());
                };
                *queue = queue.rate(count, period);
            }
        }
        for (name, queue) in &limits {
            let key = format!("jobs.queues.{name}");
            if let Some(fault) = queue.fault() {
                let wrong = format!("the queue `{name}` {fault}");
                return Err(cx
                    .config_error(&key, wrong, "write a rate such as `10/s`")
                    .into());
            }
            if !handlers
                .values()
                .any(|handler| handler.policy.queue == *name)
            {
                let queues: std::collections::BTreeSet<_> =
                    handlers.values().map(|it| &*it.policy.queue).collect();
                let queues: Vec<_> = queues.into_iter().collect();
                let wrong = format!("no job of this app is in the queue `{name}`");
                let help = format!(
                    "remove it, or write one of its queues: {}",
                    queues.join(", ")
                );
                return Err(cx.config_error(&key, wrong, help).into());
            }
        }
        Ok(limits)
    }

    /// What a worker does besides its jobs.
    async fn tend(&self) {
        // Each by itself, so that a virtual clock waits for one while the other sleeps.
        let clock = &self.clock;
        tokio::join!(clock.work(self.purge()), clock.work(self.measure()));
    }

    /// Removes jobs that are too old.
    async fn purge(&self) {
        let Time(keep) = self.keep;
        loop {
            let mut pause = PURGE;
            for state in [JobState::Done, JobState::Cancelled] {
                if let Err(error) = self.jobs.purge(state, keep).await {
                    tracing::warn!(%error, "jobs that are too old were not removed; another attempt follows");
                    pause = PURGE_AGAIN;
                }
            }
            self.clock.sleep(pause).await;
        }
    }

    /// Measures what is stored, if anything records it. The engine reads an entry for each job, so the pause grows with the time that takes.
    async fn measure(&self) {
        let names = self.work.iter().flat_map(Work::known);
        let mut stored = metrics::Stored::of(names.map(|known| known.name));
        while cfg!(feature = "metrics") {
            let mut took = Duration::ZERO;
            if stored.is_recorded() {
                let began = Instant::now();
                match self.stored().await {
                    Ok((waiting, counts)) => stored.set(&waiting, &counts, self.clock.now()),
                    Err(error) => tracing::debug!(%error, "the stored jobs were not measured"),
                }
                took = began.elapsed();
            }
            self.clock.sleep(pause(took)).await;
        }
    }

    async fn stored(&self) -> Result<(Vec<(String, SystemTime)>, Vec<JobCount>)> {
        let engine = self.jobs.engine();
        Ok((engine.waiting().await?, engine.counts().await?))
    }
}

/// The pause after a measurement that took this long: whole rounds, so that measuring takes a hundredth of the time at most.
fn pause(took: Duration) -> Duration {
    let rounds = (took * 100).as_secs() / MEASURE.as_secs() + 1;
    MEASURE * u32::try_from(rounds).unwrap_or(u32::MAX)
}

/// Fails while the engine does not answer, and while jobs wait for too long.
#[async_trait]
impl HealthCheck for JobWorkerPlugin {
    async fn check(&self) -> Result<()> {
        let Some(work) = self.work.as_ref().filter(|_| self.runs()) else {
            return Ok(());
        };
        let (silent, trouble) = work.silence();
        if let Some(trouble) = trouble {
            bail!("no job begins, because the engine fails: {trouble}");
        }
        ensure!(
            silent < LONGEST_SILENCE,
            "the engine has not answered for {silent:.0?}"
        );
        let waiting = self.jobs.engine().waiting().await?;
        let Time(late) = self.late;
        let now = self.clock.now();
        let waited = waiting
            .iter()
            .map(|(name, at)| (name, now.duration_since(*at).unwrap_or_default()));
        let Some((name, waited)) = waited
            .max_by_key(|(_, waited)| *waited)
            .filter(|(_, waited)| *waited > late)
        else {
            return Ok(());
        };
        if work.known().any(|known| known.name == *name) {
            bail!("a job `{name}` has been ready for {waited:.0?}");
        }
        bail!(
            "a job `{name}` has been ready for {waited:.0?}, and no plugin of this process handles it"
        );
    }

    /// Jobs are kept, and the service answers all the same.
    fn critical(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measuring_takes_a_hundredth_of_the_time_at_most() {
        let paused = |millis| pause(Duration::from_millis(millis)).as_secs();
        assert_eq!(
            [0, 1, 99, 100, 199, 200, 2_000].map(paused),
            [10, 10, 10, 20, 20, 30, 210]
        );
    }
}
