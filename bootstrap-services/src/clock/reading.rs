//! What services read and wait for.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

#[cfg(any(feature = "cache", feature = "events"))]
use crate::clock::coarse;
#[cfg(feature = "testing")]
use crate::clock::virtual_time::{Member, Virtual};

/// How long a wait for a time of day lasts before it looks at the clock again: the clock may have been set, and the
/// machine may have slept.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The time, as all services of an app read it. Clones read the same clock.
///
/// There are two times. [`now`](Self::now) is the time of day, which can be set back; [`elapsed`](Self::elapsed) never
/// goes back. Each has its way to wait.
///
/// A test supplies the clock of a `testing::VirtualClock` in place of [`ClockPlugin`](crate::clock::ClockPlugin).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap_services::clock::Clock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let clock = Clock::system();
/// let start = clock.elapsed();
/// clock.sleep(Duration::from_millis(5)).await;
/// assert!(clock.elapsed() - start >= Duration::from_millis(5));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System {
        origin: Instant,
    },
    #[cfg(feature = "testing")]
    Virtual(Virtual),
}

/// Work that waits for its task.
#[cfg(feature = "events")]
#[derive(Debug)]
pub(crate) struct Busy {
    #[cfg(feature = "testing")]
    _member: Option<std::sync::Arc<Member>>,
}

impl Clock {
    /// The clock of the system. Waits use the timers of tokio.
    pub fn system() -> Self {
        let origin = Instant::now();
        Self(Source::System { origin })
    }

    #[cfg(feature = "testing")]
    pub(super) fn of(time: Virtual) -> Self {
        Self(Source::Virtual(time))
    }

    /// The time of day. It can go back: a machine corrects its clock, and an operator sets it.
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            Source::System { .. } => SystemTime::now(),
            #[cfg(feature = "testing")]
            Source::Virtual(time) => time.now(),
        }
    }

    /// The time of day, at most 10 ms ago: for what is too frequent for [`now`](Self::now).
    #[cfg(feature = "events")]
    pub(crate) fn now_coarse(&self) -> SystemTime {
        match &self.0 {
            Source::System { .. } => coarse::now(),
            #[cfg(feature = "testing")]
            Source::Virtual(time) => time.now(),
        }
    }

    /// The time since this clock was made. It never goes back.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Source::System { origin } => origin.elapsed(),
            #[cfg(feature = "testing")]
            Source::Virtual(time) => time.elapsed(),
        }
    }

    /// A time that never goes back, at most 10 ms ago: for what is too frequent for [`elapsed`](Self::elapsed). It has a beginning of
    /// its own, so compare it with itself only.
    #[cfg(feature = "cache")]
    pub(crate) fn elapsed_coarse(&self) -> Duration {
        match &self.0 {
            Source::System { origin } => coarse::elapsed(*origin),
            #[cfg(feature = "testing")]
            Source::Virtual(time) => time.elapsed(),
        }
    }

    /// Waits until `duration` has elapsed.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime with timers.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System { .. } => sleep(duration).await,
            #[cfg(feature = "testing")]
            Source::Virtual(time) => time.sleep(duration).await,
        }
    }

    /// Waits until the time of day is `at`, also if the clock is set meanwhile: it notices within 30 seconds.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime with timers.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn sleep_until(&self, at: SystemTime) {
        match &self.0 {
            Source::System { .. } => {
                while let Ok(rest) = at.duration_since(SystemTime::now())
                    && !rest.is_zero()
                {
                    sleep(rest.min(LOOK_AGAIN)).await;
                }
            }
            #[cfg(feature = "testing")]
            Source::Virtual(time) => time.sleep_until(at).await,
        }
    }

    /// Waits until `duration` has elapsed, while the work that it belongs to goes on: a virtual clock does not pass that work by,
    /// unless it is stuck.
    #[cfg(any(
        feature = "cache",
        feature = "cron",
        feature = "events",
        feature = "jobs",
        feature = "limits"
    ))]
    pub(crate) async fn limit(&self, duration: Duration) {
        match &self.0 {
            Source::System { .. } => sleep(duration).await,
            #[cfg(feature = "testing")]
            Source::Virtual(time) => time.limit(duration).await,
        }
    }

    /// Counts as work until it is dropped: for what is handed to a task that has not seen it yet.
    #[cfg(feature = "events")]
    pub(crate) fn busy(&self) -> Busy {
        Busy {
            #[cfg(feature = "testing")]
            _member: match &self.0 {
                Source::System { .. } => None,
                Source::Virtual(time) => Some(time.join()),
            },
        }
    }

    /// Marks `future` as work that a virtual clock waits for: it stands still unless the future waits in
    /// [`sleep`](Self::sleep) or [`sleep_until`](Self::sleep_until) of this clock. Counts from this call on, not from the first poll.
    ///
    /// Each loop and each task of a service is such work, and what it spawns is marked again. With the clock of the
    /// system the future is returned as it is.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    pub fn work<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        #[cfg(feature = "testing")]
        let future = self.joined(future);
        future
    }

    #[cfg(feature = "testing")]
    fn joined<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let member = match &self.0 {
            Source::System { .. } => None,
            Source::Virtual(time) => Some(time.join()),
        };
        async move {
            match member {
                Some(member) => Member::scope(member, future).await,
                None => future.await,
            }
        }
    }
}
