//! Queues: what several kinds of jobs share.

use std::time::Duration;

/// The limits of a queue. By default it has none of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLimits {
    concurrency: Option<usize>,
    rate: Option<Rate>,
}

/// A number in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) count: u32,
    pub(crate) period: Duration,
}

impl QueueLimits {
    /// No limits.
    pub const fn new() -> Self {
        Self {
            concurrency: None,
            rate: None,
        }
    }

    /// How many jobs of the queue run at the same time in each process. With 0, this process leaves the queue to others.
    #[must_use]
    pub const fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = Some(jobs);
        self
    }

    /// How many jobs of the queue begin in each `period`, of all processes together. They come evenly; after a pause, up to `count` begin at once.
    #[must_use]
    pub const fn rate(mut self, count: u32, period: Duration) -> Self {
        self.rate = Some(Rate { count, period });
        self
    }

    /// How many jobs of the queue may run in this process, if that is limited.
    pub const fn most_at_once(&self) -> Option<usize> {
        self.concurrency
    }

    /// The number of jobs that may begin in a time, if that is limited.
    pub fn most_in(&self) -> Option<(u32, Duration)> {
        self.rate.map(|rate| (rate.count, rate.period))
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.concurrency.is_some() || self.rate.is_some()
    }

    /// Why the limits can't be used.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let Rate { count, period } = self.rate?;
        if count == 0 || period.is_zero() {
            return Some("has a rate of zero, so no job would ever begin");
        }
        if period > Duration::from_hours(24 * 366) {
            return Some("has a rate for more than a year");
        }
        (period.as_millis() < u128::from(count))
            .then_some("has a rate of more than 1000 in a second")
    }
}

/// When jobs of a queue may begin: the generic cell rate algorithm (ITU-T I.371), in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The time for one job, in milliseconds: a rate such as `7/s` has fractions, which are rounded up.
    interval: i64,
    burst: i64,
}

impl Bucket {
    pub(crate) fn new((count, period): (u32, Duration)) -> Self {
        let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
        let burst = i64::from(count.max(1));
        Self {
            interval: period.saturating_add(burst - 1) / burst,
            burst,
        }
    }

    /// When the queue has its whole rate again, if nothing begins: never later than after a whole period, as the clock may have been set back.
    pub(crate) fn full(self, full: i64, now: i64) -> i64 {
        full.clamp(
            now,
            now.saturating_add(self.interval.saturating_mul(self.burst)),
        )
    }

    /// How many jobs may begin now.
    pub(crate) fn room(self, full: i64, now: i64) -> i64 {
        let debt = self.full(full, now) - now;
        let used = (debt + self.interval - 1) / self.interval;
        (self.burst - used).max(0)
    }

    /// When the queue has its whole rate again after `begun` jobs began.
    pub(crate) fn after(self, full: i64, now: i64, begun: i64) -> i64 {
        self.full(full, now)
            .saturating_add(self.interval.saturating_mul(begun))
    }

    /// When the next job may begin.
    pub(crate) fn next(self, full: i64, now: i64) -> i64 {
        let most = self.interval.saturating_mul(self.burst - 1);
        self.full(full, now).saturating_sub(most).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_each_interval() {
        let bucket = Bucket::new((5, Duration::from_secs(1)));
        assert_eq!(bucket.room(0, 1_000), 5);
        let full = bucket.after(0, 1_000, 5);
        assert_eq!(
            (full, bucket.room(full, 1_000), bucket.next(full, 1_000)),
            (2_000, 0, 1_200)
        );
        assert_eq!(bucket.room(full, 1_199), 0);
        assert_eq!(bucket.room(full, 1_200), 1);
        assert_eq!(bucket.room(full, 2_000), 5);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_no_queue() {
        let bucket = Bucket::new((5, Duration::from_secs(1)));
        assert_eq!(bucket.next(1_000_000, 1_000), 1_200);
    }

    proptest! {
        #[test]
        fn no_period_has_more_than_twice_the_rate_and_the_next_time_has_room(
            count in 1_u32..50, period in 1_u64..100_000, steps in proptest::collection::vec(0_i64..2_000, 1..200)
        ) {
            let period = period.max(u64::from(count));
            let bucket = Bucket::new((count, Duration::from_millis(period)));
            let (mut full, mut now, mut begun) = (0, 0, Vec::new());
            for step in steps {
                now += step;
                let room = bucket.room(full, now);
                full = bucket.after(full, now, room);
                begun.extend((0..room).map(|_| now));
                let next = bucket.next(full, now);
                prop_assert!(bucket.room(full, next) >= 1);
                prop_assert!(next == now || bucket.room(full, next - 1) == 0);
                let since = now - i64::try_from(period).unwrap();
                let recent = begun.iter().filter(|at| **at > since).count();
                prop_assert!(recent <= 2 * count as usize);
            }
        }
    }
}
