//! Every background task of an app, by the plugin that it belongs to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::base::inside::{Inside, within};
use crate::base::lock::lock;
use crate::base::log;
use crate::base::name::PluginName;
#[cfg(feature = "testing")]
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::base::task::make_way;
use crate::declare::{Around, Home, MakeTask, RunContext, Spawn, Supervision, TaskRequest};
use crate::drive::Timing;
use crate::live::{Hook, Nodes, Part, is_in};
use crate::report::{HookError, Outcome};
use crate::run::supervise::{Failures, Supervisor};

/// The tasks of one app.
pub(crate) struct Tasks {
    nodes: Arc<Nodes>,
    runtime: Handle,
    crews: Mutex<Crews>,
    /// How many tasks there have ever been.
    spawned: AtomicUsize,
    failures: Arc<Failures>,
}

#[derive(Default)]
struct Crews {
    by_node: HashMap<u32, Crew>,
    /// No more tasks are taken: the app is being closed.
    all_stopped: bool,
}

/// The tasks of one plugin.
#[derive(Default)]
struct Crew {
    tasks: Vec<Task>,
    /// How many there may be before those that have ended are looked for.
    prune_at: usize,
    /// No more are taken: the plugin is being closed.
    stopped: bool,
}

/// One task. Tokens and names are cheap handles.
#[derive(Clone)]
pub(crate) struct Task {
    name: PluginName,
    /// Whether it is the `run` hook, and not one that was spawned.
    is_hook: bool,
    stop: CancellationToken,
    /// Cancelled when the task is gone, in whatever way.
    ended: CancellationToken,
    abort: AbortHandle,
    began: Instant,
}

impl Tasks {
    pub(crate) fn new(nodes: &Arc<Nodes>) -> Arc<Self> {
        let tasks = Arc::new(Self {
            nodes: Arc::clone(nodes),
            runtime: Handle::current(),
            crews: Mutex::default(),
            spawned: AtomicUsize::new(0),
            failures: Arc::default(),
        });
        let weak = Arc::downgrade(&tasks);
        nodes.set_spawner(weak);
        tasks
    }

