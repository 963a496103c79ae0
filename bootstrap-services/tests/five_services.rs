//! A plugin that uses five services, and its test.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::audit::{Audit, Entry, Filter};
use bootstrap_services::cache::{Cache, Region};
use bootstrap_services::database::Database;
use bootstrap_services::events::{Event, Events};
use bootstrap_services::limits::{Limits, LimitsPlugin, Quota};
use bootstrap_services::testing;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize, Debug, PartialEq)]
#[event(name = "note.added")]
struct NoteAdded {
    text: String,
}

struct Notes {
    database: State<Database>,
    audit: State<Audit>,
    events: State<Events>,
    limits: State<Limits>,
    count: Region<(), i64>,
}

#[plugin(name = "notes", states = [Notes])]
struct NotesPlugin {
    database: State<Database>,
    audit: State<Audit>,
    cache: State<Cache>,
    events: State<Events>,
    limits: State<Limits>,
}

impl Hooks for NotesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Notes> {
        let table = "CREATE TABLE notes (text TEXT NOT NULL)";
        self.database
            .write(async |mut tx| -> Result<()> {
                sqlx::query(table).execute(&mut *tx).await?;
                Ok(())
            })
            .await?;
        Ok(Notes {
            database: self.database.clone(),
            audit: self.audit.clone(),
            events: self.events.clone(),
            limits: self.limits.clone(),
            count: self
                .cache
                .region("notes")
                .ttl(Duration::from_mins(1))
                .build()?,
        })
    }
}

impl Notes {
    async fn add(&self, user: &str, text: &str) -> Result<bool> {
        if !self.limits.named("notes")?.check(user).await?.allowed {
            return Ok(false);
        }
        self.database
            .write(async |mut tx| -> Result<()> {
                let add = sqlx::query("INSERT INTO notes VALUES (?)").bind(text);
                add.execute(&mut *tx).await?;
                let entry = Entry::new("note.add").actor(user);
                Ok(self.audit.record_in(&mut tx, entry).await?)
            })
            .await?;
        let text = text.to_owned();
        self.events.publish(NoteAdded { text });
        Ok(true)
    }

    async fn count(&self) -> Result<i64> {
        let count = self.count.get_or_load(&(), async || {
            let count = sqlx::query_scalar("SELECT count(*) FROM notes");
            Ok(count.fetch_one(self.database.read()).await?)
        });
        Ok(*count.await?)
    }
}

// The test as a user writes it, in less than 25 lines: `it_is_short` counts them.
#[tokio::test]
async fn a_note_is_counted_announced_and_audited() -> Result<()> {
    let (app, time) = testing::only(NotesPlugin::default());
    let limits = LimitsPlugin::default().limit("notes", Quota::per_minute(1));
    let running = app.with(limits).boot().await?;
    let notes = running.try_get::<State<Notes>>()?;
    let seen = notes.events.record();

    assert_eq!(notes.count().await?, 0);
    assert!(notes.add("ada", "milk").await?);
    assert!(!notes.add("ada", "bread").await?, "one a minute");
    assert_eq!(notes.count().await?, 0, "it is in the cache");
    time.advance(Duration::from_mins(1)).await;
    assert_eq!(notes.count().await?, 1);
    assert!(notes.add("ada", "bread").await?);

    assert_eq!(seen.names(), ["note.added", "note.added"]);
    assert_eq!(seen.of::<NoteAdded>()[1].text, "bread");
    let audited = notes.audit.query(&Filter::default()).await?;
    assert_eq!(audited.entries.len(), 2);

    running.close().await?;
    Ok(())
}
// The end of the test.

#[test]
fn it_is_short() {
    let source = include_str!("five_services.rs");
    let (_, test) = source.split_once("#[tokio::test]\n").unwrap();
    let (test, _) = test.split_once("// The end").unwrap();
    assert!(test.lines().count() < 25, "{}", test.lines().count());
}
