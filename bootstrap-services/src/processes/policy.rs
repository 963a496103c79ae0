//! When a process is restarted, and when it is killed. Nothing here waits or reads a clock.

use std::collections::VecDeque;
use std::time::Duration;

use crate::child::{Exit, Usage};
use crate::processes::{Definition, Limit, RestartPolicy};

/// The restarts that count.
#[derive(Debug, Default)]
pub(super) struct Restarts(VecDeque<Duration>);

impl Restarts {
    /// Counts a restart at `now`, and returns how long to wait before it, or `None` if there were too many. `roll` is a random number from
    /// 0 to 1.
    pub(super) fn next(
        &mut self,
        definition: &Definition,
        now: Duration,
        roll: f64,
    ) -> Option<Duration> {
        while let Some(first) = self.0.front()
            && now.saturating_sub(*first) >= definition.window
        {
            self.0.pop_front();
        }
        let before = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        if before >= definition.max_restarts {
            return None;
        }
        self.0.push_back(now);
        Some(delay(definition, before, roll))
    }
}

/// Twice as long after each restart, up to the longest delay; of that, a random part of at least half.
pub(super) fn delay(definition: &Definition, restarts: u32, roll: f64) -> Duration {
    let factor = 2_u32.saturating_pow(restarts);
    let delay = definition.first_delay.saturating_mul(factor);
    delay
        .min(definition.longest_delay)
        .mul_f64(0.5 + roll.clamp(0.0, 1.0) / 2.0)
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Itself,
    /// It was asked to, or the app closes.
    Stopped,
    Restarted,
    /// It sent nothing for too long, or used too much.
    Killed,
}

/// Returns whether a process that ended without being stopped is restarted.
pub(super) fn restarts(policy: RestartPolicy, cause: Cause, exit: Exit) -> bool {
    match policy {
        RestartPolicy::Never => false,
        RestartPolicy::OnFailure => has_failed(cause, exit),
        RestartPolicy::Always => true,
    }
}

pub(super) fn has_failed(cause: Cause, exit: Exit) -> bool {
    cause == Cause::Killed || !exit.is_success()
}

/// Whether a process lives, by what it sends.
#[derive(Debug)]
pub(super) struct Heartbeat {
    limit: Option<Duration>,
    is_missed: bool,
}

/// What to do about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Fine,
    /// For the first time since it sent something.
    Missed,
    Dead,
}

impl Heartbeat {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            is_missed: false,
        }
    }

    /// Judges a process that has sent nothing for `silent`.
    pub(super) fn check(&mut self, silent: Duration) -> Beat {
        let Some(limit) = self.limit else {
            return Beat::Fine;
        };
        let was_missed = std::mem::replace(&mut self.is_missed, silent >= limit);
        match (was_missed, self.is_missed) {
            _ if silent >= 2 * limit => Beat::Dead,
            (false, true) => Beat::Missed,
            _ => Beat::Fine,
        }
    }

    /// Returns whether a check that takes place `late` says nothing about the process: this service was suspended or had no processor, and what the process
    /// has sent meanwhile is not read yet.
    pub(super) fn is_too_late(&self, late: Duration) -> bool {
        self.limit.is_some_and(|limit| late > limit / 2)
    }

    /// How long until the next check, for a process that has sent nothing for `silent`.
    pub(super) fn pause(&self, silent: Duration) -> Option<Duration> {
        let limit = self.limit?;
        let next = if silent < limit { limit } else { 2 * limit };
        Some(next.saturating_sub(silent))
    }
}

/// Whether a process uses more than it may.
#[derive(Debug, Default)]
pub(super) struct Limits(VecDeque<(Duration, Duration)>);

impl Limits {
    /// Judges a process that was `running` for a time, by a new measurement.
    pub(super) fn check(
        &mut self,
        definition: &Definition,
        running: Duration,
        usage: Option<Usage>,
    ) -> Option<Limit> {
        if definition.max_runtime.is_some_and(|most| running >= most) {
            return Some(Limit::Runtime);
        }
        let usage = usage?;
        if definition.max_rss.is_some_and(|most| usage.rss > most) {
            return Some(Limit::Rss);
        }
        let (most, over) = definition.max_cpu?;
        self.is_busy(most, over, running, usage.cpu)
            .then_some(Limit::Cpu)
    }

