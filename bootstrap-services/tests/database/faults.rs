//! What goes wrong, and what is reported.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_services::database::{
    Database, DatabaseError, DatabasePlugin, MigrationError, Transaction,
};
use sqlx::Connection as _;

use crate::disk::{Mount, other_process, set_immutable};
use crate::use_cases::{add, boot, migrations, notes};

fn plugin(file: impl Into<PathBuf>) -> DatabasePlugin {
    let plugin = DatabasePlugin::default().file(file.into()).min_free(0);
    plugin.busy_timeout(Duration::from_millis(300))
}

async fn boot_error(plugin: DatabasePlugin) -> String {
    let error = App::new().with(plugin).boot().await.unwrap_err();
    error.render()
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.unwrap()
}

const SECOND: Duration = Duration::from_secs(1);

/// Checks until the result is as expected, for two seconds.
async fn becomes_healthy(database: &Database) {
    let begun = Instant::now();
    while let Err(error) = database.check().await {
        assert!(begun.elapsed() < 2 * SECOND, "{error:#}");
    }
}

#[tokio::test]
async fn a_path_that_is_no_file_is_a_clear_error_of_the_boot() {
    let folder = tempfile::tempdir().unwrap();
    let text = boot_error(plugin(folder.path())).await;
    assert!(
        text.contains("[database] Plugin load failed: can't open the database"),
        "{text}"
    );
    assert!(text.contains("it is a folder"), "{text}");
    assert!(
        text.ends_with("help: set `database.file` to a file in it"),
        "{text}"
    );

    let text = boot_error(plugin(folder.path().join("no/app.db"))).await;
    assert!(text.contains("/no` does not exist"), "{text}");
    assert!(
        text.ends_with("help: create the folder, or set `database.file` to another file"),
        "{text}"
    );

    let text = boot_error(plugin("")).await;
    assert!(text.contains("it is not the path of a file"), "{text}");

    let text = boot_error(plugin("/dev/null")).await;
    assert!(text.contains("it is not a regular file"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let garbage = "not a database".repeat(1_000);
    fs::write(&file, &garbage).unwrap();
    let text = boot_error(plugin(&file)).await;
    assert!(
        text.contains("damaged, or not an SQLite database"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), garbage);
}

#[tokio::test]
async fn a_value_out_of_its_range_is_an_error_of_the_boot() {
    for (key, value, wrong) in [
        ("database.connections", "0", "`database.connections` is 0"),
        ("database.connections", "65", "`database.connections` is 65"),
        (
            "database.busy_timeout",
            "0s",
            "`database.busy_timeout` is 0ns",
        ),
        (
            "database.busy_timeout",
            "2h",
            "`database.busy_timeout` is 7200s",
        ),
        (
            "database.busy_timeout",
            "5 weeks",
            "write a whole number and a unit",
        ),
        ("database.synchronous", "off", "synchronous"),
        ("database.min_free", "-1", "database.min_free"),
    ] {
        let variable = format!("TEST_{}", key.to_uppercase().replace('.', "__"));
        let configuration = Configuration::new().environment_from("TEST", [(variable, value)]);
        let app = App::new()
            .with(DatabasePlugin::memory())
            .configure(configuration);
        let text = format!("{:?}", app.boot().await.unwrap_err());
        assert!(text.contains(wrong), "{key} = {value}: {text}");
    }
}

#[tokio::test]
async fn a_read_only_file_system_is_an_error_of_the_boot() {
    let Some(mount) = Mount::new("size=4m") else {
        return;
    };
    let (running, _) = boot(plugin(mount.file())).await;
    running.close().await.unwrap();
    mount.remount("ro");
    let text = boot_error(plugin(mount.file())).await;
    assert!(text.contains("Read-only file system"), "{text}");
}

#[tokio::test]
async fn a_full_disk_is_reported_and_recovered_from() {
    let Some(mount) = Mount::new("size=1m") else {
        return;
    };
    // A write of the check itself may fit in the room that the log has already.
    let plugin = plugin(mount.file()).min_free(32 << 10);
    let (running, database) = boot(plugin).await;
    database.check().await.unwrap();
    let mut kept = Vec::new();
    let error = loop {
        let text = format!("{:05}{}", kept.len(), "x".repeat(20_000));
        match add(&database, &text).await {
            Ok(()) => kept.push(text),
            Err(error) => break error,
        }
        assert!(kept.len() < 1_000);
    };
    assert!(
        error
            .to_string()
            .contains("there is no room on the disk: make some"),
        "{error}"
    );
    assert_eq!(
        notes(&database).await,
        kept,
        "no acknowledged write is lost"
    );
    let text = database.check().await.unwrap_err().to_string();
    assert!(text.contains("`database.min_free`: make room"), "{text}");
    mount.remount("size=8m");
    becomes_healthy(&database).await;
    add(&database, "more").await.unwrap();
    assert_eq!(notes(&database).await.len(), kept.len() + 1);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_is_unhealthy_until_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let (running, database) = boot(plugin(&file)).await;
    let log = folder.path().join("app.db-wal");
    if !set_immutable(&log, true) {
        return;
    }
    let refused = add(&database, "refused").await;
    let check = database.check().await;
    // By now there are connections that were opened while the disk was read-only.
    let errors = [
        add(&database, "refused").await,
        add(&database, "refused").await,
    ];
    let checks = [database.check().await, database.check().await];
    set_immutable(&log, false);
    assert!(errors.iter().all(Result::is_err) && checks.iter().all(Result::is_err));
    let text = format!("{} {:#}", refused.unwrap_err(), check.unwrap_err());
    assert!(
        text.contains("can't write to the database `database`: "),
        "{text}"
    );
    becomes_healthy(&database).await;
    add(&database, "kept").await.unwrap();
    assert_eq!(notes(&database).await, ["kept"]);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unhealthy_although_the_log_has_room_for_the_row_of_the_check() {
    let Some(mount) = Mount::new("size=1m") else {
        return;
    };
    let (running, database) = boot(plugin(mount.file()).min_free(0)).await;
    // What this adds to the log is free for later transactions.
    add(&database, &"x".repeat(40_000)).await.unwrap();
    let checkpoint = "PRAGMA wal_checkpoint(RESTART)";
    let mut other = other_process(&mount.file()).await;
    sqlx::query(checkpoint).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let filler = mount.path().join("filler");
    fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    add(&database, "small").await.unwrap();
    let text = format!("{:#}", database.check().await.unwrap_err());
    assert!(
        text.contains("can't write a file beside the database `database`: make room"),
        "{text}"
    );
    fs::remove_file(&filler).unwrap();
    becomes_healthy(&database).await;
    let left: Vec<_> = fs::read_dir(mount.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().ends_with("-room")),
        "{left:?}"
    );
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_disk_with_less_room_than_min_free_is_unhealthy() {
    let Some(mount) = Mount::new("size=2m") else {
        return;
    };
    let (running, database) = boot(plugin(mount.file()).min_free(4 << 20)).await;
    let text = database.check().await.unwrap_err().to_string();
    assert!(
        text.contains("bytes left, less than the 4194304 of `database.min_free`: make room"),
        "{text}"
    );
    mount.remount("size=8m");
    becomes_healthy(&database).await;
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_removed_file_refuses_writes_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, away) = (folder.path().join("app.db"), folder.path().join("away"));
    let (running, database) = boot(plugin(&file)).await;
    fs::rename(&file, &away).unwrap();
    let error = add(&database, "lost").await.unwrap_err();
    assert!(
        matches!(error, DatabaseError::FileRemoved { .. }),
        "{error}"
    );
    let text = database.check().await.unwrap_err().to_string();
    assert!(
        text.contains("was removed or replaced: put it back, or restart the database"),
        "{text}"
    );
    fs::write(&file, "").unwrap();
    assert!(
        database.check().await.is_err(),
        "another file at the path is not the database"
    );
    fs::rename(&away, &file).unwrap();
    becomes_healthy(&database).await;
    add(&database, "kept").await.unwrap();
    assert_eq!(notes(&database).await, ["kept"]);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_another_process_locks_is_busy_and_unhealthy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let (running, database) = boot(plugin(&file)).await;
    let mut other = other_process(&file).await;
    let tx = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = within(2 * SECOND, add(&database, "a")).await.unwrap_err();
    assert!(
        error.is_busy() && matches!(error, DatabaseError::Busy { .. }),
        "{error}"
    );
    let text = within(SECOND, database.check())
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("is locked by another process for"), "{text}");
    assert_eq!(
        notes(&database).await,
        Vec::<String>::new(),
        "readers go on"
    );
    drop(tx);
    becomes_healthy(&database).await;
    add(&database, "a").await.unwrap();
    running.close().await.unwrap();
}

#[tokio::test]
async fn each_of_several_writers_learns_that_another_process_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let (running, database) = boot(plugin(&file)).await;
    let mut other = other_process(&file).await;
    let tx = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let adding = [(); 3].map(|()| add(&database, "a"));
    let errors = within(5 * SECOND, futures_util::future::join_all(adding)).await;
    for error in errors {
        let error = error.unwrap_err();
        assert!(matches!(error, DatabaseError::Busy { .. }), "{error}");
    }
    drop(tx);
    becomes_healthy(&database).await;
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_locked_at_boot_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    boot(plugin(&file)).await.0.close().await.unwrap();
    let mut other = other_process(&file).await;
    let tx = other.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let migrating = {
        let file = file.clone();
        tokio::spawn(async move {
            let (running, database) = boot(plugin(&file).busy_timeout(10 * SECOND)).await;
            database
                .migrate("more", migrations(&["CREATE TABLE more (a)"]))
                .await
                .unwrap();
            running.close().await.unwrap();
        })
    };
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!migrating.is_finished());
    drop(tx);
    // The rollback of the other connection is queued.
    other.ping().await.unwrap();
    within(10 * SECOND, migrating).await.unwrap();
}

