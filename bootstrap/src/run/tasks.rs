//! Every `run` hook as a task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::base::panic::{guard, guard_future};
use crate::base::phase::Phase;
use crate::base::task::make_way;
use crate::declare::RunContext;
use crate::drive::Timing;
use crate::life::ShutdownReason;
use crate::live::{Hook, Nodes};
use crate::report::{Cause, Outcome, PluginError};

/// The tasks of one app.
pub(crate) struct Tasks {
    nodes: Arc<Nodes>,
    by_node: HashMap<u32, Task>,
    failures: Arc<Mutex<Vec<(Instant, PluginError)>>>,
}

/// One task. Both tokens are cheap handles.
#[derive(Clone)]
pub(crate) struct Task {
    stop: CancellationToken,
    /// Cancelled when the task is gone, in whatever way.
    ended: CancellationToken,
    abort: AbortHandle,
    began: Instant,
}

impl Task {
    /// Asks the task to end, and waits until it has.
    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

impl Tasks {
    /// Spawns the `run` hook of every plugin that has one, in the order of the plan.
    pub(crate) fn spawn(nodes: &Arc<Nodes>) -> Self {
        let mut tasks = Self {
            nodes: Arc::clone(nodes),
            by_node: HashMap::new(),
            failures: Arc::default(),
        };
        for node in nodes.plan.requires.nodes() {
            if nodes.plan.member(node).descriptor.hook_set().run
                && let Some(plugin) = nodes.hook(node)
            {
                tasks.spawn_one(node, plugin);
            }
        }
        if !tasks.is_empty() {
            // The last one may block, and would keep those who notice from running.
            make_way(&Handle::current());
        }
        tasks
    }

    fn spawn_one(&mut self, node: u32, plugin: Hook) {
        let stop = CancellationToken::new();
        let ended = CancellationToken::new();
        let at_end = ended.clone().drop_guard();
        let nodes = Arc::clone(&self.nodes);
        let failures = Arc::clone(&self.failures);
        let cx = RunContext::new(nodes.site(node), stop.clone());
        let began = Instant::now();
        nodes.begin(node, Phase::Run, began, None);
        let name = nodes.plan.name(node).clone();
        let span = tracing::info_span!("run", plugin = %name);
        let task = async move {
            let _at_end = at_end;
            let failed = fails(&plugin, &cx).await;
            // The plugin goes before the end is told: whoever waits for it may want it alone.
            let dropped = guard(|| drop((plugin, cx)));
            let failed = failed.or(dropped.err().map(Cause::Panic));
            let outcome = failed.as_ref().map_or(Outcome::Done, Cause::outcome);
            let ended = Instant::now();
            nodes.note(node, Phase::Run, outcome, Timing { began, ended });
            if let Some(cause) = failed {
                let error = nodes.error(node, Phase::Run, cause);
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push((ended, error.clone()));
                drop(failures);
                nodes.life.request_stop(ShutdownReason::TaskFailed(name));
                tracing::error!(target: "bootstrap", "{error}");
            }
        };
        let abort = tokio::spawn(task.instrument(span)).abort_handle();
        let task = Task {
            stop,
            ended,
            abort,
            began,
        };
        self.by_node.insert(node, task);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_node.is_empty()
    }

    pub(crate) fn get(&self, node: u32) -> Option<Task> {
        self.by_node.get(&node).cloned()
    }

    /// Ends a task that did not stop in time, where it waits; returns whether there was one.
    pub(crate) fn abort(&self, node: u32) -> bool {
        let running = |task: &&Task| !task.ended.is_cancelled();
        let task = self.by_node.get(&node).filter(running);
        if let Some(task) = task {
            task.stop.cancel();
            task.abort.abort();
            self.note_cut(node, task, Outcome::Cancelled);
        }
        task.is_some()
    }

    /// Waits a moment for the tasks that were aborted; returns those that block their thread.
    pub(crate) async fn unstoppable(&self, patience: Duration) -> Vec<u32> {
        let until = Instant::now() + patience;
        let mut left = Vec::new();
        for (node, task) in &self.by_node {
            if timeout_at(until, task.ended.cancelled()).await.is_err() {
                left.push(*node);
                self.note_cut(*node, task, Outcome::Abandoned);
            }
        }
        left.sort_unstable();
        left
    }

    /// Notes the end of a task that will not do so itself.
    fn note_cut(&self, node: u32, task: &Task, outcome: Outcome) {
        let timing = Timing {
            began: task.began,
            ended: Instant::now(),
        };
        self.nodes.note(node, Phase::Run, outcome, timing);
    }

    /// What failed, in the order in which it did.
    pub(crate) fn take_failures(&self) -> Vec<(Instant, PluginError)> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut failures)
    }
}

async fn fails(plugin: &Hook, cx: &RunContext) -> Option<Cause> {
    match guard_future(plugin.run(cx)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Cause::Error(error)),
        Err(message) => Some(Cause::Panic(message)),
    }
}
