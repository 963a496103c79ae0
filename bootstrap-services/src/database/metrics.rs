//! What the database measures.
//!
//! | metric | type | labels | meaning |
//! |---|---|---|---|
//! | `database_transactions_total` | counter | `database`, `outcome`: `committed`, `rolled_back`, `failed` | transactions that ended |
//! | `database_busy_total` | counter | `database` | times that another process held the lock for writing |
//! | `database_wait_seconds` | histogram | `database` | how long transactions waited to begin |
//! | `database_free_bytes` | gauge | `database` | room that the disk has left, at each health check |
//! | `database_connections` | gauge | `database`, `state`: `used`, `idle` | connections for reading, at each health check |

use std::time::Duration;

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

#[cfg(feature = "metrics")]
pub(crate) fn ended(database: &str, outcome: Outcome) {
    let labels = [
        ("database", database.to_owned()),
        ("outcome", outcome.label().to_owned()),
    ];
    ::metrics::counter!("database_transactions_total", &labels).increment(1);
}

#[cfg(feature = "metrics")]
pub(crate) fn busy(database: &str) {
    ::metrics::counter!("database_busy_total", "database" => database.to_owned()).increment(1);
}

#[cfg(feature = "metrics")]
pub(crate) fn waited(database: &str, time: Duration) {
    ::metrics::histogram!("database_wait_seconds", "database" => database.to_owned()).record(time);
}

#[cfg(feature = "metrics")]
pub(crate) fn connections(database: &str, pool: &sqlx::SqlitePool) {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    let used = pool.size().saturating_sub(idle);
    for (state, number) in [("used", used), ("idle", idle)] {
        let labels = [
            ("database", database.to_owned()),
            ("state", state.to_owned()),
        ];
        ::metrics::gauge!("database_connections", &labels).set(number);
    }
}

#[cfg(all(feature = "metrics", unix))]
#[allow(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and the last bytes of a disk do not count"
)]
pub(crate) fn free(database: &str, bytes: u64) {
    ::metrics::gauge!("database_free_bytes", "database" => database.to_owned()).set(bytes as f64);
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn ended(_: &str, _: Outcome) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn busy(_: &str) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn waited(_: &str, _: Duration) {}

#[cfg(all(not(feature = "metrics"), unix))]
pub(crate) fn free(_: &str, _: u64) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn connections(_: &str, _: &sqlx::SqlitePool) {}