#[tokio::test]
async fn a_busy_writer_of_this_process_is_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let (running, database) = boot(plugin(folder.path().join("app.db"))).await;
    let tx = database.begin().await.unwrap();
    within(SECOND, database.check()).await.unwrap();
    let error = within(SECOND, database.begin()).await.unwrap_err();
    assert!(
        matches!(error, DatabaseError::QueueTimeout { .. }),
        "{error}"
    );
    drop(tx);
    within(SECOND, database.check()).await.unwrap();
    running.close().await.unwrap();
}

#[tokio::test]
async fn an_error_a_panic_and_a_dropped_future_roll_back() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    let insert = || sqlx::query("INSERT INTO notes VALUES ('a')");
    let failed: Result<()> = database
        .write(async |mut tx| {
            insert().execute(&mut *tx).await?;
            anyhow::bail!("no")
        })
        .await;
    assert_eq!(failed.unwrap_err().to_string(), "no");

    let panicking = {
        let database = database.clone();
        tokio::spawn(async move {
            let write = database.write(async |mut tx| -> Result<()> {
                sqlx::query("INSERT INTO notes VALUES ('a')")
                    .execute(&mut *tx)
                    .await?;
                panic!("on purpose")
            });
            write.await
        })
    };
    assert!(panicking.await.unwrap_err().is_panic());

    let hanging = database.write(async |mut tx| -> Result<()> {
        insert().execute(&mut *tx).await?;
        std::future::pending().await
    });
    assert!(
        tokio::time::timeout(Duration::from_millis(200), hanging)
            .await
            .is_err()
    );

    let mut tx = database.begin().await.unwrap();
    insert().execute(&mut *tx).await.unwrap();
    tx.rollback().await.unwrap();

    assert_eq!(notes(&database).await, Vec::<String>::new());
    add(&database, "a").await.unwrap();
    running.close().await.unwrap();
}

