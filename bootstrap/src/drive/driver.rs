//! The task that polls jobs.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::coop::has_budget_remaining;
use tokio::time::Instant;

use crate::base::inside::{Inside, Place, enter, now_at};
use crate::base::panic::guard;
use crate::drive::board::{Begins, Board, Parked, Parking, Summons, Turn, Verdict};
use crate::drive::job::{End, Flow, JobFuture, Phase, Start, Timing};
use crate::drive::pass::Pass;

/// How many turns a driver takes before it goes back to the runtime: a tenth of a millisecond of
/// hooks that do nothing. Fewer would cost a thousand plugins more than it is worth.
const TURNS: usize = 1024;

/// A node that is done, as its driver tells the board.
struct Done {
    node: u32,
    flow: Flow,
    /// Whether the driver still holds it: its end was not claimed yet.
    seated: bool,
    at: Instant,
}

/// Takes turns at a board until the pass is over.
struct Driver<P: Phase> {
    pass: Arc<Pass<P>>,
    seat: usize,
    /// Where its jobs are.
    place: Place,
    /// A node to start once the watcher has set its timer.
    put_off: Option<Turn<P::Output>>,
    /// The waker of the last job, if that job did not keep it.
    spare: Option<Arc<JobWaker<P>>>,
}

impl<P: Phase> Driver<P> {
    fn new(pass: Arc<Pass<P>>, seat: usize) -> Self {
        Self {
            place: pass.phase.place(),
            pass,
            seat,
            put_off: None,
            spare: None,
        }
    }

    /// Does one turn; returns the node that is done by it, if one is.
    fn take(&mut self, turn: Turn<P::Output>) -> Option<Done> {
        match turn {
            Turn::Start {
                node,
                began,
                released_by,
                ..
            } => {
                now_at(node);
                self.start(node, began, released_by)
            }
            Turn::Resume { node, job } => {
                now_at(node);
                self.poll_job(node, job)
            }
            Turn::Drop { node, job, verdict } => {
                now_at(node);
                self.drop_job(node, job, verdict)
            }
            Turn::GiveWay | Turn::Idle | Turn::Over => None,
        }
    }

    fn start(&mut self, node: u32, began: Instant, by: Option<u32>) -> Option<Done> {
        match guard(|| self.pass.phase.start(node, began, by)) {
            Ok(Start::Job(future)) => {
                let waker = self.waker(node);
                let job = Parked {
                    future,
                    waker,
                    began,
                };
                self.begin(node, job)
            }
            Ok(Start::Done) => Some(Done {
                node,
                flow: Flow::GoOn,
                seated: true,
                at: Instant::now(),
            }),
            Err(message) => self.end(node, began, End::Panicked(message)),
        }
    }

    /// Beginning runs the user's code as well, and takes time, in which the job may have become
    /// unwanted, or may have been given up.
    fn begin(&mut self, node: u32, job: Parked<P::Output>) -> Option<Done> {
        let begins = self.pass.board().begins(self.seat);
        match begins {
            Begins::Now => self.poll_job(node, job),
            Begins::Never => self.drop_job(node, job, Verdict::Cancelled),
            Begins::LeftBehind => {
                let _ = guard(|| drop(job));
                None
            }
        }
    }

    fn poll_job(&mut self, node: u32, mut job: Parked<P::Output>) -> Option<Done> {
        let Parked { future, waker, .. } = &mut job;
        let mut cx = Context::from_waker(waker);
        let polled = guard(|| future.as_mut().poll(&mut cx));
        let end = match polled {
            Ok(Poll::Ready(output)) => End::Returned(output),
            Err(message) => End::Panicked(message),
            Ok(Poll::Pending) => return self.park(node, job),
        };
        let Parked { future, began, .. } = job;
        let end = discard(future, end);
        self.end(node, began, end)
    }

    fn park(&mut self, node: u32, job: Parked<P::Output>) -> Option<Done> {
        let parking = self.pass.board().park(self.seat, node, job);
        match parking {
            Parking::Parked => None,
            Parking::Sentenced(job, verdict) => self.drop_job(node, job, verdict),
            Parking::LeftBehind(job) => {
                // Its end was reported already; a panic in its drop has no receiver.
                let _ = guard(|| drop(job));
                None
            }
        }
    }

    fn drop_job(&mut self, node: u32, job: Parked<P::Output>, verdict: Verdict) -> Option<Done> {
        let Parked { future, began, .. } = job;
        let end = discard(future, verdict.into());
        self.end(node, began, end)
    }

    fn end(&mut self, node: u32, began: Instant, end: End<P::Output>) -> Option<Done> {
        if !self.pass.board().leave(self.seat) {
            let _ = guard(|| drop(end));
            return None;
        }
        let timing = Timing {
            began,
            ended: Instant::now(),
            was_due: matches!(end, End::TimedOut(_)),
        };
        // A phase keeps what happened before it does anything that can panic, such as logging.
        let flow = guard(|| self.pass.phase.end(node, end, timing));
        Some(Done {
            node,
            flow: flow.unwrap_or(Flow::GoOn),
            seated: false,
            at: timing.ended,
        })
    }

