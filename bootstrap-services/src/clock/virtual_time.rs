//! Time that stands still until a test moves it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Notify;
use tokio::task::{coop, yield_now};

use crate::clock::Clock;

/// How often other tasks of a runtime with one thread may run before it counts as idle.
const TURNS: usize = 32;
/// How long work may take in real time while a test waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for work that has a limit: then it counts as stuck, and time passes until the limit.
const PATIENCE_WITH_LIMIT: Duration = Duration::from_secs(1);
/// How long tasks of other threads have at the beginning of an advance: a `run` hook, which begins when the boot has
/// ended, has not slept yet.
const HEAD_START: Duration = Duration::from_millis(10);

tokio::task_local! {
    static MEMBER: Arc<Member>;
}

/// A clock that a test moves. Services read it through [`clock`](Self::clock), which the test supplies to its app.
///
/// [`advance`](Self::advance) stops at every moment that a service waits for, and waits until the service has done
/// its work and sleeps again. So a year takes as long as the work in it.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use bootstrap_services::testing::VirtualClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
/// let clock = time.clock();
/// let rung = tokio::spawn(clock.work({
///     let clock = clock.clone();
///     async move {
///         clock.sleep(Duration::from_secs(3600)).await;
///         clock.now()
///     }
/// }));
/// time.advance(Duration::from_secs(86_400)).await;
/// assert_eq!(rung.await.unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(3600));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClock(Virtual);

#[derive(Clone, Debug)]
pub(super) struct Virtual(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    time: Mutex<Time>,
    /// Notified when the last work sleeps or ends.
    idle: Notify,
}

#[derive(Debug)]
struct Time {
    /// The time of day at `elapsed`.
    now: SystemTime,
    elapsed: Duration,
    sleepers: BTreeMap<u64, Sleeper>,
    next: u64,
    /// How much marked work neither sleeps nor has ended.
    busy: usize,
}

#[derive(Debug)]
struct Sleeper {
    until: Until,
    waker: Waker,
    member: Option<Arc<Member>>,
    /// Its work goes on meanwhile.
    is_limit: bool,
}

#[derive(Clone, Copy, Debug)]
enum Until {
    Elapsed(Duration),
    Now(SystemTime),
}

/// Work that the clock waits for.
#[derive(Debug)]
pub(super) struct Member {
    time: Virtual,
    doing: Mutex<Doing>,
}

/// What work does. It is busy unless it sleeps or is stuck.
#[derive(Debug, Default)]
struct Doing {
    /// How many of its sleeps the clock knows.
    sleeps: usize,
    /// Whether it was busy for so long that time passes until its limit.
    is_stuck: bool,
}

impl Doing {
    fn is_busy(&self) -> bool {
        self.sleeps == 0 && !self.is_stuck
    }
}

impl VirtualClock {
    /// A clock that stands at `now`.
    pub fn starting_at(now: SystemTime) -> Self {
        let time = Mutex::new(Time {
            now,
            elapsed: Duration::ZERO,
            sleepers: BTreeMap::new(),
            next: 0,
            busy: 0,
        });
        let idle = Notify::new();
        Self(Virtual(Arc::new(Shared { time, idle })))
    }

    /// What the services read: supply it to the app.
    pub fn clock(&self) -> Clock {
        Clock::of(self.0.clone())
    }

