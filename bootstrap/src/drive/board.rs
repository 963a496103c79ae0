//! The shared state of a pass. Every method is short and polls nothing: it runs under a lock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::time::later;
use crate::drive::job::{Flow, JobFuture};
use crate::drive::scheduler::{Join, Scheduler};

/// How long a job that should have ended is waited for, before it is left behind.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// The same when there is no time left; also how long a hook gets that begins then.
pub(crate) const LAST_CHANCE: Duration = Duration::from_millis(100);

/// How long the first instruction of a hook may take to be reached: its thread may have to wait for
/// a core. Ends before the grace does.
pub(super) const BEGINNING: Duration = Duration::from_millis(500);

/// Why a job has to end before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    TimedOut(Duration),
    Cancelled,
}

pub(super) struct Board<O> {
    pub(super) scheduler: Scheduler,
    /// Jobs that wait for something.
    pub(super) parked: HashMap<u32, Waiting<O>>,
    /// Parked jobs that can go on, or have to go.
    pub(super) woken: VecDeque<u32>,
    /// Nodes to be started again.
    pub(super) again: VecDeque<u32>,
    /// Nodes whose jobs are not cancelled with the rest.
    pub(super) spared: Vec<u32>,
    /// Nodes that are or will be started again, and have to end when nothing is to be given back.
    pub(super) doomed: HashSet<u32>,
    /// Nodes whose time was up while they waited for what they had brought with them.
    pub(super) patient_with: HashSet<u32>,
    /// Nodes whose jobs end or have to end. What such a node has brought with it does not begin.
    pub(super) ending: HashSet<u32>,
    /// Nodes to be started again once it is known how what brought them ends.
    pub(super) held: Vec<u32>,
    /// Parked jobs that have to go when what their nodes brought with them has begun.
    pub(super) deferred: Vec<u32>,
    /// What each driver polls at the moment.
    pub(super) seats: Vec<Option<Polling>>,
    /// Drivers that have nothing to do, by their seats.
    pub(super) idle: Vec<(usize, Waker)>,
    /// Whether drivers have been summoned and none has come yet.
    pub(super) summoned: bool,
    pub(super) most_drivers: usize,
    /// Drivers that a job holds which was left behind.
    pub(super) lost_drivers: usize,
    /// When jobs must be done. Those that are done already are passed over.
    pub(super) due: BinaryHeap<Reverse<(Instant, u32, Duration)>>,
    /// Jobs with a verdict, and until when they may take to end.
    pub(super) sentenced: Vec<(u32, Instant)>,
    /// Whether the watcher does not know of all of them.
    pub(super) unseen: bool,
    /// When the watcher has to look; a driver that sees it go by tells the watcher.
    pub(super) alarm: Option<Instant>,
    /// The end of the pass, for which the watcher has a timer of its own.
    pub(super) deadline: Option<Instant>,
    /// When the watcher names the jobs that take long; nothing while none is under way.
    pub(super) remind_at: Option<Instant>,
    pub(super) remind_after: Duration,
    /// From then on no job is waited for longer than a last chance.
    pub(super) patient_until: Option<Instant>,
    pub(super) over: bool,
}

/// A job that waits for its waker.
pub(super) struct Parked<O> {
    pub(super) future: JobFuture<O>,
    pub(super) waker: Waker,
    pub(super) began: Instant,
}

/// A parked job, as the board keeps it.
pub(super) struct Waiting<O> {
    pub(super) job: Parked<O>,
    /// Whether it stands in `woken`.
    pub(super) queued: bool,
    pub(super) verdict: Option<Verdict>,
    /// Whether it was woken before it was cancelled, and is polled once more: it may be done, or
    /// have failed at the same instant as another one.
    pub(super) last_look: bool,
}

/// A job that a driver polls at the moment.
pub(super) struct Polling {
    pub(super) node: u32,
    pub(super) began: Instant,
    /// Whether the work at the node has just been started, for the first time or again.
    pub(super) begins: bool,
    /// Whether it is for the first time.
    pub(super) is_new: bool,
    /// It was woken meanwhile.
    pub(super) woken: bool,
    pub(super) verdict: Option<Verdict>,
}

