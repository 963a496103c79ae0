//! One pass over the graph: spawns drivers, and watches over them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::base::lock::lock;
use crate::base::panic::guard;
use crate::base::task::{make_way, spawn_apart};
use crate::base::time::{cancelled, until};
use crate::drive::board::{Board, GivenUp, Verdict};
use crate::drive::job::{End, Grow, Phase, Slow, Timing};
use crate::drive::scheduler::{Join, Scheduler};
use crate::life::Life;

/// For how many slow jobs the nodes that wait for them are listed.
const TOLD: usize = 50;

/// When a pass has to end early.
pub(crate) struct Limits<'a> {
    /// At this time everything that runs is cancelled, and nothing more is started.
    pub(crate) deadline: Option<Instant>,
    /// The same when this app is asked to stop.
    pub(crate) interrupt: Option<&'a Life>,
    /// A job that should have ended is waited for [`GRACE`](super::GRACE), and from this time on
    /// no longer than [`LAST_CHANCE`](super::LAST_CHANCE).
    pub(crate) patient_until: Option<Instant>,
    /// How long jobs may take before that is worth a word; then twice as long, and so on.
    pub(crate) remind_after: Duration,
}

impl Limits<'_> {
    /// Why the pass has to end early, and since when; of two reasons the first one, even if the
    /// runtime had no time to look at its timers.
    fn reason_to_end(&self) -> Option<(Ending, Instant)> {
        let stop = self.interrupt.and_then(Life::stopped_at);
        let deadline = self.deadline.filter(|at| *at <= Instant::now());
        match (stop, deadline) {
            (Some(stop), deadline) if deadline.is_none_or(|at| stop <= at) => {
                Some((Ending::Interrupted, stop))
            }
            (_, deadline) => Some((Ending::Expired, deadline?)),
        }
    }
}

/// How a pass went.
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    /// The nodes that it never came to, in the order of the plan.
    pub(crate) not_begun: Vec<u32>,
}

/// Why a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every node is done, or the phase stopped it.
    OfItself,
    /// Its deadline had come.
    Expired,
    /// It was interrupted.
    Interrupted,
}

/// Runs a phase at every node of the scheduler.
///
/// Returns when each job has ended or was left behind. Never polls a job, so that no job can keep
/// it from returning, as long as the runtime has a thread left for it.
pub(crate) async fn run<P: Phase>(
    phase: Arc<P>,
    scheduler: Scheduler,
    limits: Limits<'_>,
) -> Ended {
    if scheduler.is_done() {
        return Ended {
            ending: Ending::OfItself,
            not_begun: Vec::new(),
        };
    }
    let runtime = Handle::current();
    let board = Board::new(
        scheduler,
        most_drivers(&runtime),
        limits.deadline,
        limits.patient_until,
        limits.remind_after,
    );
    let pass = Arc::new_cyclic(|me| Pass {
        me: Weak::clone(me),
        phase,
        board: Mutex::new(board),
        changed: Notify::new(),
        runtime,
    });
    pass.phase.attach(pass.me.clone());
    pass.spawn_driver();
    pass.watch(limits).await
}

/// When the watcher has to look at the board again.
enum Look {
    /// When it is told to, and at this time.
    Again(Option<Instant>),
    Over,
}

/// Enough that every worker can be held by a blocking job while it holds a second driver back.
fn most_drivers(runtime: &Handle) -> usize {
    match runtime.runtime_flavor() {
        RuntimeFlavor::CurrentThread => 1,
        _ => 2 * runtime.metrics().num_workers(),
    }
}

pub(super) struct Pass<P: Phase> {
    /// For drivers that it spawns.
    me: Weak<Self>,
    pub(super) phase: Arc<P>,
    board: Mutex<Board<P::Output>>,
    /// Tells the watcher to look at the board.
    pub(super) changed: Notify,
    pub(super) runtime: Handle,
}

