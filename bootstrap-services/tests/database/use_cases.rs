//! What works.

use std::time::Duration;

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

#[tokio::test]
async fn a_write_works_in_a_hook_and_in_a_task() {
    // D6
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