    /// Moves both times by `duration`, with a stop at each moment that a service waits for.
    ///
    /// # Panics
    ///
    /// Panics if work still waits for something else than this clock after 10 seconds of real time.
    ///
    /// # Cancel safety
    ///
    /// The clock stays where it was when the future was dropped.
    pub async fn advance(&self, duration: Duration) {
        let end = self.0.elapsed() + duration;
        if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
            real_time(HEAD_START).await;
        }
        loop {
            self.settle().await;
            if !self.0.step(end) {
                break;
            }
        }
        self.settle().await;
    }

    /// Moves to a time of day that lies ahead, as [`advance`](Self::advance) does. One that has passed changes nothing.
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance).
    ///
    /// # Cancel safety
    ///
    /// As [`advance`](Self::advance).
    pub async fn advance_to(&self, at: SystemTime) {
        if let Ok(duration) = at.duration_since(self.0.now()) {
            self.advance(duration).await;
        }
    }

    /// Sets the time of day, back or ahead, as an operator does. No time elapses.
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance).
    ///
    /// # Cancel safety
    ///
    /// The clock has been set when the future is first polled.
    pub async fn set(&self, now: SystemTime) {
        self.0.lock().now = now;
        self.0.wake_due();
        self.settle().await;
    }

    /// Waits until all marked work sleeps or has ended.
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn settle(&self) {
        let began = std::time::Instant::now();
        // Work that is not marked, and what a test has just woken.
        let mut turns = 0;
        while turns < TURNS {
            yield_now().await;
            turns += 1;
            if self.0.lock().busy == 0 {
                continue;
            }
            self.wait_for_work(began).await;
            turns = 0;
        }
    }

    async fn wait_for_work(&self, began: std::time::Instant) {
        let mut idle = std::pin::pin!(self.0.0.idle.notified());
        loop {
            idle.as_mut().enable();
            if self.0.lock().busy == 0 {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "work still runs after {PATIENCE:?}: let it end, or wait with the `sleep` of the clock"
            );
            if began.elapsed() >= PATIENCE_WITH_LIMIT {
                self.0.give_up_on_work_with_limits();
            }
            tokio::select! {
                () = idle.as_mut() => idle.set(self.0.0.idle.notified()),
                () = real_time(Duration::from_millis(1)) => {}
            }
        }
    }
}

/// Waits on a thread: the timers of tokio may be paused, and its clock would then jump ahead.
async fn real_time(duration: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "it runs on a thread for blocking calls"
    )]
    let waited = tokio::task::spawn_blocking(move || std::thread::sleep(duration));
    // It fails only if the runtime shuts down, and this task with it.
    let _ = waited.await;
}

impl Virtual {
    pub(super) fn now(&self) -> SystemTime {
        self.lock().now
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        let until = Until::Elapsed(self.elapsed() + duration);
        self.wait(until, false).await;
    }

    pub(super) async fn sleep_until(&self, at: SystemTime) {
        self.wait(Until::Now(at), false).await;
    }