#[tokio::test]
async fn the_transaction_of_a_write_is_not_ended_in_its_closure() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    let ended: Result<(), DatabaseError> = database.write(async |tx| tx.commit().await).await;
    assert!(matches!(ended, Err(DatabaseError::Lent)));
    let mut kept = None;
    let result: Result<(), DatabaseError> = database
        .write(|tx| {
            kept = Some(tx);
            async { Ok(()) }
        })
        .await;
    assert!(matches!(result, Err(DatabaseError::Lent)));
    drop(kept);
    add(&database, "a").await.unwrap();
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_reader_can_not_write() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    let insert = sqlx::query("INSERT INTO notes VALUES ('a')");
    assert!(insert.execute(database.read()).await.is_err());
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused() {
    let (first, one) = boot(DatabasePlugin::memory()).await;
    let (second, two) = boot(DatabasePlugin::memory()).await;
    let mut tx = one.begin().await.unwrap();
    assert!(one.join(&mut tx).is_ok());
    let error = two.join(&mut tx).unwrap_err().to_string();
    assert_eq!(
        error,
        "a transaction on the SQLite database `database` was passed to a service that uses the SQLite database `database`: begin the transaction on that database"
    );
    drop(tx);
    first.close().await.unwrap();
    second.close().await.unwrap();
}

