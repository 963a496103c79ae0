//! The default engine: a limit whose keys are counted in the memory of the process.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;

use crate::clock::Clock;
use crate::limits::keys::{Hashed, Keys, MOST_KEYS};
use crate::limits::{Decision, Quota, QuotaError};

/// Counts the keys of one limit, by the generic cell rate algorithm.
pub(super) struct Memory {
    limiter: RateLimiter<Hashed, Keys, Ticks, StateInformationMiddleware>,
    hasher: RandomState,
    clock: Ticks,
    burst: u32,
    interval: Duration,
}

/// The clock of the app, as the limiter reads it.
#[derive(Clone, Debug)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(nanos(self.0.elapsed()))
    }
}

/// In 64 bits, which last for 584 years.
fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(duration.subsec_nanos().into())
}

impl Memory {
    pub(super) fn new(quota: &Quota, clock: &Clock) -> Result<Self, QuotaError> {
        quota.check()?;
        let (burst, interval) = (quota.burst_size(), quota.interval());
        let size = NonZeroU32::new(burst).ok_or(QuotaError::ZeroBurst)?;
        let allowed = governor::Quota::with_period(interval).ok_or(QuotaError::TooFast)?;
        let (clock, keys) = (Ticks(clock.clone()), Keys::new(MOST_KEYS, nanos(interval)));
        Ok(Self {
            limiter: RateLimiter::new(allowed.allow_burst(size), keys, clock.clone()),
            hasher: RandomState::new(),
            clock,
            burst,
            interval,
        })
    }

    pub(super) fn take(&self, key: &[u8]) -> Decision {
        let key = self.hasher.hash_one(key);
        match self.limiter.check_key(&key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                Decision {
                    allowed: true,
                    limit: self.burst,
                    remaining,
                    reset: self.interval * self.burst.saturating_sub(remaining),
                    retry_after: Duration::ZERO,
                }
            }
            Err(until) => {
                let retry_after = until.wait_time_from(self.clock.now());
                Decision {
                    allowed: false,
                    limit: self.burst,
                    remaining: 0,
                    reset: retry_after + self.interval * (self.burst - 1),
                    retry_after,
                }
            }
        }
    }

    /// Forgets keys that have their whole burst.
    pub(super) fn maintain(&self) {
        self.limiter.retain_recent();
    }

    pub(super) fn keys(&self) -> usize {
        self.limiter.len()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
