//! The state `Audit`.

use std::time::Duration;

use crate::audit::{AuditError, Entry, Filter, Page, metrics, store};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Transaction};

/// The audit log: a state of [`AuditPlugin`](crate::audit::AuditPlugin).
///
/// It is append-only: the database refuses to change an entry, and to delete one before `audit.keep` has passed. The log is in the
/// same database as what it describes, so that an entry exists if, and only if, the change does. It has the id of the request
/// (`bootstrap_web::RequestId`) if there is one, with the feature `web`.
///
/// # Examples
///
/// ```
/// use bootstrap_services::audit::{Audit, AuditError, Entry};
/// use bootstrap_services::database::Database;
///
/// async fn delete(database: &Database, audit: &Audit, actor: i64, user: i64) -> Result<(), AuditError> {
///     database
///         .write(async |mut tx| {
///             sqlx::query("DELETE FROM users WHERE id = ?").bind(user).execute(&mut *tx).await?;
///             audit.record_in(&mut tx, Entry::new("user.delete").actor(actor).target("user", user)).await
///         })
///         .await
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Audit {
    database: Database,
    clock: Clock,
    keep: Duration,
}

impl Audit {
    pub(super) fn new(database: Database, clock: Clock, keep: Duration) -> Self {
        Self {
            database,
            clock,
            keep,
        }
    }

    /// Records an entry in a transaction of the caller: it exists if, and only if, that is committed.
    ///
    /// # Errors
    ///
    /// - [`AuditError::InvalidAction`], [`AuditError::TooLarge`] (over 64 KiB) or [`AuditError::NotJson`] for a bad entry
    /// - [`AuditError::Database`] if the transaction is one of another database, or if the statement fails
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the transaction may contain the entry.
    pub async fn record_in(
        &self,
        tx: &mut dyn Transaction,
        entry: Entry,
    ) -> Result<(), AuditError> {
        let tx = self.database.join(tx)?;
        store::insert(tx, self.clock.now(), entry, request()).await?;
        tx.after_commit(metrics::recorded);
        Ok(())
    }

    /// Records an entry in a transaction of its own.
    ///
    /// # Errors
    ///
    /// As [`record_in`](Self::record_in), or [`AuditError::Database`] as [`Database::write`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the entry may have been recorded.
    pub async fn record(&self, entry: Entry) -> Result<(), AuditError> {
        let write = self
            .database
            .write(async |mut tx| self.record_in(&mut tx, entry).await);
        write.await
    }

    /// Returns the entries that pass a filter, newest first, a page at a time.
    ///
    /// # Errors
    ///
    /// [`AuditError::Database`] if the database can't be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_services::audit::{Audit, AuditError, Filter};
    ///
    /// async fn print_all(audit: &Audit) -> Result<(), AuditError> {
    ///     let mut page = audit.query(&Filter::new()).await?;
    ///     loop {
    ///         for entry in &page.entries {
    ///             println!("{} {:?} {:?}", entry.action, entry.actor, entry.details);
    ///         }
    ///         let Some(next) = page.next else { break };
    ///         page = audit.query(&Filter::new().page(next)).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn query(&self, filter: &Filter) -> Result<Page, AuditError> {
        let mut query = store::select(filter);
        let rows = query.build().fetch_all(self.database.read()).await?;
        let entries: sqlx::Result<Vec<_>> = rows.iter().map(store::recorded).collect();
        let mut entries = entries?;
        let limit = usize::try_from(filter.entries()).unwrap_or(usize::MAX);
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().map(|entry| entry.id);
        let next = last.filter(|_| has_more);
        Ok(Page { entries, next })
    }

    /// Deletes the entries that are older than `audit.keep`, and returns how many they were. The plugin does this each hour.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the database can't be written to.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some of the entries may have been deleted.
    pub async fn purge(&self) -> Result<u64, DatabaseError> {
        let Some(before) = self.clock.now().checked_sub(self.keep) else {
            return Ok(0);
        };
        let mut purged = 0;
        // A write each hour for nothing would keep a disk awake.
        while store::has_before(self.database.read(), before).await? {
            let delete = self
                .database
                .write(async |mut tx| -> Result<u64, DatabaseError> {
                    Ok(store::delete(&mut tx, before).await?)
                });
            let deleted = delete.await?;
            metrics::purged(deleted);
            purged += deleted;
        }
        Ok(purged)
    }
}

/// The id of the request that the caller handles.
#[cfg(feature = "web")]
fn request() -> Option<String> {
    bootstrap_web::RequestId::current().map(|id| id.to_string())
}

#[cfg(not(feature = "web"))]
fn request() -> Option<String> {
    None
}