    fn crews(&self) -> MutexGuard<'_, Crews> {
        lock(&self.crews)
    }

    /// Spawns the `run` hook of every plugin that has one, in the order of the plan.
    pub(crate) fn spawn_hooks(&self, part: Option<&Part>) {
        #[cfg(feature = "testing")]
        if self.nodes.rig.without_tasks {
            return;
        }
        let mut any = false;
        for node in self.nodes.all().filter(|node| is_in(part, *node)) {
            let member = self.nodes.member(node);
            if member.descriptor.hook_set().run
                && let Some(plugin) = self.nodes.hook(node)
            {
                self.nodes.begin(node, Phase::Run, Instant::now(), None);
                let name = member.name.clone();
                self.spawn_one(node, name, true, member.supervision(), hook(plugin));
                any = true;
            }
        }
        if any {
            // The last one may block, and would keep the waiters from running.
            make_way(&self.runtime);
        }
    }

    fn spawn_one(
        &self,
        node: u32,
        name: PluginName,
        is_hook: bool,
        supervision: Supervision,
        make: MakeTask,
    ) {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let began = Instant::now();
        if !is_hook {
            let nodes = &self.nodes;
            nodes.emit_as(Some(node), &name, Phase::Run, Outcome::Started);
        }
        let span = log::span(|| tracing::info_span!("run", plugin = %name));
        let supervisor = Supervisor {
            nodes: Arc::clone(&self.nodes),
            failures: Arc::clone(&self.failures),
            node,
            name: name.clone(),
            is_hook,
            supervision,
            stop: stop.clone(),
            began,
        };
        let at_end = ended.clone().drop_guard();
        let inside = Inside::Task(self.nodes.life.mark(), node);
        let home = Arc::clone(&self.nodes) as Arc<dyn Home>;
        let place = Around::task(home, node, Phase::Run, name.clone());
        let work = async move {
            let _at_end = at_end;
            within(inside, Some(place), supervisor.work(make)).await;
        };
        let abort = self.runtime.spawn(work.instrument(span)).abort_handle();
        self.spawned.fetch_add(1, Ordering::Relaxed);
        let task = Task {
            name,
            is_hook,
            stop,
            ended,
            abort,
            began,
        };
        let mut crews = self.crews();
        let all_stopped = crews.all_stopped;
        let crew = crews.by_node.entry(node).or_default();
        let is_late = crew.stopped || all_stopped;
        if is_late {
            // It has no owner.
            task.cut();
        }
        let name = is_late.then(|| task.name.clone());
        crew.add(task);
        drop(crews);
        if let Some(name) = name {
            self.warn_of_late(&name, node);
        }
    }

    fn warn_of_late(&self, task: &PluginName, node: u32) {
        let owner = self.nodes.name(node);
        log::log(|| {
            tracing::warn!(
                target: "bootstrap",
                "[{task}] is cancelled: it was spawned when `{owner}` was being closed"
            );
        });
    }

    /// The plugins of a part, or all, take no more tasks.
    pub(crate) fn shut(&self, part: Option<&Part>) {
        let mut crews = self.crews();
        match part {
            None => {
                crews.all_stopped = true;
                self.failures.set_app_ends();
            }
            Some(part) => {
                for node in part.nodes() {
                    crews.by_node.entry(*node).or_default().stopped = true;
                }
            }
        }
    }

    /// Whether there have never been any.
    pub(crate) fn is_empty(&self) -> bool {
        self.spawned.load(Ordering::Relaxed) == 0
    }

    /// The tasks of a plugin that is to be closed: it gets no more.
    pub(crate) fn dismiss(&self, node: u32) -> Vec<Task> {
        match self.crews().by_node.get_mut(&node) {
            Some(crew) => {
                crew.stopped = true;
                crew.tasks.clone()
            }
            None => Vec::new(),
        }
    }

    /// Plugins that will be loaded again may have tasks again.
    pub(crate) fn readmit(&self, part: &Part) {
        let mut crews = self.crews();
        for node in part.nodes() {
            crews.by_node.remove(node);
        }
    }

    /// Keeps a failure that is part of the outcome, although no task is to blame.
    pub(crate) fn keep_failure(&self, error: HookError) {
        self.failures.push(Instant::now(), error);
    }

    /// Whether a plugin has tasks.
    pub(crate) fn has(&self, node: u32) -> bool {
        !self.is_empty() && self.crews().by_node.contains_key(&node)
    }

    /// Ends the tasks of a plugin that did not stop in time, where they wait; returns their names.
    pub(crate) fn abort(&self, node: u32) -> Vec<PluginName> {
        let mut names = Vec::new();
        for task in self.dismiss(node) {
            if !task.ended.is_cancelled() {
                task.cut();
                self.note_cut(node, &task, Outcome::Cancelled);
                names.push(task.name);
            }
        }
        names
    }

    /// The tasks of the plugins of a part, or of all: another part may be closing meanwhile.
    fn dismissed(&self, part: Option<&Part>) -> Vec<(u32, Task)> {
        let crews = self.crews();
        let dismissed = crews.by_node.iter().filter(|(node, _)| is_in(part, **node));
        let all = dismissed.flat_map(|(node, crew)| {
            let tasks = crew.tasks.iter().cloned();
            tasks.map(move |task| (*node, task))
        });
        all.collect()
    }

    /// Waits a moment for the tasks that were aborted; returns those that block their thread.
    pub(crate) async fn unstoppable(
        &self,
        part: Option<&Part>,
        patience: Duration,
    ) -> Vec<(u32, PluginName)> {
        let until = Instant::now() + patience;
        let all = self.dismissed(part);
        let mut left = Vec::new();
        for (node, task) in all {
            if timeout_at(until, task.ended.cancelled()).await.is_err() {
                self.note_cut(node, &task, Outcome::Abandoned);
                left.push((node, task.name));
            }
        }
        left.sort_by(|(one, left), (other, right)| {
            one.cmp(other).then(left.sort_key().cmp(&right.sort_key()))
        });
        left
    }

    /// Notes the end of a task that will not do so itself.
    fn note_cut(&self, node: u32, task: &Task, outcome: Outcome) {
        if task.is_hook {
            let timing = Timing {
                began: task.began,
                ended: Instant::now(),
                was_due: false,
            };
            self.nodes.note(node, Phase::Run, outcome, timing);
        } else {
            let nodes = &self.nodes;
            nodes.emit_as(Some(node), &task.name, Phase::Run, outcome);
        }
    }

    /// What failed, in the order in which it did.
    pub(crate) fn take_failures(&self) -> Vec<(Instant, HookError)> {
        self.failures.take()
    }
}

impl Crew {
    /// Forgets those that have ended, now and then: each time would cost more with every task.
    fn add(&mut self, task: Task) {
        if self.tasks.len() >= self.prune_at {
            self.tasks.retain(|task| !task.ended.is_cancelled());
            self.prune_at = (2 * self.tasks.len()).max(16);
        }
        self.tasks.push(task);
    }
}

impl Task {
    fn cut(&self) {
        self.stop.cancel();
        self.abort.abort();
    }
}

/// Asks tasks to end, and waits until they have.
pub(crate) async fn stopped(tasks: Vec<Task>) {
    for task in &tasks {
        task.stop.cancel();
    }
    for task in &tasks {
        task.ended.cancelled().await;
    }
}

/// The `run` hook of a plugin as a task.
fn hook(plugin: Hook) -> MakeTask {
    Box::new(move |cx: RunContext| {
        let plugin = Arc::clone(&plugin);
        Box::pin(async move { plugin.run(&cx).await })
    })
}

impl Spawn for Tasks {
    fn spawn(&self, node: u32, request: TaskRequest) {
        #[cfg(feature = "testing")]
        if self.nodes.rig.without_tasks {
            // What the task holds is the user's.
            let _ = guard(|| drop(request));
            return;
        }
        let TaskRequest {
            name,
            supervision,
            make,
        } = request;
        let name = format!("{}/{name}", self.nodes.name(node));
        let name = PluginName::from(Arc::<str>::from(name));
        self.spawn_one(node, name, false, supervision, make);
        make_way(&self.runtime);
    }
}
