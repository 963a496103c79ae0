//! A paused clock for code that waits for other threads, sockets and files.
//!
//! tokio moves a paused clock on to the next timer whenever its runtime has nothing to do. That is
//! wrong while a thread of a database driver works, or the kernel does: every limit would pass in
//! that moment. What keeps tokio from it is a `spawn_blocking` that runs. So one always does, the
//! guard. It ends when the runtime has had nothing to do for a while of real time; tokio then moves
//! the clock, and the next guard is there before the runtime waits again.
//!
//! A clock that stands still has a consequence: the runtime waits for the next timer in real time,
//! in vain, and looks again. So a runtime with a timer one millisecond ahead wakes up every
//! millisecond, and is idle all the same. That is what `Rhythm` tells from work. Pure.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::time::Instant as Paused;

use crate::base::lock::lock;
use crate::testing::threads;

/// Longer than this between two waits is work. Looking at timers in vain takes much less.
const WORK: Duration = Duration::from_micros(200);

/// tokio counts milliseconds: it does not look at its timers more often than that.
const TICK: Duration = Duration::from_millis(1);

/// How many times its patience a runtime is idle when it does not matter any more whether other threads
/// are busy.
const SURE: u32 = 50;

/// When a runtime worked, and when it only looked at its timers.
#[derive(Debug)]
struct Rhythm {
    /// When it last worked.
    worked: Instant,
    /// Since when it waits, if it does.
    waits: Option<Instant>,
    woke: Instant,
    /// Since when the wakings are counted, and how many there were.
    since: Instant,
    wakings: u32,
}

impl Rhythm {
    fn new(now: Instant) -> Self {
        Self {
            worked: now,
            waits: None,
            woke: now,
            since: now,
            wakings: 0,
        }
    }

    fn waits(&mut self, now: Instant) {
        if now - self.woke >= WORK {
            self.worked(now);
        }
        self.waits = Some(now);
    }

    fn wakes(&mut self, now: Instant) {
        self.waits = None;
        self.woke = now;
        self.wakings += 1;
        // More often than timers would.
        let ticks = (now - self.since).as_millis() / TICK.as_millis();
        if u128::from(self.wakings) > ticks + 3 {
            self.worked(now);
        }
    }

    fn worked(&mut self, now: Instant) {
        self.worked = now;
        self.since = now;
        self.wakings = 0;
    }

    fn is_idle(&self, now: Instant, patience: Duration) -> bool {
        self.waits.is_some() && now.saturating_duration_since(self.worked) >= patience
    }
}

/// Keeps the clock of a runtime from moving while anything may still be under way.
pub(super) struct Guards {
    patience: Duration,
    rhythm: Mutex<Rhythm>,
    grant: Mutex<Grant>,
    runtime: OnceLock<Handle>,
    is_over: AtomicBool,
}

/// How often the runtime wakes up until the clock has moved: tokio does not move it in the first wait
/// after a wake from outside, which the end of a guard is, and that may come in between.
const WAKINGS: u32 = 4;

/// A clock that has not moved after this time had no timer to move to: what comes now is something
/// new.
const USED_WITHIN: Duration = Duration::from_millis(2);

/// Whether the clock may move.
#[derive(Default)]
struct Grant {
    is_given: bool,
    since: Option<Instant>,
    /// How often the runtime has woken up since.
    wakings: u32,
    /// What the clock showed when the runtime began to wait.
    clock: Option<Paused>,
}

impl Guards {
    /// Installs itself in a runtime that is being built.
    pub(super) fn install(builder: &mut Builder, patience: Duration) -> Arc<Self> {
        let guards = Arc::new(Self {
            patience,
            rhythm: Mutex::new(Rhythm::new(Instant::now())),
            grant: Mutex::default(),
            runtime: OnceLock::new(),
            is_over: AtomicBool::new(false),
        });
        // Weak, or the runtime and its guards would own each other, and never close their files.
        let (parks, unparks) = (Arc::downgrade(&guards), Arc::downgrade(&guards));
        builder
            .on_thread_park(move || parks.upgrade().iter().for_each(Self::park))
            .on_thread_unpark(move || unparks.upgrade().iter().for_each(Self::unpark));
        guards
    }

