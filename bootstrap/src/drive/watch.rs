//! What the watcher asks of a board: which times are up, and which jobs take long.

use std::cmp::Reverse;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::time::later;
use crate::drive::board::{BEGINNING, Board, GRACE, GivenUp, Polling, Verdict, Waiting};
use crate::drive::job::Slow;

impl<O> Board<O> {
    /// Sentences what is due, and gives up what has not ended in spite of its verdict.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        extended: impl Fn(u32, Duration) -> Option<Instant>,
    ) -> Vec<GivenUp<O>> {
        self.sentence_due(now, extended);
        self.let_begin(now);
        let (late, rest) = std::mem::take(&mut self.sentenced)
            .into_iter()
            .partition(|(_, until)| *until <= now);
        self.sentenced = rest;
        let late: Vec<(u32, Instant)> = late;
        late.into_iter()
            .filter_map(|(node, _)| self.give_up(node))
            .collect()
    }

    /// What has been polled for a while has begun: nothing is deferred any more for its sake.
    pub(super) fn let_begin(&mut self, now: Instant) {
        for polling in self.seats.iter_mut().flatten() {
            polling.begins &= now < polling.began + BEGINNING;
        }
        self.woken.extend(self.deferred.drain(..));
    }

    /// Sentences those whose own time is up.
    pub(super) fn sentence_due(
        &mut self,
        now: Instant,
        extended: impl Fn(u32, Duration) -> Option<Instant>,
    ) {
        while let Some(Reverse((at, node, limit))) = self.due.peek().copied() {
            if at > now {
                break;
            }
            self.due.pop();
            let later = extended(node, limit);
            if let Some(later) = later.filter(|later| *later > now) {
                self.due.push(Reverse((later, node, limit)));
                continue;
            }
            // What it waits for had no more time than it: that is to blame, and it shall hear of it.
            if self.scheduler.is_lent(node) && self.patient_with.insert(node) {
                self.due.push(Reverse((at + GRACE, node, limit)));
                continue;
            }
            self.sentence(node, Verdict::TimedOut(limit), now);
        }
    }

    pub(super) fn give_up(&mut self, node: u32) -> Option<GivenUp<O>> {
        if let Some(Waiting { job, verdict, .. }) = self.parked.remove(&node) {
            return Some(GivenUp {
                node,
                began: job.began,
                verdict: verdict.unwrap_or(Verdict::Cancelled),
                job: Some(job),
            });
        }
        let holds =
            |seat: &&Option<Polling>| seat.as_ref().is_some_and(|polling| polling.node == node);
        let seat = self.seats.iter().position(|seat| holds(&seat))?;
        let polling = self.get_up(seat)?;
        self.lost_drivers += 1;
        Some(GivenUp {
            node,
            began: polling.began,
            verdict: polling.verdict.unwrap_or(Verdict::Cancelled),
            job: None,
        })
    }

    /// When the watcher has to look again.
    pub(super) fn set_alarm(&mut self) -> Option<Instant> {
        let due = self.due.peek().map(|Reverse((at, ..))| *at);
        let ends = self.sentenced.iter().map(|(_, until)| *until);
        // Something may be deferred until these have begun.
        let begins = self.seats.iter().flatten().filter(|it| it.begins);
        let begins = begins.filter(|_| !self.sentenced.is_empty());
        let begun = begins.map(|it| it.began + BEGINNING);
        self.alarm = due.into_iter().chain(ends).chain(begun).min();
        self.unseen = false;
        self.alarm
    }

    /// Whether the watcher has to set its alarm, or to end the pass.
    pub(super) fn must_look(&self) -> bool {
        self.unseen || self.is_done()
    }

    /// The jobs to name now, in the order of their nodes: those that have run for `after`, or twice
    /// that, and so on, since the last look. Also the others that take long.
    pub(super) fn slow(&self, last: Instant, now: Instant) -> (Vec<Slow>, Vec<u32>) {
        let after = self.remind_after;
        let (mut slow, mut others) = (Vec::new(), Vec::new());
        for (node, began) in self.running() {
            let since = now.saturating_duration_since(began);
            if times(began, after).any(|at| last < at && at <= now) {
                let waiting = Vec::new();
                slow.push(Slow {
                    node,
                    since,
                    waiting,
                });
            } else if since >= after / 2 {
                others.push(node);
            }
        }
        slow.sort_unstable_by_key(|it| it.node);
        (slow, others)
    }

    /// Sets when the next job is to be named. One that begins later may set an earlier time.
    pub(super) fn set_reminder(&mut self, now: Instant) {
        let after = self.remind_after;
        let next = |(_, began)| times(began, after).find(|at| *at > now);
        self.remind_at = self.running().filter_map(next).min();
    }

    /// The jobs under way, and when they began.
    pub(super) fn running(&self) -> impl Iterator<Item = (u32, Instant)> {
        let parked = self.parked.iter().map(|(node, it)| (*node, it.job.began));
        let polled = self.seats.iter().flatten().map(|it| (it.node, it.began));
        parked.chain(polled)
    }
}

/// When a job that began then is named: after a while, after twice that, and so on.
fn times(began: Instant, after: Duration) -> impl Iterator<Item = Instant> {
    let doubled = |long: &Duration| long.checked_mul(2);
    std::iter::successors(Some(after), doubled).map(move |long| later(began, long))
}
