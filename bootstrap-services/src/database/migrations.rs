//! Migrations: the tables of each owner, in one transaction.

use std::sync::PoisonError;
use std::time::Instant;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, SqliteConnection};

use crate::database::api::Database;
use crate::database::error::{DatabaseError, Fault, MigrationError};

/// The most characters of the name of an owner.
const LONGEST_NAME: usize = 48;

/// The migrations of a service: the name and the text of each, from version 1 on.
pub(crate) fn embedded(all: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = all.iter().zip(1..).map(|((name, text), version)| {
        let text = text.into_sql_str();
        Migration::new(version, (*name).into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(migrations.collect())
}

impl Database {
    /// Brings the tables of `owner` up to date: runs those of `migrations` that have not run in this database. A plugin calls it in its `load`, so
    /// tables exist before the plugins that depend on it load.
    ///
    /// Each owner has a table of versions of its own, `_migrations_<owner>`, so plugins number their migrations independently.
    /// All migrations of a call run in one transaction that begins with the lock for writing: processes that start at the same
    /// time wait for each other, and after an error nothing is applied. Foreign keys are not enforced meanwhile, because a table
    /// can't be replaced otherwise; they are checked before the commit.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Migration`] if a migration fails, was edited after it ran, or ran and is not part of `migrations`; otherwise the errors of
    /// [`begin`](Self::begin) and [`commit`](crate::database::Tx::commit).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, all of the migrations have been applied, or none.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap_services::database::Database;
    ///
    /// #[plugin(name = "orders")]
    /// struct Orders {
    ///     database: State<Database>,
    /// }
    ///
    /// impl Hooks for Orders {
    ///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
    ///         // The files in the folder `migrations` of this crate.
    ///         self.database.migrate("orders", sqlx::migrate!()).await?;
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let app = App::new().with(bootstrap_services::database::DatabasePlugin::memory()).with(Orders::default());
    /// # app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn migrate(&self, owner: &str, migrations: Migrator) -> Result<(), DatabaseError> {
        let task = Task::new(owner, migrations)?;
        self.claim(&task)?;
        let begun = Instant::now();
        let _turn = self.turn(begun).await?;
        self.check_file()?;
        // `PRAGMA foreign_keys` has no effect in a transaction, and a connection of the pool must not keep it.
        let connecting = self.options().clone().foreign_keys(false);
        let opened = connecting.connect().await;
        let mut connection = opened.map_err(|error| self.unavailable("open", error))?;
        let mut tx = loop {
            match connection.begin_with("BEGIN IMMEDIATE").await {
                Ok(tx) => break tx,
                Err(error) if Fault::of(&error) == Fault::Busy => {}
                Err(error) => return Err(self.unavailable("migrate", error)),
            }
            self.back_off(begun).await?;
        };
        task.run(&mut tx).await?;
        let committed = tx.commit().await;
        committed.map_err(|error| self.unavailable("migrate", error))?;
        // One that is dropped is closed later, perhaps after the database.
        let closed = connection.close().await;
        closed.map_err(|error| self.unavailable("migrate", error))
    }

    /// Reports two lists of migrations with one owner. The same list may run again, when its plugin restarts.
    fn claim(&self, task: &Task) -> Result<(), MigrationError> {
        let mut owners = self.owners().lock().unwrap_or_else(PoisonError::into_inner);
        let list = task
            .ups()
            .map(|migration| (migration.version, migration.checksum.to_vec()));
        let list: Vec<_> = list.collect();
        let known = owners
            .entry(task.owner.clone())
            .or_insert_with(|| list.clone());
        if *known == list {
            return Ok(());
        }
        Err(MigrationError::OwnerTaken {
            owner: task.owner.clone(),
        })
    }
}

/// The migrations of one owner.
struct Task {
    owner: String,
    table: String,
    migrator: Migrator,
}

impl Task {
    fn new(owner: &str, mut migrator: Migrator) -> Result<Self, MigrationError> {
        let owner = owner.to_owned();
        if !is_name(&owner) {
            return Err(MigrationError::InvalidOwner { owner });
        }
        // In quotes, because it may contain `-`.
        let table = format!("\"_migrations_{owner}\"");
        migrator.dangerous_set_table_name(table.clone());
        let task = Self {
            owner,
            table,
            migrator,
        };
        task.check_transactions()?;
        Ok(task)
    }

    /// The migrations that go forward. A reversible one has another, of the same version, that goes back.
    fn ups(&self) -> impl Iterator<Item = &Migration> {
        let ups = self.migrator.iter();
        ups.filter(|migration| !migration.migration_type.is_down_migration())
    }

    fn check_transactions(&self) -> Result<(), MigrationError> {
        for migration in self.ups() {
            let what = if migration.no_tx {
                Some("asks to run without a transaction".to_owned())
            } else {
                transaction_statement(migration.sql.as_str())
                    .map(|word| format!("contains `{word}`"))
            };
            if let Some(what) = what {
                return Err(MigrationError::OwnTransaction {
                    owner: self.owner.clone(),
                    version: migration.version,
                    description: migration.description.to_string(),
                    what,
                });
            }
        }
        Ok(())
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
        let ensured = connection.ensure_migrations_table(&self.table).await;
        ensured.map_err(|error| self.explained(error))?;
        let applied = connection.list_applied_migrations(&self.table).await;
        let applied: Vec<i64> = applied
            .map_err(|error| self.explained(error))?
            .iter()
            .map(|one| one.version)
            .collect();
        self.check_applied(&applied)?;
        // The same as `Migrator::run`, which does not compile with a connection in a `Send` future.
        let ran = self.migrator.run_direct(None, connection, false).await;
        ran.map_err(|error| self.explained(error))?;
        if self
            .ups()
            .all(|migration| applied.contains(&migration.version))
        {
            return Ok(());
        }
        self.check_foreign_keys(connection).await
    }

    /// Reports migrations that ran and that this program does not have.
    fn check_applied(&self, applied: &[i64]) -> Result<(), MigrationError> {
        let owner = self.owner.clone();
        let unknown = applied
            .iter()
            .copied()
            .filter(|version| !self.migrator.version_exists(*version));
        let unknown: Vec<i64> = unknown.collect();
        let known = self
            .ups()
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0);
        match unknown.last() {
            None => Ok(()),
            Some(last) if *last > known => Err(MigrationError::Newer {
                owner,
                known,
                applied: unknown,
            }),
            Some(_) => Err(MigrationError::Missing {
                owner,
                versions: unknown,
            }),
        }
    }

    async fn check_foreign_keys(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), DatabaseError> {
        let broken =
            sqlx::query_as("SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1");
        let broken: Option<(String, String)> = broken.fetch_optional(connection).await?;
        let Some((table, parent)) = broken else {
            return Ok(());
        };
        let owner = self.owner.clone();
        Err(MigrationError::ForeignKeys {
            owner,
            table,
            parent,
        }
        .into())
    }

    fn explained(&self, error: MigrateError) -> DatabaseError {
        let owner = self.owner.clone();
        let description = |version| {
            let found = self.ups().find(|migration| migration.version == version);
            found
                .map(|migration| migration.description.to_string())
                .unwrap_or_default()
        };
        let error = match error {
            MigrateError::Execute(error) => return error.into(),
            MigrateError::ExecuteMigration(source, version) => MigrationError::Failed {
                owner,
                version,
                description: description(version),
                source,
            },
            MigrateError::VersionMismatch(version) => MigrationError::Edited {
                owner,
                version,
                description: description(version),
            },
            MigrateError::Dirty(version) => MigrationError::Dirty {
                owner,
                version,
                table: self.table.clone(),
            },
            MigrateError::VersionMissing(version) => MigrationError::Missing {
                owner,
                versions: vec![version],
            },
            other => return sqlx::Error::from(other).into(),
        };
        error.into()
    }
}

fn is_name(owner: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    owner.len() <= LONGEST_NAME
        && owner.starts_with(|c: char| c.is_ascii_lowercase())
        && owner.chars().all(is_allowed)
}

/// Returns the first statement that begins or ends a transaction. It would commit the migrations before it, and what follows would not be rolled back.
fn transaction_statement(sql: &str) -> Option<String> {
    let mut in_trigger = false;
    for statement in statements(sql) {
        let mut words = statement.split_whitespace().map(str::to_ascii_uppercase);
        let Some(first) = words.next() else { continue };
        match first.as_str() {
            "CREATE" => in_trigger = words.take(2).any(|word| word == "TRIGGER"),
            "END" if in_trigger => in_trigger = false,
            "BEGIN" | "COMMIT" | "END" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" => {
                return Some(first);
            }
            _ => {}
        }
    }
    None
}