impl Polling {
    fn resumed(node: u32, began: Instant, verdict: Option<Verdict>) -> Self {
        Self {
            node,
            began,
            begins: false,
            is_new: false,
            woken: false,
            verdict,
        }
    }
}

/// What a driver does next.
pub(super) enum Turn<O> {
    /// Begin the work at a node.
    Start {
        node: u32,
        began: Instant,
        released_by: Option<u32>,
        /// Let the watcher set its timer first: the job may block this thread.
        ring: bool,
    },
    /// Poll a job again.
    Resume { node: u32, job: Parked<O> },
    /// End a job that has to go.
    Drop {
        node: u32,
        job: Parked<O>,
        verdict: Verdict,
    },
    /// Let the watcher look at the clock.
    GiveWay,
    /// Wait to be summoned.
    Idle,
    /// Go home.
    Over,
}

/// What became of a job that was polled and is not done.
pub(super) enum Parking<O> {
    Parked,
    /// It must not go on.
    Sentenced(Parked<O>, Verdict),
    /// Its end is not waited for any more.
    LeftBehind(Parked<O>),
}

/// Whether a job may begin that a driver was given.
pub(super) enum Begins {
    Now,
    /// It was cancelled before it has begun.
    Never,
    /// It was given up: beginning it has taken too long.
    LeftBehind,
}

/// The drivers to wake or spawn, after the lock is released.
#[derive(Default)]
pub(super) struct Summons {
    pub(super) wake: Vec<Waker>,
    pub(super) spawn: usize,
}

/// A job that the watcher has given up on.
pub(super) struct GivenUp<O> {
    pub(super) node: u32,
    pub(super) began: Instant,
    pub(super) verdict: Verdict,
    /// The job, if no driver came to drop it; `None` if it holds its driver.
    pub(super) job: Option<Parked<O>>,
}

