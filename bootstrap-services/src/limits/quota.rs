//! How much a limit allows.

use std::str::FromStr;
use std::time::Duration;

use crate::limits::error::{QuotaError, RateError};
use crate::rate;

const LONGEST: Duration = Duration::from_hours(366 * 24);

/// How much a limit allows each key: a rate, and a burst.
///
/// A key that was not used has its whole burst, and may use it at once. What it has used comes back evenly, at the rate: `5/m` gives one back
/// every 12 seconds. So no key gets more than its burst and what came back meanwhile, in any time, wherever that begins.
///
/// Without [`burst`](Self::burst), the burst is the number of the rate.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap_services::limits::Quota;
///
/// let quota = Quota::per_minute(5).burst(10);
/// assert_eq!((quota.burst_size(), quota.interval()), (10, Duration::from_secs(12)));
/// assert_eq!("5/m".parse::<Quota>(), Ok(Quota::per_minute(5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    count: u32,
    period: Duration,
    burst: Option<u32>,
    when_down: WhenDown,
}

/// What a limit does while its [`RateStore`](crate::limits::RateStore) fails. In the configuration `allow` or `deny`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WhenDown {
    /// Allows everything: for limits that save resources.
    #[default]
    Allow,
    /// Allows nothing: for limits that protect secrets, as that of a login.
    Deny,
}

impl Quota {
    /// A rate of `count` in each second.
    pub const fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// A rate of `count` in each minute.
    pub const fn per_minute(count: u32) -> Self {
        Self::new(count, Duration::from_mins(1))
    }

    /// A rate of `count` in each hour.
    pub const fn per_hour(count: u32) -> Self {
        Self::new(count, Duration::from_hours(1))
    }

    /// A rate of `count` in each `period`.
    pub const fn new(count: u32, period: Duration) -> Self {
        Self {
            count,
            period,
            burst: None,
            when_down: WhenDown::Allow,
        }
    }

    /// Sets how many may happen at once.
    #[must_use]
    pub const fn burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// Sets what the limit does while its store fails. It has no effect without a [`RateStore`](crate::limits::RateStore).
    #[must_use]
    pub const fn when_down(mut self, when_down: WhenDown) -> Self {
        self.when_down = when_down;
        self
    }

    /// How many may happen at once.
    pub const fn burst_size(&self) -> u32 {
        match self.burst {
            Some(burst) => burst,
            None => self.count,
        }
    }

    /// The time in which one comes back; zero for a quota that is not valid.
    pub fn interval(&self) -> Duration {
        self.period.checked_div(self.count).unwrap_or_default()
    }

    /// What the limit does while its store fails.
    pub const fn on_failure(&self) -> WhenDown {
        self.when_down
    }

    /// This rate, with the burst and the choice of another quota.
    pub(super) const fn or_settings_of(mut self, other: &Self) -> Self {
        self.burst = other.burst;
        self.when_down = other.when_down;
        self
    }

    /// Returns an error if the quota allows nothing, or can't be counted. [`LimitsPlugin`](crate::limits::LimitsPlugin) checks all of its quotas.
    ///
    /// # Errors
    ///
    /// See [`QuotaError`].
    pub fn check(&self) -> Result<(), QuotaError> {
        if self.count == 0 {
            return Err(QuotaError::ZeroRate);
        }
        if self.period.is_zero() {
            return Err(QuotaError::ZeroPeriod);
        }
        if self.burst_size() == 0 {
            return Err(QuotaError::ZeroBurst);
        }
        if self.interval().is_zero() {
            return Err(QuotaError::TooFast);
        }
        let refill = self.interval().checked_mul(self.burst_size());
        if refill.is_some_and(|it| it <= LONGEST) {
            Ok(())
        } else {
            Err(QuotaError::TooSlow)
        }
    }
}

impl FromStr for Quota {
    type Err = RateError;

    /// Reads a rate: `5/m`, `100/s`, `1000/24h`.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, period) = rate::parse(text).ok_or_else(|| RateError {
            text: text.to_owned(),
        })?;
        Ok(Self::new(count, period))
    }
}
