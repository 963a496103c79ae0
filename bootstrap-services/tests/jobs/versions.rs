//! Payloads that older and newer programs have written.

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::jobs::{Handles, Job, JobContext, JobState, Jobs, job_handler};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kit::{Kit, Log, SECOND, Setup};

macro_rules! version {
    ($module:ident, $version:literal, $field:ident, $upgrade:item) => {
        mod $module {
            use super::*;

            #[derive(Serialize, Deserialize)]
            pub(super) struct Mail {
                pub(super) $field: String,
            }

            impl Job for Mail {
                const NAME: &'static str = "mail";
                const VERSION: u16 = $version;

                $upgrade
            }

            #[job_handler(Mail, collect = never)]
            pub(super) struct Mails {
                log: State<Log>,
            }

            impl Hooks for Mails {}

            #[async_trait]
            impl Handles<Mail> for Mails {
                async fn handle(&self, mail: Mail, _: &JobContext) -> Result<()> {
                    self.log.add(format!("version {}: {}", $version, mail.$field));
                    Ok(())
                }
            }
        }
    };
}

version!(
    first,
    1,
    address,
    fn upgrade(_: u16, _: Value) -> Result<Value> {
        anyhow::bail!("there is nothing older")
    }
);
version!(
    second,
    2,
    to,
    fn upgrade(from: u16, old: Value) -> Result<Value> {
        anyhow::ensure!(from == 1 && old["address"].is_string(), "no address");
        Ok(json!({ "to": old["address"] }))
    }
);

/// A process with a handler, on the file.
async fn process(file: &std::path::Path, with: impl FnOnce(App) -> App) -> Kit {
    let mut setup = Setup::by_hand();
    setup.file = Some(file.to_owned());
    let (log, errors, time) = (Log::default(), Log::default(), setup.time.clone());
    let running = with(setup.app(&log, &errors)).boot().await.unwrap();
    let jobs = Jobs::clone(&running.try_get::<State<Jobs>>().unwrap());
    let database = running
        .try_get::<State<bootstrap_services::database::Database>>()
        .unwrap();
    let database = (*database).clone();
    Kit {
        running,
        time,
        jobs,
        database,
        log,
        errors,
    }
}

#[tokio::test]
async fn an_older_payload_is_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let old = process(&file, |app| app.with(first::Mails::default())).await;
    let address = "ada".to_owned();
    old.jobs.enqueue(first::Mail { address }).await.unwrap();
    old.close().await;
    let new = process(&file, |app| app.with(second::Mails::default())).await;
    assert_eq!(new.jobs.drain().await.unwrap().done, 1);
    assert_eq!(new.log.take(), ["version 2: ada"]);
    new.close().await;
}

#[tokio::test]
async fn a_newer_payload_is_left_to_newer_processes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let new = process(&file, |app| app.with(second::Mails::default())).await;
    let to = "ada".to_owned();
    let id = new
        .jobs
        .enqueue(second::Mail { to })
        .await
        .unwrap()
        .into_id();
    let mut setup = Setup::new();
    setup.file = Some(file.clone());
    let (log, errors) = (Log::default(), Log::default());
    let time = setup.time.clone();
    let old = setup
        .app(&log, &errors)
        .with(first::Mails::default())
        .boot()
        .await
        .unwrap();
    time.advance(5 * SECOND).await;
    assert_eq!(new.find(&id).await.state, JobState::Ready);
    assert_eq!(log.take(), [""; 0]);
    old.close().await.unwrap();
    assert_eq!(new.jobs.drain().await.unwrap().done, 1);
    new.close().await;
}

#[tokio::test]
async fn a_payload_that_can_not_be_read_is_a_dead_letter_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let kit = process(&file, |app| app.with(second::Mails::default())).await;
    for (version, payload) in [(2, "{\"too\": 1}"), (1, "{}"), (2, "garbage")] {
        let insert = "INSERT INTO _jobs (name, version, state, priority, run_at, attempts, crashes, payload, enqueued_at)
            VALUES ('mail', ?, 1, 0, 0, 5, 3, ?, 0)";
        let insert = sqlx::query(insert).bind(version).bind(payload);
        let mut tx = kit.database.begin().await.unwrap();
        insert.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    let error = kit.jobs.drain().await.unwrap_err().to_string();
    for reason in [
        "the payload of version 2 can't be read: missing field `to`",
        "the payload of version 1 can't be read: no address",
        "the payload of version 2 can't be read: expected value",
    ] {
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(kit.errors.take().len(), 3);
    kit.close().await;
}

#[tokio::test]
async fn a_job_that_no_handler_knows_stays_and_the_health_check_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let mut setup = Setup::new();
    setup.file = Some(file.clone());
    let other = process(&file, |app| app.with(second::Mails::default())).await;
    let to = "ada".to_owned();
    let id = other
        .jobs
        .enqueue(second::Mail { to })
        .await
        .unwrap()
        .into_id();
    other.close().await;
    let kit = setup.boot().await;
    kit.time.advance(60 * SECOND).await;
    assert_eq!(health(&kit).await, None);
    kit.time.advance(600 * SECOND).await;
    let error = health(&kit).await.unwrap();
    assert!(
        error.starts_with("a job `mail` has been ready for ")
            && error.ends_with("and no plugin of this process handles it"),
        "{error}"
    );
    assert_eq!(kit.find(&id).await.state, JobState::Ready);
    kit.close().await;
}

async fn health(kit: &Kit) -> Option<String> {
    use bootstrap::health::HealthCheck;

    let checks = kit.running.try_get::<Ports<dyn HealthCheck>>().unwrap();
    let check = checks.iter().find(|(plugin, _)| *plugin == "job-worker");
    let (_, check) = check.unwrap();
    check.check().await.err().map(|error| error.to_string())
}