    /// From now on; on the runtime.
    pub(super) fn begin(self: &Arc<Self>) {
        let _ = self.runtime.set(Handle::current());
        self.rhythm().worked(Instant::now());
        self.stand_guard();
    }

    /// The clock may move as it likes.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn rhythm(&self) -> MutexGuard<'_, Rhythm> {
        lock(&self.rhythm)
    }

    fn park(self: &Arc<Self>) {
        if self.runtime.get().is_none() {
            return;
        }
        let now = Instant::now();
        let mut rhythm = self.rhythm();
        rhythm.waits(now);
        let has_worked = rhythm.worked == now;
        drop(rhythm);
        let mut grant = lock(&self.grant);
        grant.clock = Some(Paused::now());
        // Something has come up since it was found idle, so the clock has to wait again.
        let is_late = grant.since.is_some_and(|since| now - since > USED_WITHIN);
        let is_revoked = grant.is_given && (has_worked || is_late);
        grant.is_given &= !is_revoked;
        drop(grant);
        if is_revoked {
            self.stand_guard();
        }
    }

    fn unpark(self: &Arc<Self>) {
        if self.runtime.get().is_none() {
            return;
        }
        self.rhythm().wakes(Instant::now());
        let mut grant = lock(&self.grant);
        if !grant.is_given {
            return;
        }
        grant.wakings += 1;
        let has_moved = grant.clock.is_some_and(|clock| Paused::now() != clock);
        if !has_moved && grant.wakings < WAKINGS {
            return;
        }
        grant.is_given = false;
        drop(grant);
        self.rhythm().worked(Instant::now());
        self.stand_guard();
    }

    fn stand_guard(self: &Arc<Self>) {
        let Some(runtime) = self.runtime.get() else {
            return;
        };
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let guards = Arc::clone(self);
        drop(runtime.spawn_blocking(move || guards.until_idle()));
    }

    fn is_idle(&self) -> bool {
        let rhythm = self.rhythm();
        let now = Instant::now();
        let (is_idle, is_sure) = (
            rhythm.is_idle(now, self.patience),
            rhythm.is_idle(now, self.patience.saturating_mul(SURE)),
        );
        drop(rhythm);
        // Other tests of this process may be busy for ever.
        is_sure || is_idle && !threads::is_any_busy()
    }

    /// Returns when the runtime has been idle for long enough.
    fn until_idle(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            thread::park_timeout(TICK);
            if self.is_idle() {
                let mut grant = lock(&self.grant);
                grant.is_given = true;
                grant.wakings = 0;
                grant.since = Some(Instant::now());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, micros: u64) -> Instant {
        start + Duration::from_micros(micros)
    }

    const PATIENCE: Duration = Duration::from_millis(5);

    #[test]
    fn a_runtime_that_waits_for_long_enough_is_idle() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        assert!(
            !rhythm.is_idle(at(start, 9_000), PATIENCE),
            "it does not wait"
        );
        rhythm.waits(at(start, 10));
        assert!(!rhythm.is_idle(at(start, 4_000), PATIENCE));
        assert!(rhythm.is_idle(at(start, 6_000), PATIENCE));
    }

    #[test]
    fn looking_at_a_timer_every_millisecond_is_no_work() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        rhythm.waits(start);
        for millis in 1..6 {
            rhythm.wakes(at(start, millis * 1_000));
            rhythm.waits(at(start, millis * 1_000 + 20));
        }
        assert!(rhythm.is_idle(at(start, 5_500), PATIENCE));
    }

    #[test]
    fn waking_up_more_often_than_timers_would_is_work() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        rhythm.waits(start);
        for step in 1..40 {
            rhythm.wakes(at(start, step * 150));
            rhythm.waits(at(start, step * 150 + 20));
        }
        assert!(!rhythm.is_idle(at(start, 6_000), PATIENCE));
    }

    #[test]
    fn a_long_poll_is_work() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        rhythm.waits(start);
        rhythm.wakes(at(start, 4_000));
        rhythm.waits(at(start, 4_500));
        assert!(!rhythm.is_idle(at(start, 6_000), PATIENCE));
        assert!(rhythm.is_idle(at(start, 9_600), PATIENCE));
    }
}
