//! What works.

use std::time::Duration;

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_services::database::{Database, DatabaseError, DatabasePlugin};
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A list of migrations, numbered from 1.
pub fn migrations(list: &[&'static str]) -> Migrator {
    let migrations = list.iter().zip(1..).map(|(sql, version)| {
        let description = format!("step {version}").into();
        Migration::new(
            version,
            description,
            MigrationType::Simple,
            (*sql).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

pub const NOTES: &str = "CREATE TABLE notes (text TEXT NOT NULL UNIQUE)";

pub async fn add(database: &Database, text: &str) -> Result<(), DatabaseError> {
    database
        .write(async |mut tx| {
            let insert = sqlx::query("INSERT INTO notes VALUES (?)").bind(text);
            insert.execute(&mut *tx).await?;
            Ok(())
        })
        .await
}

pub async fn notes(database: &Database) -> Vec<String> {
    let select = sqlx::query_scalar("SELECT text FROM notes ORDER BY text");
    select.fetch_all(database.read()).await.unwrap()
}

/// Boots an app with only this database, whose table `notes` exists.
pub async fn boot(plugin: DatabasePlugin) -> (bootstrap::Running, State<Database>) {
    let running = App::new().with(plugin).boot().await.unwrap();
    let database = running.try_get::<State<Database>>().unwrap();
    database
        .migrate("notes", migrations(&[NOTES]))
        .await
        .unwrap();
    (running, database)
}

#[plugin(name = "notes")]
struct Notes {
    database: State<Database>,
}

impl Hooks for Notes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.database.migrate("notes", migrations(&[NOTES])).await?;
        let text = String::from("from a hook");
        self.database
            .write(async |mut tx| -> Result<()> {
                sqlx::query("INSERT INTO notes VALUES (?)")
                    .bind(&text)
                    .execute(&mut *tx)
                    .await?;
                Ok(())
            })
            .await
    }
}

/// D6: the database is a state.
#[tokio::test]
async fn a_write_works_in_a_hook_and_in_a_task() {
    let running = App::new()
        .with(DatabasePlugin::memory())
        .with(Notes::default())
        .boot()
        .await
        .unwrap();
    let database = running.try_get::<State<Database>>().unwrap();
    let task = {
        let database = database.clone();
        tokio::spawn(async move { add(&database, "from a task").await })
    };
    tokio::time::timeout(Duration::from_secs(10), task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(notes(&database).await, ["from a hook", "from a task"]);
    running.close().await.unwrap();
}

/// R58: two registrations are two databases.
#[tokio::test]
async fn two_databases_are_two_files() {
    #[plugin(collect = never)]
    struct Both {
        orders: State<Database>,
        reports: State<Database>,
    }
    impl Hooks for Both {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            for database in [&self.orders, &self.reports] {
                database.migrate("notes", migrations(&[NOTES])).await?;
                add(database, database.name()).await?;
            }
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let configuration = Configuration::new()
        .set("database.file", path("orders.db"))
        .set("reports.database.file", path("reports.db"));
    let mut app = App::new().configure(configuration);
    let orders = app
        .register(DatabasePlugin::default())
        .handle::<State<Database>>();
    let reports = app
        .register(DatabasePlugin::default())
        .named("reports")
        .config_prefix("reports");
    let reports = reports.handle::<State<Database>>();
    app.register(Both { orders, reports });
    app.boot().await.unwrap().close().await.unwrap();
    for (file, note) in [("orders.db", "database"), ("reports.db", "reports")] {
        let (running, database) = boot(DatabasePlugin::default().file(path(file).into())).await;
        assert_eq!(notes(&database).await, [note]);
        running.close().await.unwrap();
        assert!(
            !folder.path().join(format!("{file}-wal")).exists(),
            "the file alone is the database"
        );
    }
}

/// D51, D59: what a plugin needs has migrated before it.
#[tokio::test]
async fn plugins_migrate_their_own_tables_in_the_order_of_the_graph() {
    struct Users;
    #[plugin(states = [Users], collect = never)]
    struct UsersPlugin {
        database: State<Database>,
    }
    impl Hooks for UsersPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Users> {
            let users = "CREATE TABLE users (id INTEGER PRIMARY KEY); INSERT INTO users VALUES (7)";
            self.database.migrate("users", migrations(&[users])).await?;
            Ok(Users)
        }
    }
    #[plugin(collect = never)]
    struct OrdersPlugin {
        database: State<Database>,
        _users: State<Users>,
    }
    impl Hooks for OrdersPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let orders = "CREATE TABLE orders AS SELECT id AS user FROM users";
            self.database
                .migrate("orders", migrations(&[orders]))
                .await?;
            Ok(())
        }
    }
    let app = App::new()
        .with(OrdersPlugin::default())
        .with(UsersPlugin::default());
    let running = app.with(DatabasePlugin::memory()).boot().await.unwrap();
    let database = running.try_get::<State<Database>>().unwrap();
    let user: i64 = sqlx::query_scalar("SELECT user FROM orders")
        .fetch_one(database.read())
        .await
        .unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE name GLOB '_migrations_*' AND type = 'table' ORDER BY name";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(database.read())
        .await
        .unwrap();
    assert_eq!(
        (user, tables),
        (
            7,
            vec![
                "_migrations_orders".to_owned(),
                "_migrations_users".to_owned()
            ]
        )
    );
    running.close().await.unwrap();
}

#[tokio::test]
async fn migrations_that_ran_are_not_repeated() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    for _ in 0..2 {
        database
            .migrate("notes", migrations(&[NOTES]))
            .await
            .unwrap();
    }
    running.close().await.unwrap();
}

#[tokio::test]
async fn each_test_gets_a_copy_of_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("template.db");
    let (running, database) = boot(DatabasePlugin::memory()).await;
    add(&database, "in all copies").await.unwrap();
    database.backup(&file).await.unwrap();
    let error = database.backup(&file).await.unwrap_err().to_string();
    assert_eq!(error, "can't back up the database `database`");
    running.close().await.unwrap();
    for _ in 0..2 {
        let (running, database) = boot(DatabasePlugin::copy_of(&file)).await;
        assert_eq!(notes(&database).await, ["in all copies"]);
        add(&database, "gone with this copy").await.unwrap();
        running.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_a_process_take_turns() {
    let (running, database) = boot(DatabasePlugin::memory()).await;
    let writers = (0..50).map(|number| {
        let database = database.clone();
        tokio::spawn(async move { add(&database, &format!("{number:02}")).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(notes(&database).await.len(), 50);
    running.close().await.unwrap();
}

#[tokio::test]
async fn what_the_database_does_is_measured() {
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let mut app = App::new();
    app.register(DatabasePlugin::memory()).named("measured");
    let running = app.boot().await.unwrap();
    let database = running.try_get::<State<Database>>().unwrap();
    database.begin().await.unwrap().rollback().await.unwrap();
    database.begin().await.unwrap().commit().await.unwrap();
    database.check().await.unwrap();
    let found = snapshotter.snapshot().into_vec();
    let found = found
        .into_iter()
        .filter(|(key, ..)| key.key().labels().any(|label| label.value() == "measured"));
    let mut found: Vec<String> = found
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(metrics_label).collect();
            let value = format!("{value:?}");
            let value = value.split_once('(').unwrap().0.to_owned();
            format!("{} {} {value}", key.key().name(), labels.join(","))
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "database_connections measured,idle Gauge",
            "database_connections measured,used Gauge",
            "database_free_bytes measured Gauge",
            "database_transactions_total measured,committed Counter",
            "database_transactions_total measured,rolled_back Counter",
            "database_wait_seconds measured Histogram",
        ]
    );
    running.close().await.unwrap();
}

fn metrics_label(label: &metrics::Label) -> String {
    label.value().to_owned()
}

/// A handler of axum is a function whose future can be sent between threads.
#[test]
fn a_write_works_in_a_handler() {
    fn is_handler<F: Future<Output: Send> + Send + 'static>(_: fn(State<Database>, String) -> F) {}
    async fn handler(database: State<Database>, text: String) -> Result<(), DatabaseError> {
        add(&database, &text).await
    }
    is_handler(handler);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_two_processes_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = || {
        DatabasePlugin::default()
            .file(folder.path().join("app.db"))
            .min_free(0)
    };
    let (first, one) = boot(plugin()).await;
    let (second, two) = boot(plugin()).await;
    let writers = (0..40).map(|number| {
        let database = if number % 2 == 0 {
            one.clone()
        } else {
            two.clone()
        };
        tokio::spawn(async move { add(&database, &format!("{number:02}")).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(notes(&one).await.len(), 40);
    first.close().await.unwrap();
    second.close().await.unwrap();
}