/// A transaction of an engine that this crate does not know.
#[derive(Debug)]
struct Foreign;

impl Transaction for Foreign {
    fn engine(&self) -> &'static str {
        "Postgres"
    }

    fn database(&self) -> &'static str {
        "main"
    }

    fn as_any_mut(&mut self) -> &mut (dyn std::any::Any + Send) {
        self
    }

    fn after_commit(&mut self, _: Box<dyn FnOnce() + Send>) {}
}

#[tokio::test]
async fn a_transaction_of_another_engine_is_refused() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    let error = database.join(&mut Foreign).unwrap_err().to_string();
    assert_eq!(
        error,
        "a transaction on the Postgres database `main` was passed to a service that uses the SQLite database `database`: begin the transaction on that database"
    );
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_cancelled_at_any_moment_leaves_the_connection_usable() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    for micros in (0..3_000).step_by(20) {
        let writing = async {
            let mut tx = database.begin().await.unwrap();
            sqlx::query("INSERT INTO notes VALUES ('a')")
                .execute(&mut *tx)
                .await
                .unwrap();
            sqlx::query("DELETE FROM notes")
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        };
        // Not a timer of tokio, whose granularity is a millisecond.
        let end = Instant::now() + Duration::from_micros(micros);
        let cancelled = async {
            while Instant::now() < end {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = writing => {}
            () = cancelled => {}
        }
    }
    within(SECOND, add(&database, "b")).await.unwrap();
    assert_eq!(notes(&database).await, ["b"]);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_migration_that_can_not_run_changes_nothing() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    let error = |result: Result<(), DatabaseError>| match result.unwrap_err() {
        DatabaseError::Migration(error) => error,
        other => panic!("{other}"),
    };
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY)";

    let failed = database
        .migrate("a", migrations(&[orders, "INSERT INTO nowhere VALUES (1)"]))
        .await;
    let failed = error(failed);
    assert_eq!(
        failed.to_string(),
        "migration 2 (`step 2`) of `a` failed: correct it"
    );
    let tables = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('orders', '_migrations_a')",
    );
    let tables: i64 = tables.fetch_one(database.read()).await.unwrap();
    assert_eq!(tables, 0, "nothing is half applied");

    let ended = error(
        database
            .migrate("b", migrations(&["CREATE TABLE b (a); COMMIT; BEGIN"]))
            .await,
    );
    assert!(
        ended.to_string().contains("of `b` contains `COMMIT`"),
        "{ended}"
    );
    let bad = error(database.migrate("Orders", migrations(&[orders])).await);
    assert!(matches!(bad, MigrationError::InvalidOwner { .. }));
    let taken = error(database.migrate("notes", migrations(&[orders])).await);
    assert_eq!(
        taken.to_string(),
        "two plugins own migrations as `notes`: give each a name of its own"
    );
    running.close().await.unwrap();
}