    fn is_busy(&mut self, most: f64, over: Duration, now: Duration, cpu: Duration) -> bool {
        // The last measurement that is old enough is the one to compare with.
        while self
            .0
            .get(1)
            .is_some_and(|(at, _)| now.saturating_sub(*at) >= over)
        {
            self.0.pop_front();
        }
        self.0.push_back((now, cpu));
        let Some((at, before)) = self.0.front() else {
            return false;
        };
        let time = now.saturating_sub(*at);
        time >= over && cpu.saturating_sub(*before).as_secs_f64() > most * time.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn definition() -> Definition {
        Definition::new("true")
            .backoff(SECOND, 30 * SECOND)
            .max_restarts(3, 100 * SECOND)
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let delays: Vec<_> = (0..7).map(|it| delay(&definition(), it, 1.0)).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs));
        assert_eq!(delay(&definition(), u32::MAX, 0.0), 15 * SECOND);
    }

    /// A fault of the original: restarts were never forgotten, so that three spawns were all of a lifetime.
    #[test]
    fn restarts_are_forgotten_after_the_window() {
        let mut restarts = Restarts::default();
        let mut next = |now| restarts.next(&definition(), now * SECOND, 1.0);
        assert_eq!(next(0), Some(SECOND));
        assert_eq!(next(10), Some(2 * SECOND));
        assert_eq!(next(20), Some(4 * SECOND));
        assert_eq!(next(99), None);
        assert_eq!(next(100), Some(4 * SECOND), "the first is forgotten");
        assert_eq!(next(109), None);
        assert_eq!(next(1_000), Some(SECOND), "all are forgotten");
    }

    /// A fault of the original: the code 0 counted as a crash.
    #[test]
    fn the_policy_decides_with_the_exit() {
        let decide = |policy| {
            [
                restarts(policy, Cause::Itself, Exit::Code(0)),
                restarts(policy, Cause::Itself, Exit::Code(1)),
                restarts(policy, Cause::Itself, Exit::Signal(11)),
                restarts(policy, Cause::Itself, Exit::Unknown),
                restarts(policy, Cause::Killed, Exit::Code(0)),
            ]
        };
        assert_eq!(decide(RestartPolicy::Never), [false; 5]);
        let on_failure = decide(RestartPolicy::OnFailure);
        assert_eq!(on_failure, [false, true, true, true, true]);
        assert_eq!(decide(RestartPolicy::Always), [true; 5]);
    }

    #[test]
    fn a_heartbeat_is_missed_once_and_then_the_process_is_dead() {
        let mut heartbeat = Heartbeat::new(Some(10 * SECOND));
        let mut check = |silent: u32| heartbeat.check(silent * SECOND);
        let found = [0, 9, 10, 15, 19, 1, 10, 20].map(&mut check);
        let expected = [
            Beat::Fine,
            Beat::Fine,
            Beat::Missed,
            Beat::Fine,
            Beat::Fine,
            Beat::Fine,
            Beat::Missed,
            Beat::Dead,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_check_that_is_late_by_half_of_the_heartbeat_says_nothing() {
        let heartbeat = Heartbeat::new(Some(10 * SECOND));
        let found = [0, 5, 6, 100].map(|late| heartbeat.is_too_late(late * SECOND));
        assert_eq!(found, [false, false, true, true]);
        assert!(!Heartbeat::new(None).is_too_late(Duration::MAX));
    }

    #[test]
    fn a_process_without_a_heartbeat_may_be_silent() {
        let mut heartbeat = Heartbeat::new(None);
        assert_eq!(heartbeat.check(Duration::MAX), Beat::Fine);
        assert_eq!(heartbeat.pause(Duration::ZERO), None);
    }

    /// D69.
    #[test]
    fn a_limit_of_processors_is_an_average() {
        let definition = Definition::new("true").max_cpu(0.5, 10 * SECOND);
        let mut limits = Limits::default();
        let mut check = |running: u32, cpu: u32| {
            let usage = Usage {
                rss: 0,
                cpu: cpu * SECOND,
            };
            limits.check(&definition, running * SECOND, Some(usage))
        };
        assert_eq!(check(0, 0), None);
        assert_eq!(check(5, 5), None, "too soon to judge");
        assert_eq!(check(10, 5), None, "half of ten seconds");
        assert_eq!(check(15, 11), Some(Limit::Cpu), "6 of 10 s");
    }

    /// D69.
    #[test]
    fn limits_of_run_time_and_memory_are_judged_at_once() {
        let definition = Definition::new("true").max_runtime(SECOND).max_rss(10);
        let mut limits = Limits::default();
        let usage = |rss| {
            let cpu = Duration::ZERO;
            Some(Usage { rss, cpu })
        };
        let mut check = |running, rss| limits.check(&definition, running, usage(rss));
        assert_eq!(check(Duration::ZERO, 10), None);
        assert_eq!(check(Duration::ZERO, 11), Some(Limit::Rss));
        assert_eq!(check(SECOND, 0), Some(Limit::Runtime));
    }

    proptest! {
        #[test]
        fn no_window_has_more_restarts_than_allowed(gaps in proptest::collection::vec(0_u64..60, 1..60)) {
            let (definition, mut restarts) = (definition(), Restarts::default());
            let (mut now, mut made) = (Duration::ZERO, Vec::new());
            for gap in gaps {
                now += Duration::from_secs(gap);
                if let Some(delay) = restarts.next(&definition, now, 0.5) {
                    prop_assert!(delay <= definition.longest_delay);
                    made.push(now);
                }
            }
            for from in &made {
                let within = made.iter().filter(|at| *at >= from && at.saturating_sub(*from) < definition.window);
                prop_assert!(within.count() <= 3);
            }
        }
    }
}
