//! What a worker shows of itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::jobs::QueueLimits;
use crate::jobs::handler::Handlers;

/// What runs the jobs of a process: the state of [`JobWorkerPlugin`](crate::jobs::JobWorkerPlugin).
///
/// Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct JobWorker {
    concurrency: usize,
    queues: Arc<BTreeMap<String, Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    limits: QueueLimits,
    /// How many of each run.
    jobs: BTreeMap<&'static str, Arc<AtomicUsize>>,
}

/// A queue of jobs that a process handles: see [`JobWorker::queues`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueInfo {
    /// The name of the queue.
    pub name: String,
    /// The names of its jobs that this process handles, sorted.
    pub jobs: Vec<&'static str>,
    /// Its limits in this process.
    pub limits: QueueLimits,
    /// How many of its jobs run in this process now.
    pub running: usize,
}

impl JobWorker {
    pub(super) fn new(
        concurrency: usize,
        handlers: &Handlers,
        limits: &BTreeMap<String, QueueLimits>,
    ) -> Self {
        let mut queues = BTreeMap::<String, Queue>::new();
        for (name, handler) in handlers {
            let queue = &*handler.policy.queue;
            let limits = limits.get(queue).copied().unwrap_or_default();
            let queue = queues.entry(queue.to_owned()).or_default();
            queue.limits = limits;
            queue.jobs.insert(name, Arc::clone(&handler.running));
        }
        Self {
            concurrency,
            queues: Arc::new(queues),
        }
    }

    /// The names of the jobs that this process handles, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let queues = self.queues.values();
        let mut names: Vec<_> = queues
            .flat_map(|queue| queue.jobs.keys().copied())
            .collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// How many jobs run at the same time in this process, of all queues: `jobs.concurrency`, or 0 if `jobs.worker` is `false`.
    pub const fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// The queues of the jobs that this process handles, sorted by name, with how many of their jobs run in this process now.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::jobs::JobWorker;
    /// fn print(worker: &JobWorker) {
    ///     for queue in worker.queues() {
    ///         println!("{}: {} run, of at most {:?}", queue.name, queue.running, queue.limits.most_at_once());
    ///     }
    /// }
    /// ```
    pub fn queues(&self) -> Vec<QueueInfo> {
        let info = |(name, queue): (&String, &Queue)| QueueInfo {
            name: name.clone(),
            jobs: queue.jobs.keys().copied().collect(),
            limits: queue.limits,
            running: queue
                .jobs
                .values()
                .map(|it| it.load(Ordering::Relaxed))
                .sum(),
        };
        self.queues.iter().map(info).collect()
    }
}