#[tokio::test]
async fn migrations_that_differ_from_those_that_ran_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let (running, database) = boot(plugin(&file)).await;
    database
        .migrate(
            "a",
            migrations(&["CREATE TABLE a (b)", "CREATE TABLE c (d)"]),
        )
        .await
        .unwrap();
    running.close().await.unwrap();
    for (list, text) in [
        (
            vec!["CREATE TABLE a (b)"],
            "the database is newer than this program: `a` has migrations up to 1, and [2] ran as well: run the newer program, or restore a backup",
        ),
        (
            vec!["CREATE TABLE a (b, c)", "CREATE TABLE c (d)"],
            "migration 1 (`step 1`) of `a` was edited after it ran: restore its text, and write a new migration",
        ),
    ] {
        let (running, database) = boot(plugin(&file)).await;
        let error = database.migrate("a", migrations(&list)).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        running.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_table_with_references_is_replaced_without_losing_rows() {
    let parts = "CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (parent INTEGER NOT NULL REFERENCES parents ON DELETE CASCADE);
        INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1);";
    let replace = "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT);
        INSERT INTO new (id) SELECT id FROM parents; DROP TABLE parents; ALTER TABLE new RENAME TO parents;";
    let (running, database) = boot(DatabasePlugin::memory()).await;
    database
        .migrate("family", migrations(&[parts, replace]))
        .await
        .unwrap();
    let children: i64 = sqlx::query_scalar("SELECT count(*) FROM children")
        .fetch_one(database.read())
        .await
        .unwrap();
    assert_eq!(children, 1);
    let error = database
        .migrate("orphan", migrations(&["INSERT INTO children VALUES (2)"]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "after the migrations of `orphan`, rows of `children` refer to rows of `parents` that do not exist: keep or remove both"
    );
    let foreign = database.write(async |mut tx| -> Result<(), DatabaseError> {
        sqlx::query("INSERT INTO children VALUES (2)")
            .execute(&mut *tx)
            .await?;
        Ok(())
    });
    assert!(
        foreign.await.is_err(),
        "foreign keys are enforced otherwise"
    );
    running.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let starts = (0..4).map(|_| {
        let plugin = plugin(&file).busy_timeout(10 * SECOND);
        tokio::spawn(async move {
            let (running, database) = boot(plugin).await;
            add(&database, &format!("{:?}", std::thread::current().id()))
                .await
                .ok();
            running
        })
    });
    for start in starts.collect::<Vec<_>>() {
        within(20 * SECOND, start)
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    }
    let mut other = other_process(&file).await;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM _migrations_notes")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(count, 1);
}

/// The process that the next test kills: it writes numbers, and prints those that were acknowledged.
#[tokio::test]
#[ignore = "a part of `a_kill_loses_no_acknowledged_write`"]
async fn writes_until_it_is_killed() {
    let Some(file) = std::env::var_os("DATABASE_TEST_FILE") else {
        return;
    };
    let (_running, database) = boot(plugin(file)).await;
    for number in notes(&database).await.len().. {
        add(&database, &format!("{number:09}")).await.unwrap();
        println!("acknowledged {number:09}");
    }
}

#[tokio::test]
async fn a_kill_loses_no_acknowledged_write() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "faults::writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ]);
        command
            .env("DATABASE_TEST_FILE", &file)
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut number_of_lines = 0;
        while let Some(line) = within(10 * SECOND, lines.next_line()).await.unwrap() {
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged.push(number.to_owned());
                number_of_lines += 1;
            }
            if number_of_lines == 50 {
                child.start_kill().unwrap();
            }
        }
        child.wait().await.unwrap();
    }
    let (running, database) = boot(plugin(&file)).await;
    let kept = notes(&database).await;
    assert!(acknowledged.len() >= 150);
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|number| !kept.contains(number))
        .collect();
    assert_eq!(lost, Vec::<&String>::new());
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_database_reports_that() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    let file = database.file().to_owned();
    running.close().await.unwrap();
    assert!(add(&database, "late").await.is_err());
    drop(database);
    assert!(!file.exists(), "a temporary file is removed");
}

/// `SQLite` takes the path as text, and would write another file.
#[cfg(unix)]
#[tokio::test]
async fn a_backup_to_a_path_that_is_not_unicode_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let folder = tempfile::tempdir().unwrap();
    let (running, database) = boot(plugin(folder.path().join("app.db"))).await;
    let copies = folder.path().join("copies");
    fs::create_dir(&copies).unwrap();
    let copy = copies.join(OsStr::from_bytes(b"copy-\xff.db"));
    let text = format!(
        "{:#}",
        anyhow::Error::from(database.backup(&copy).await.unwrap_err())
    );
    assert!(
        text.contains("can't back up the database `database`"),
        "{text}"
    );
    assert!(text.contains("the path is not valid UTF-8"), "{text}");
    assert_eq!(fs::read_dir(&copies).unwrap().count(), 0);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_value_of_a_database_with_a_prefix_is_reported_at_its_own_key() {
    let variables = [
        ("TEST_DATABASE__CONNECTIONS", "4"),
        ("TEST_REPORTS__DATABASE__CONNECTIONS", "0"),
    ];
    let configuration = Configuration::new().environment_from("TEST", variables);
    let mut app = App::new().configure(configuration);
    app.register(DatabasePlugin::memory());
    let reports = app.register(DatabasePlugin::memory()).named("reports");
    reports.config_prefix("reports");
    let text = app.boot().await.unwrap_err().render();
    assert!(text.contains("[reports] Plugin load failed"), "{text}");
    assert!(
        text.contains("TEST_REPORTS__DATABASE__CONNECTIONS"),
        "{text}"
    );
}