impl<P: Phase> Pass<P> {
    /// The board. No user code runs under its lock, so a poisoned one is as good as any.
    pub(super) fn board(&self) -> MutexGuard<'_, Board<P::Output>> {
        lock(&self.board)
    }

    async fn watch(self: &Arc<Self>, limits: Limits<'_>) -> Ended {
        let mut ending = Ending::OfItself;
        let mut reminded = Instant::now();
        loop {
            let mut going = ending == Ending::OfItself && !self.board().is_done();
            // Before the limits of jobs are looked at, which may have passed since.
            if let Some((reason, at)) = limits.reason_to_end().filter(|_| going) {
                (ending, going) = (reason, false);
                self.cancel(at);
            }
            let Look::Again(alarm) = self.look() else {
                break;
            };
            let remind_at = self.board().remind_at;
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = cancelled(limits.interrupt.map(Life::stop_token)), if going => {}
                () = until(limits.deadline), if going => {}
                () = until(alarm) => {}
                () = until(remind_at) => {
                    let now = Instant::now();
                    self.remind(reminded, now);
                    self.board().set_reminder(now);
                    reminded = now;
                }
            }
        }
        Ended {
            ending,
            not_begun: self.board().not_begun(),
        }
    }

    /// Names the jobs whose time for that has come since the last look.
    fn remind(&self, last: Instant, now: Instant) {
        let slow = self.slow(last, now);
        if !slow.is_empty() {
            let _ = guard(|| self.phase.is_slow(&slow));
        }
    }

    /// The jobs to name, but for those that wait for another one that takes long: that is named in
    /// its own time.
    fn slow(&self, last: Instant, now: Instant) -> Vec<Slow> {
        let board = self.board();
        let (mut slow, others) = board.slow(last, now);
        let mut waiting: HashSet<u32> = HashSet::new();
        // A longer list is not read, and each may be waited for by all others.
        for it in slow.iter_mut().take(TOLD) {
            it.waiting = board.waits_for(it.node);
            waiting.extend(&it.waiting);
        }
        for node in others.into_iter().take(TOLD) {
            waiting.extend(board.waits_for(node));
        }
        drop(board);
        slow.retain(|it| !waiting.contains(&it.node));
        slow
    }

    /// Sees to what is due.
    fn look(self: &Arc<Self>) -> Look {
        let now = Instant::now();
        let extended = |node, limit| self.extended(node, limit);
        let given_up = self.board().tick(now, extended);
        for job in given_up {
            self.give_up(job, now);
        }
        let mut board = self.board();
        let idle = board.close_if_done();
        let over = board.is_over();
        let alarm = board.set_alarm();
        let summons = board.summon();
        drop(board);
        idle.into_iter().for_each(Waker::wake);
        self.send(summons);
        if over { Look::Over } else { Look::Again(alarm) }
    }

    /// When the time of a job is up that has told of its progress.
    fn extended(&self, node: u32, limit: Duration) -> Option<Instant> {
        let end = self.phase.progressed(node)?.checked_add(limit);
        let latest = self.phase.ends_by(node);
        end.into_iter().chain(latest).min()
    }

    /// Ends the pass early, for a reason that there is since `at`: the time of a job that was up by
    /// then is what ends that job.
    fn cancel(&self, at: Instant) {
        let mut board = self.board();
        board.sentence_due(at, |node, limit| self.extended(node, limit));
        board.cancel_all(Instant::now());
    }

    fn give_up(&self, job: GivenUp<P::Output>, now: Instant) {
        let GivenUp {
            node,
            began,
            verdict,
            job,
        } = job;
        let end = match job {
            None => End::Abandoned,
            Some(job) => {
                // No driver came to drop it, so they are all held by jobs that block. Dropping it
                // runs the user's code, which may block as well: not here.
                spawn_apart(&self.runtime, async move {
                    let _ = guard(|| drop(job));
                });
                End::from(verdict)
            }
        };
        let timing = Timing {
            began,
            ended: now,
            was_due: verdict != Verdict::Cancelled,
        };
        let flow = self.phase.end(node, end, timing);
        self.board().finish(node, flow, now);
    }
}

impl<P: Phase> Pass<P> {
    /// Changes the board, and sees to it that drivers act on it. A hook may call this, and block its
    /// thread afterwards. So the watcher is only woken if it has to look, and makes way then: a thread
    /// that is blocked would keep the watcher as the task that it polls next.
    fn change<T>(&self, change: impl FnOnce(&mut Board<P::Output>) -> T) -> T {
        let mut board = self.board();
        let changed = change(&mut board);
        let summons = board.summon();
        let must_look = board.must_look();
        drop(board);
        if let Some(me) = self.me.upgrade() {
            me.send(summons);
        }
        if must_look {
            self.changed.notify_one();
            make_way(&self.runtime);
        }
        changed
    }
}

impl<P: Phase> Grow for Pass<P> {
    fn join(&self, joins: Vec<Join>) {
        self.change(|board| board.join(joins));
    }

    fn lend(&self, node: u32) {
        self.change(|board| board.lend(node));
    }

    fn reclaim(&self, node: u32) {
        self.change(|board| board.reclaim(node));
    }

    fn release(&self, node: u32) {
        self.change(|board| board.release(node));
    }

    fn cut(&self, nodes: &[u32]) -> Vec<u32> {
        self.change(|board| board.cut(nodes, Instant::now()))
    }
}