impl<O> Board<O> {
    pub(super) fn new(
        scheduler: Scheduler,
        most_drivers: usize,
        deadline: Option<Instant>,
        patient_until: Option<Instant>,
        remind_after: Duration,
    ) -> Self {
        Self {
            remind_at: Some(later(Instant::now(), remind_after)),
            remind_after,
            deadline,
            patient_until,
            scheduler,
            parked: HashMap::new(),
            woken: VecDeque::new(),
            again: VecDeque::new(),
            spared: Vec::new(),
            doomed: HashSet::new(),
            patient_with: HashSet::new(),
            ending: HashSet::new(),
            held: Vec::new(),
            deferred: Vec::new(),
            seats: Vec::new(),
            idle: Vec::new(),
            summoned: false,
            most_drivers,
            lost_drivers: 0,
            due: BinaryHeap::new(),
            sentenced: Vec::new(),
            unseen: false,
            alarm: None,
            over: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// A seat for a new driver.
    pub(super) fn take_seat(&mut self) -> usize {
        self.seats.push(None);
        self.seats.len() - 1
    }

    /// A driver has woken up.
    pub(super) fn arrive(&mut self, seat: usize) {
        self.summoned = false;
        self.idle.retain(|(other, _)| *other != seat);
    }

    /// What the driver at `seat` does next.
    pub(super) fn next(
        &mut self,
        seat: usize,
        waker: &Waker,
        now: Instant,
        limit: impl Fn(u32) -> Option<Duration>,
        spares: impl Fn(u32) -> bool,
    ) -> Turn<O> {
        if self.over {
            return Turn::Over;
        }
        if self.is_time(now) {
            return Turn::GiveWay;
        }
        while let Some(node) = self.next_woken() {
            if self.is_deferred(node) {
                self.deferred.push(node);
                continue;
            }
            if let Some(waiting) = self.parked.remove(&node) {
                let Waiting { job, verdict, .. } = waiting;
                self.seats[seat] = Some(Polling::resumed(node, job.began, verdict));
                return match verdict {
                    Some(verdict) if !waiting.last_look => Turn::Drop { node, job, verdict },
                    _ => Turn::Resume { node, job },
                };
            }
        }
        // New nodes first, so that a job that wakes itself cannot starve the others.
        let mut next = self.next_new();
        let mut verdict = None;
        let is_new = next.is_some();
        if !is_new {
            next = self.next_again(&spares);
            self.spared.extend(next.filter(|node| spares(*node)));
            let is_doomed =
                next.is_some_and(|it| !self.spared.contains(&it) && self.doomed.remove(&it));
            verdict = is_doomed.then_some(Verdict::Cancelled);
        }
        if let Some(node) = next {
            self.seats[seat] = Some(Polling {
                begins: true,
                is_new,
                ..Polling::resumed(node, now, verdict)
            });
            return Turn::Start {
                node,
                began: now,
                released_by: self.scheduler.released_by(node),
                ring: self.add_times(node, now, limit(node)),
            };
        }
        if self.scheduler.is_done() {
            self.over = true;
            return Turn::Over;
        }
        self.idle.push((seat, waker.clone()));
        Turn::Idle
    }

    /// A node that begins. Nothing waits for what an ending node has brought with it.
    fn next_new(&mut self) -> Option<u32> {
        while let Some(node) = self.scheduler.next() {
            if !self.is_brought_by_ending(node) {
                return Some(node);
            }
            self.scheduler.hold(node);
        }
        None
    }

    /// A node that begins again.
    fn next_again(&mut self, spares: impl Fn(u32) -> bool) -> Option<u32> {
        while let Some(node) = self.again.pop_front() {
            let goes_on = self.doomed.contains(&node) || spares(node);
            if goes_on || !self.is_brought_by_ending(node) {
                return Some(node);
            }
            self.held.push(node);
        }
        None
    }

    #[cfg(not(feature = "testing"))]
    fn next_woken(&mut self) -> Option<u32> {
        self.woken.pop_front()
    }

    /// The first, or any if the order is a random one; then new nodes may also come before them.
    #[cfg(feature = "testing")]
    fn next_woken(&mut self) -> Option<u32> {
        self.scheduler.next_woken(&mut self.woken)
    }

    /// Whether the watcher has to look now. Answers once: it sets its alarm again when it has.
    fn is_time(&mut self, now: Instant) -> bool {
        let passed = |time: &mut Instant| *time <= now;
        let alarm = self.alarm.take_if(passed).is_some();
        let deadline = self.deadline.take_if(passed).is_some();
        alarm || deadline
    }

    /// Returns whether the watcher has to set its timer to an earlier time.
    fn add_times(&mut self, node: u32, now: Instant, limit: Option<Duration>) -> bool {
        let is_due_earlier = limit.is_some_and(|limit| self.add_due(node, now, limit));
        let remind_at = later(now, self.remind_after);
        let is_named_earlier = self.remind_at.is_none_or(|at| remind_at < at);
        if is_named_earlier {
            self.remind_at = Some(remind_at);
        }
        is_due_earlier || is_named_earlier
    }

    /// Returns whether the watcher has to set its timer to an earlier time.
    fn add_due(&mut self, node: u32, now: Instant, limit: Duration) -> bool {
        let Some(at) = now.checked_add(limit) else {
            return false;
        };
        self.due.push(Reverse((at, node, limit)));
        let earlier = self.alarm.is_none_or(|alarm| at < alarm);
        if earlier {
            self.alarm = Some(at);
        }
        earlier
    }

    /// A driver is done with polling; false if its job was given up meanwhile.
    pub(super) fn leave(&mut self, seat: usize) -> bool {
        let Some(polling) = self.get_up(seat) else {
            return false;
        };
        if self.scheduler.has_grown() {
            self.ending.insert(polling.node);
        }
        if polling.verdict == Some(Verdict::Cancelled) {
            // It came to its own end first, and may ask for another start.
            self.doomed.insert(polling.node);
        }
        true
    }

    /// A driver polls its job no more.
    pub(super) fn get_up(&mut self, seat: usize) -> Option<Polling> {
        if !self.deferred.is_empty() {
            self.woken.extend(self.deferred.drain(..));
        }
        self.seats[seat].take()
    }

    /// A driver has polled a job that is not done.
    pub(super) fn park(&mut self, seat: usize, node: u32, job: Parked<O>) -> Parking<O> {
        match self.get_up(seat) {
            None => Parking::LeftBehind(job),
            Some(polling) if polling.verdict.is_some() && !self.begins_below(node) => {
                let verdict = polling.verdict.unwrap_or(Verdict::Cancelled);
                self.seats[seat] = Some(polling);
                Parking::Sentenced(job, verdict)
            }
            Some(polling) => {
                let queued = polling.woken || polling.verdict.is_some();
                if queued {
                    self.woken.push_back(node);
                }
                let waiting = Waiting {
                    job,
                    queued,
                    verdict: polling.verdict,
                    last_look: false,
                };
                self.parked.insert(node, waiting);
                Parking::Parked
            }
        }
    }

    /// The waker of a job was called.
    pub(super) fn wake(&mut self, node: u32) {
        if let Some(waiting) = self.parked.get_mut(&node) {
            if !std::mem::replace(&mut waiting.queued, true) {
                self.woken.push_back(node);
            }
        } else if let Some(polling) = self.polling(node) {
            polling.woken = true;
        }
    }

    pub(super) fn polling(&mut self, node: u32) -> Option<&mut Polling> {
        let mut seats = self.seats.iter_mut().flatten();
        seats.find(|polling| polling.node == node)
    }

    /// A job has ended, and the phase knows.
    pub(super) fn finish(&mut self, node: u32, flow: Flow, now: Instant) {
        self.spared.retain(|other| *other != node);
        if !self.ending.is_empty() && self.ending.remove(&node) {
            self.scheduler.unhold();
            self.again.extend(self.held.drain(..));
        }
        if flow == Flow::Again && !self.scheduler.is_stopped() {
            // Limits and verdicts were for the job that has ended.
            self.due.retain(|Reverse((_, other, _))| *other != node);
            self.sentenced.retain(|(other, _)| *other != node);
            self.again.push_back(node);
            return;
        }
        self.doomed.remove(&node);
        if flow == Flow::Stay {
            self.scheduler.stay(node);
            return;
        }
        self.scheduler.finish(node);
        if flow == Flow::Stop {
            self.cancel_all(now);
        }
    }

    /// Adds nodes that were not known before.
    pub(super) fn join(&mut self, joins: Vec<Join>) {
        self.scheduler.join(joins);
    }

    /// See [`Scheduler::lend`].
    pub(super) fn lend(&mut self, node: u32) {
        self.scheduler.lend(node);
    }

    /// See [`Scheduler::reclaim`].
    pub(super) fn reclaim(&mut self, node: u32) {
        self.scheduler.reclaim(node);
    }

    /// See [`Scheduler::release`].
    pub(super) fn release(&mut self, node: u32) {
        self.scheduler.release(node);
    }

    /// Whether nothing runs, and nothing will.
    pub(super) fn is_done(&self) -> bool {
        self.over || self.scheduler.is_done()
    }

    /// Ends the pass if nothing runs and nothing will; returns the drivers to send home.
    pub(super) fn close_if_done(&mut self) -> Vec<Waker> {
        self.over |= self.scheduler.is_done();
        if self.over {
            return self.idle.drain(..).map(|(_, waker)| waker).collect();
        }
        Vec::new()
    }

    /// The nodes that wait for a node, the nearest first.
    pub(super) fn waits_for(&self, node: u32) -> Vec<u32> {
        self.scheduler.waits_for(node)
    }

    /// The nodes that this pass never came to.
    pub(super) fn not_begun(&self) -> Vec<u32> {
        self.scheduler.not_begun()
    }

    /// Two more drivers, if there is more work than those that are awake can do; see the
    /// module's documentation for why two.
    pub(super) fn summon(&mut self) -> Summons {
        let mut summons = Summons::default();
        let work = !self.woken.is_empty() || !self.again.is_empty() || self.scheduler.has_next();
        if !work || self.summoned || self.over {
            return summons;
        }
        let idle = self.idle.len().saturating_sub(2);
        summons.wake = self.idle.drain(idle..).map(|(_, waker)| waker).collect();
        let room = (self.most_drivers + self.lost_drivers).saturating_sub(self.seats.len());
        summons.spawn = room.min(2 - summons.wake.len());
        self.summoned = !summons.wake.is_empty() || summons.spawn > 0;
        summons
    }
}