    /// A waker for a job. Most jobs never use theirs, so the next one takes it over.
    fn waker(&mut self, node: u32) -> Waker {
        if let Some(spare) = self.spare.as_mut().and_then(Arc::get_mut) {
            spare.node = node;
        } else {
            self.spare = None;
        }
        let spare = self.spare.get_or_insert_with(|| {
            Arc::new(JobWaker {
                pass: Arc::downgrade(&self.pass),
                node,
            })
        });
        Waker::from(Arc::clone(spare))
    }
}

impl<P: Phase> Future for Driver<P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Once for all turns: what a job does costs less than a turn.
        let _inside = enter(Inside::Hook(this.pass.phase.app()), this.place.clone());
        let mut turn = match this.put_off.take() {
            Some(turn) if !this.pass.board().takes_back(this.seat) => turn,
            _ => this.pass.first_turn(this.seat, cx.waker()),
        };
        let mut turns = 0;
        loop {
            match turn {
                Turn::Idle => return Poll::Pending,
                Turn::GiveWay => {
                    this.pass.changed.notify_one();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Turn::Over => {
                    this.pass.send_home();
                    return Poll::Ready(());
                }
                Turn::Start { ref mut ring, .. } if *ring => {
                    *ring = false;
                    this.put_off = Some(turn);
                    this.pass.changed.notify_one();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                _ => {}
            }
            let done = this.take(turn);
            turns += 1;
            let stops = done.as_ref().is_some_and(|done| done.flow == Flow::Stop);
            // Without budget tokio's own futures return early: polling on would only spin.
            if stops || turns == TURNS || !has_budget_remaining() {
                this.pass.finish(this.seat, done.as_ref());
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            turn = this.pass.next_turn(this.seat, done.as_ref(), cx.waker());
        }
    }
}

/// What drivers, and the wakers of their jobs, do with the pass.
impl<P: Phase> Pass<P> {
    pub(super) fn spawn_driver(self: &Arc<Self>) {
        let seat = self.board().take_seat();
        self.runtime.spawn(Driver::new(Arc::clone(self), seat));
    }

    pub(super) fn send(self: &Arc<Self>, summons: Summons) {
        summons.wake.into_iter().for_each(Waker::wake);
        (0..summons.spawn).for_each(|_| self.spawn_driver());
    }

    /// The turn of a driver that has just woken up.
    fn first_turn(self: &Arc<Self>, seat: usize, waker: &Waker) -> Turn<P::Output> {
        self.board().arrive(seat);
        self.next_turn(seat, None, waker)
    }

    /// Notes what a driver has done, and gives it something else to do.
    fn next_turn(
        self: &Arc<Self>,
        seat: usize,
        done: Option<&Done>,
        waker: &Waker,
    ) -> Turn<P::Output> {
        // The end of one job is the beginning of the next: reading the clock is not free.
        let now = done.map_or_else(Instant::now, |done| done.at);
        let mut board = self.board();
        note(&mut board, seat, done);
        let limit = |node| self.phase.limit(node, now);
        let spares = |node| self.phase.spares(node);
        let turn = board.next(seat, waker, now, limit, spares);
        let summons = board.summon();
        drop(board);
        self.send(summons);
        turn
    }

    /// Notes what a driver has done that goes back to the runtime before its next turn.
    fn finish(self: &Arc<Self>, seat: usize, done: Option<&Done>) {
        let mut board = self.board();
        note(&mut board, seat, done);
        let summons = board.summon();
        drop(board);
        self.send(summons);
        if done.is_some_and(|done| done.flow == Flow::Stop) {
            self.changed.notify_one();
        }
    }

    /// The pass is over: tells the watcher and every driver that waits.
    fn send_home(&self) {
        let idle = self.board().close_if_done();
        idle.into_iter().for_each(Waker::wake);
        self.changed.notify_one();
    }

    fn wake(self: &Arc<Self>, node: u32) {
        let mut board = self.board();
        board.wake(node);
        let summons = board.summon();
        drop(board);
        self.send(summons);
    }
}

fn note<O>(board: &mut Board<O>, seat: usize, done: Option<&Done>) {
    if let Some(done) = done
        && (!done.seated || board.leave(seat))
    {
        board.finish(done.node, done.flow, done.at);
    }
}

/// Drops a job that has ended. A panic in its drop counts as a panic of the job.
fn discard<O>(future: JobFuture<O>, end: End<O>) -> End<O> {
    match guard(|| drop(future)) {
        Ok(()) => end,
        Err(message) => End::Panicked(message),
    }
}

impl<O> From<Verdict> for End<O> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::TimedOut(limit) => End::TimedOut(limit),
            Verdict::Cancelled => End::Cancelled,
        }
    }
}

/// Puts its job back on the board.
struct JobWaker<P: Phase> {
    /// Weak: the board keeps the jobs, and those keep their wakers.
    pass: Weak<Pass<P>>,
    node: u32,
}

impl<P: Phase> Wake for JobWaker<P> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(pass) = self.pass.upgrade() {
            pass.wake(self.node);
        }
    }
}
