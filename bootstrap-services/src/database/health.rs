//! Whether the database can be written to.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::database::api::Database;
use crate::database::error::Fault;
use crate::database::open::begin;
use crate::database::{DatabaseError, file, metrics};

/// How long a check may take. Health checks have a limit of 1 s, and its message would not say why.
const LIMIT: Duration = Duration::from_millis(900);

/// How long a transaction of this process may be open. A longer one was probably forgotten.
const LONGEST: Duration = Duration::from_secs(30);

impl Database {
    /// Checks within a second that the database can be written to.
    ///
    /// It writes 64 KiB to a file beside the database, which it removes, and commits a write to a small table through a connection of
    /// its own, so it does not wait in the queue of writers. A database
    /// in which this process writes just now counts as healthy without the commit, unless the transaction has been open for more
    /// than 30 s.
    ///
    /// # Errors
    ///
    /// If the file was removed or replaced, if the disk has less than `database.min_free` bytes left, or if a write fails: the disk is
    /// full or read-only, or another process holds the lock for writing.
    pub async fn check(&self) -> anyhow::Result<()> {
        metrics::connections(self.name(), self.read());
        self.check_file()?;
        self.check_free()?;
        let probe = async {
            self.check_room().await?;
            self.probe().await
        };
        match timeout(LIMIT, probe).await {
            Ok(result) => result,
            Err(_) => Ok(self.check_open()?),
        }
    }

    /// Checks that a transaction of usual size has room. The row of the health check fits into room that the log has already, and quotas
    /// are not part of what the file system reports as free.
    async fn check_room(&self) -> anyhow::Result<()> {
        // A disk that does not answer blocks one thread, and not one for each check.
        let turn = self.room_turn().await;
        let file = self.file().to_owned();
        let written = spawn_blocking(move || {
            let _turn = turn;
            file::take_room(&file)
        });
        written.await?.with_context(|| {
            format!(
                "can't write a file beside the database `{}`: make room, and let this user write to its folder",
                self.name()
            )
        })
    }

    /// Writes a row. It is repeated while another process holds the lock.
    async fn probe(&self) -> anyhow::Result<()> {
        loop {
            match self.write_row().await {
                Ok(()) => return Ok(()),
                Err(error) if Fault::of(&error) != Fault::Busy => {
                    return Err(self.unavailable("write to", error).into());
                }
                Err(_) if self.open_for().is_some() => return Ok(self.check_open()?),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    async fn write_row(&self) -> sqlx::Result<()> {
        const ROW: &str = "INSERT INTO _database_probe VALUES (1, 1) ON CONFLICT DO UPDATE SET writes = writes + 1";
        let mut tx = begin(self.probe_pool()).await?;
        sqlx::query(ROW).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Decides about a database that is locked: it is healthy if this process writes.
    fn check_open(&self) -> Result<(), DatabaseError> {
        let database = self.name().to_owned();
        match self.open_for() {
            Some(open) if open < LONGEST => Ok(()),
            Some(open) => Err(DatabaseError::QueueTimeout {
                database,
                waited: open,
            }),
            None => Err(DatabaseError::Busy {
                database,
                waited: LIMIT,
            }),
        }
    }

    #[cfg(unix)]
    fn check_free(&self) -> anyhow::Result<()> {
        let found = match rustix::fs::statvfs(self.file()) {
            Ok(found) => found,
            Err(error) => bail!(
                "can't read how much room the disk of the database `{}` has: {error}",
                self.name()
            ),
        };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        metrics::free(self.name(), free);
        let least = self.min_free();
        ensure!(
            free >= least,
            "the disk of the database `{}` has {free} bytes left, less than the {least} of `database.min_free`: make room",
            self.name()
        );
        Ok(())
    }

    #[cfg(not(unix))]
    fn check_free(&self) -> anyhow::Result<()> {
        Ok(())
    }
}
