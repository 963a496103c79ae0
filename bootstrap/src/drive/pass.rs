//! One pass over the graph: spawns drivers, and watches over them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::base::lock::lock;
use crate::base::panic::guard;
use crate::base::task::{make_way, spawn_apart};
use crate::base::time::{cancelled, later, until};
use crate::drive::board::{Board, GivenUp};
use crate::drive::job::{End, Grow, Phase, Slow, Timing};
use crate::drive::scheduler::{Join, Scheduler};

/// Of how many jobs that take long it is told who waits for them.
const TOLD: usize = 50;

/// When a pass has to end early.
pub(crate) struct Limits<'a> {
    /// At this time everything that runs is cancelled, and nothing more is started.
    pub(crate) deadline: Option<Instant>,
    /// The same when this is cancelled.
    pub(crate) interrupt: Option<&'a CancellationToken>,
    /// A job that should have ended is waited for [`GRACE`](super::GRACE), and from this time on
    /// no longer than [`LAST_CHANCE`](super::LAST_CHANCE).
    pub(crate) patient_until: Option<Instant>,
    /// How long jobs may take before that is worth a word; then twice as long, and so on.
    pub(crate) remind_after: Duration,
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
        let began = Instant::now();
        let mut slow = limits.remind_after;
        while let Look::Again(alarm) = self.look() {
            let going = ending == Ending::OfItself;
            tokio::select! {
                biased;
                () = std::future::ready(()), if going && has_come(limits.deadline) => {
                    ending = Ending::Expired;
                    self.cancel();
                }
                () = self.changed.notified() => {}
                () = cancelled(limits.interrupt), if going => {
                    ending = Ending::Interrupted;
                    self.cancel();
                }
                () = until(limits.deadline), if going => {
                    ending = Ending::Expired;
                    self.cancel();
                }
                () = until(alarm) => {}
                () = sleep_until(later(began, slow)) => {
                    self.remind(limits.remind_after);
                    slow = slow.saturating_mul(2);
                }
            }
        }
        Ended {
            ending,
            not_begun: self.board().not_begun(),
        }
    }

    fn remind(&self, than: Duration) {
        let slow = self.slow(than);
        if !slow.is_empty() {
            let _ = guard(|| self.phase.is_slow(&slow));
        }
    }

    /// The jobs that take long, but for those that wait for another one of them.
    fn slow(&self, than: Duration) -> Vec<Slow> {
        let board = self.board();
        let running = board.running(Instant::now(), than).into_iter();
        let slow = running.enumerate().map(|(place, (node, since))| {
            // Nobody reads more; and each may be waited for by all others.
            let waiting = if place < TOLD {
                board.waits_for(node)
            } else {
                Vec::new()
            };
            Slow {
                node,
                since,
                waiting,
            }
        });
        let mut slow: Vec<Slow> = slow.collect();
        drop(board);
        let waiting = slow.iter().flat_map(|it| &it.waiting).copied();
        let waiting: HashSet<u32> = waiting.collect();
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

    fn cancel(&self) {
        let now = Instant::now();
        let mut board = self.board();
        // Whose own time is up at this very moment hears that reason.
        board.sentence_due(now, |node, limit| self.extended(node, limit));
        board.cancel_all(now);
    }

    fn give_up(&self, job: GivenUp<P::Output>, now: Instant) {
        let GivenUp { node, began, job } = job;
        let end = match job {
            None => End::Abandoned,
            Some((job, verdict)) => {
                // No driver came to drop it, so they are all held by jobs that block. Dropping it
                // runs the user's code, which may block as well: not here.
                spawn_apart(&self.runtime, async move {
                    let _ = guard(|| drop(job));
                });
                End::from(verdict)
            }
        };
        let flow = self.phase.end(node, end, Timing { began, ended: now });
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

/// Whether a time has come, even if the runtime has had no time to look at its timers.
fn has_come(time: Option<Instant>) -> bool {
    time.is_some_and(|time| time <= Instant::now())
}
