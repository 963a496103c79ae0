//! What the database measures, through the facade; nothing without the feature `metrics`.
//!
//! | metric | type | labels | meaning |
//! |---|---|---|---|
//! | `database_transactions_total` | counter | `database`, `outcome`: `committed`, `rolled_back`, `failed` | transactions that ended |
//! | `database_busy_total` | counter | `database` | times that another process held the lock for writing |
//! | `database_wait_seconds` | histogram | `database` | how long transactions waited to begin |
//! | `database_free_bytes` | gauge | `database` | room that the disk has left, at each health check |
//! | `database_connections` | gauge | `database`, `state`: `used`, `idle` | connections for reading, at each health check |
#![cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "nothing is counted")
)]

use std::time::Duration;

#[cfg(feature = "metrics")]
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Describes the metrics to the recorder.
pub(crate) fn describe() {
    #[cfg(feature = "metrics")]
    {
        describe_counter!(
            "database_transactions_total",
            "Transactions that ended, by outcome."
        );
        describe_counter!(
            "database_busy_total",
            "Times that another process held the lock for writing."
        );
        describe_histogram!(
            "database_wait_seconds",
            "How long transactions waited to begin."
        );
        describe_gauge!("database_free_bytes", "Room that the disk has left.");
        describe_gauge!("database_connections", "Connections for reading, by state.");
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    RolledBack,
    Failed,
}

impl Outcome {
    pub(crate) fn of_commit<E>(result: &Result<(), E>) -> Self {
        if result.is_ok() {
            Self::Committed
        } else {
            Self::Failed
        }
    }

    #[cfg(feature = "metrics")]
    fn label(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
        }
    }
}

pub(crate) fn ended(database: &str, outcome: Outcome) {
    #[cfg(feature = "metrics")]
    counter!("database_transactions_total", "database" => database.to_owned(), "outcome" => outcome.label()).increment(1);
}

pub(crate) fn busy(database: &str) {
    #[cfg(feature = "metrics")]
    counter!("database_busy_total", "database" => database.to_owned()).increment(1);
}

pub(crate) fn waited(database: &str, time: Duration) {
    #[cfg(feature = "metrics")]
    histogram!("database_wait_seconds", "database" => database.to_owned()).record(time);
}

#[cfg(unix)]
#[allow(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and the last bytes of a disk do not count"
)]
pub(crate) fn free(database: &str, bytes: u64) {
    #[cfg(feature = "metrics")]
    gauge!("database_free_bytes", "database" => database.to_owned()).set(bytes as f64);
}

pub(crate) fn connections(database: &str, pool: &sqlx::SqlitePool) {
    #[cfg(feature = "metrics")]
    {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        let used = pool.size().saturating_sub(idle);
        for (state, number) in [("used", used), ("idle", idle)] {
            gauge!("database_connections", "database" => database.to_owned(), "state" => state)
                .set(number);
        }
    }
}