    /// Waits as `sleep` does; the work that it belongs to stays busy.
    #[cfg(any(
        feature = "cache",
        feature = "cron",
        feature = "events",
        feature = "jobs",
        feature = "limits"
    ))]
    pub(super) async fn limit(&self, duration: Duration) {
        let until = Until::Elapsed(self.elapsed() + duration);
        self.wait(until, true).await;
    }

    async fn wait(&self, until: Until, is_limit: bool) {
        let sleep = Sleep {
            time: self.clone(),
            until,
            is_limit,
            id: None,
        };
        sleep.await;
        // As a sleep of tokio does: a loop whose waits have all passed leaves its thread alive.
        coop::consume_budget().await;
    }

    /// Adds work, which is busy.
    pub(super) fn join(&self) -> Arc<Member> {
        self.lock().busy += 1;
        Arc::new(Member {
            time: self.clone(),
            doing: Mutex::default(),
        })
    }

    /// Moves to the next moment that a sleeper waits for, at most to `end`. Returns whether there may be more before it.
    fn step(&self, end: Duration) -> bool {
        let mut time = self.lock();
        let next = time.sleepers.values().map(|it| time.due(it.until)).min();
        let (to, has_more) = match next {
            Some(next) if next <= end => (next.max(time.elapsed), true),
            _ => (end, false),
        };
        let step = to.saturating_sub(time.elapsed);
        time.elapsed += step;
        time.now += step;
        drop(time);
        self.wake_due();
        has_more
    }

    /// Lets time pass until the limits of work that is busy.
    fn give_up_on_work_with_limits(&self) {
        let mut time = self.lock();
        let limits = time.sleepers.values().filter(|sleeper| sleeper.is_limit);
        let members: Vec<_> = limits.filter_map(|it| it.member.clone()).collect();
        for member in &members {
            let mut doing = member.doing();
            time.busy -= usize::from(doing.is_busy());
            doing.is_stuck = doing.sleeps == 0;
        }
        self.note_idle(time);
        drop(members);
    }

    fn wake_due(&self) {
        let mut time = self.lock();
        let now = time.elapsed;
        let mut due = Vec::new();
        let ids: Vec<u64> = time.sleepers.keys().copied().collect();
        for id in ids {
            if time.due(time.sleepers[&id].until) <= now
                && let Some(sleeper) = time.sleepers.remove(&id)
            {
                time.woken(&sleeper);
                due.push(sleeper);
            }
        }
        drop(time);
        // Without the lock: wakers and the last reference to work take it.
        for sleeper in due {
            sleeper.waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.0.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the last work sleeps or has ended.
    fn note_idle(&self, time: MutexGuard<'_, Time>) {
        let is_idle = time.busy == 0;
        drop(time);
        if is_idle {
            self.0.idle.notify_waiters();
        }
    }
}

impl Time {
    /// The elapsed time at which a wait is over.
    fn due(&self, until: Until) -> Duration {
        match until {
            Until::Elapsed(elapsed) => elapsed,
            Until::Now(at) => self.elapsed + at.duration_since(self.now).unwrap_or_default(),
        }
    }

    fn asleep(&mut self, sleeper: &Sleeper) {
        if sleeper.is_limit {
            return;
        }
        let Some(member) = &sleeper.member else {
            return;
        };
        let mut doing = member.doing();
        self.busy -= usize::from(doing.is_busy());
        doing.sleeps += 1;
        doing.is_stuck = false;
    }

    fn woken(&mut self, sleeper: &Sleeper) {
        let Some(member) = &sleeper.member else {
            return;
        };
        let mut doing = member.doing();
        let was_busy = doing.is_busy();
        if !sleeper.is_limit {
            doing.sleeps -= 1;
        }
        doing.is_stuck = false;
        self.busy += usize::from(doing.is_busy());
        self.busy -= usize::from(was_busy);
    }
}

impl Member {
    pub(super) async fn scope<F: Future>(member: Arc<Self>, future: F) -> F::Output {
        MEMBER.scope(member, future).await
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work that this code belongs to.
    fn current(time: &Virtual) -> Option<Arc<Self>> {
        let member = MEMBER.try_with(Arc::clone).ok()?;
        Arc::ptr_eq(&member.time.0, &time.0).then_some(member)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let time = self.time.clone();
        let mut locked = time.lock();
        // Its sleeps and limits are gone: they hold it. So it is busy.
        locked.busy -= 1;
        time.note_idle(locked);
    }
}

/// A wait, known to the clock from its first poll on.
struct Sleep {
    time: Virtual,
    until: Until,
    is_limit: bool,
    id: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let waker = cx.waker().clone();
        let mut time = this.time.lock();
        if let Some(id) = this.id {
            let Some(sleeper) = time.sleepers.get_mut(&id) else {
                return Poll::Ready(());
            };
            let before = std::mem::replace(&mut sleeper.waker, waker);
            drop(time);
            drop(before);
            return Poll::Pending;
        }
        if time.due(this.until) <= time.elapsed {
            return Poll::Ready(());
        }
        let sleeper = Sleeper {
            until: this.until,
            waker,
            member: Member::current(&this.time),
            is_limit: this.is_limit,
        };
        time.asleep(&sleeper);
        time.next += 1;
        let id = time.next;
        time.sleepers.insert(id, sleeper);
        this.id = Some(id);
        this.time.note_idle(time);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut time = self.time.lock();
        let Some(sleeper) = time.sleepers.remove(&id) else {
            return;
        };
        time.woken(&sleeper);
        drop(time);
        // Dropped without the lock: the last reference to the work takes it.
        drop(sleeper);
    }
}