/// Returns the statements without their comments, literals and quoted names. The statements in a trigger count as well.
fn statements(sql: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '-' if rest.starts_with("--") => Some(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => {
                Some(rest.find("*/").map_or(rest.len(), |end| end + 2))
            }
            '\'' | '"' | '`' => Some(rest[1..].find(c).map_or(rest.len(), |end| end + 2)),
            '[' => Some(rest.find(']').map_or(rest.len(), |end| end + 1)),
            _ => None,
        };
        if let (None, Some(last)) = (skipped, all.last_mut()) {
            if c == ';' {
                all.push(String::new());
            } else {
                last.push(c);
            }
        }
        // A comment separates words.
        if let (Some(_), Some(last)) = (skipped, all.last_mut()) {
            last.push(' ');
        }
        rest = &rest[skipped.unwrap_or(c.len_utf8())..];
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{is_name, transaction_statement};

    #[test]
    fn the_name_of_an_owner_is_part_of_the_name_of_a_table() {
        for name in ["a", "orders", "read-models", "v2_orders"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "Orders",
            "2orders",
            "-",
            "a b",
            "a\"",
            "ä",
            &"a".repeat(49),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_statement_of_a_transaction_is_found() {
        for sql in [
            "COMMIT",
            "SELECT 1; commit ;",
            "/* why */ BEGIN; SELECT 1",
            "-- a\nEND TRANSACTION;",
            "SAVEPOINT a",
        ] {
            assert!(transaction_statement(sql).is_some(), "{sql}");
        }
        let trigger = "CREATE TEMP TRIGGER t BEFORE UPDATE ON a BEGIN SELECT 1; SELECT 'x;COMMIT'; END; COMMIT";
        assert_eq!(transaction_statement(trigger).as_deref(), Some("COMMIT"));
    }

    #[test]
    fn a_word_that_is_no_statement_is_not_found() {
        for sql in [
            "CREATE TRIGGER t BEFORE UPDATE ON a BEGIN SELECT RAISE(ABORT, 'no'); END;",
            "INSERT INTO a VALUES ('it''s; COMMIT;', \";END;\", `;END`, [;END])",
            "SELECT CASE WHEN 1 THEN 2 END; -- ; COMMIT\nSELECT 1 /* ; COMMIT; */",
            "",
        ] {
            assert_eq!(transaction_statement(sql), None, "{sql}");
        }
    }
}
