//! An engine of jobs outside of the crate, and the choice between engines.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod memory;

use std::sync::Arc;
use std::time::Duration;

use bootstrap::Configuration;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::DatabasePlugin;
use bootstrap_services::jobs::conformance::{self, Instances};
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobEngine, JobError, JobState, Jobs, job_handler,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::memory::{MemoryJobs, MemoryTx};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_engine_outside_of_the_crate_passes_the_conformance() {
    let make = async |time: VirtualClock| {
        let engine = MemoryJobs::new(time.clock());
        let instances = [(); 2].map(|()| -> Arc<dyn JobEngine> { Arc::new(engine.clone()) });
        let begin = async move || engine.begin().await;
        Instances::from(instances).transactions(begin, async |tx: MemoryTx| tx.commit())
    };
    let check = conformance::check(make);
    timeout(Duration::from_mins(4), check).await.unwrap();
}

#[derive(Serialize, Deserialize)]
struct Add(u32, u32);

impl Job for Add {
    const NAME: &'static str = "add";
}

#[job_handler(Add, collect = never)]
struct Adder {}

impl Hooks for Adder {}

#[async_trait]
impl Handles<Add> for Adder {
    async fn handle(&self, Add(one, other): Add, cx: &JobContext) -> Result<()> {
        cx.set_result(&(one + other))?;
        Ok(())
    }
}

fn app(engine: &str) -> App {
    let configuration = Configuration::new().set("jobs.engine", engine);
    App::only(Adder::default()).configure(configuration)
}

fn engines(app: &App) -> Vec<String> {
    let plan = app.plan().unwrap();
    let names = plan.order().map(|it| it.name().to_string());
    names
        .filter(|name| name.starts_with("jobs-") || name == "database")
        .collect()
}

#[tokio::test]
async fn the_configuration_chooses_another_engine_and_the_embedded_one_stays_away() {
    let app = app("memory");
    assert_eq!(engines(&app), ["jobs-memory"]);
    let running = timeout(DEADLINE, app.boot()).await.unwrap().unwrap();
    let jobs = running.try_get::<State<Jobs>>().unwrap();
    let id = jobs.enqueue(Add(3, 4)).await.unwrap().into_id();
    let ended = timeout(DEADLINE, jobs.ended(&id)).await.unwrap();
    assert_eq!(ended.unwrap().unwrap().state, JobState::Done);
    assert_eq!(jobs.result::<u32>(&id).await.unwrap(), Some(7));
    drop(jobs);
    timeout(DEADLINE, running.close()).await.unwrap().unwrap();
}

#[test]
fn the_embedded_engine_is_the_default_and_can_be_named() {
    let embedded = ["database", "jobs-sqlite"];
    assert_eq!(engines(&app("sqlite")), embedded);
    assert_eq!(engines(&App::only(Adder::default())), embedded);
}

#[test]
fn an_unknown_engine_is_an_error_that_lists_those_that_are_linked() {
    let error = app("memroy").plan().unwrap_err();
    let text = error.render();
    assert!(
        text.starts_with(
            "error[BOOT019]: the value of `jobs.engine` chooses no plugin of this app\n"
        ),
        "{text}"
    );
    for part in [
        "\n  near: `memory` chooses `jobs-memory` (",
        "\n  known: `sqlite` chooses `jobs-sqlite` (",
        "\n  help: did you mean `memory`? Correct the value",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused_with_the_help_of_any_engine() {
    let app = app("memory").with(DatabasePlugin::memory());
    let running = timeout(DEADLINE, app.boot()).await.unwrap().unwrap();
    let jobs = running.try_get::<State<Jobs>>().unwrap();
    let database = running
        .try_get::<State<bootstrap_services::database::Database>>()
        .unwrap();
    let mut tx = database.begin().await.unwrap();
    let error = jobs.enqueue_in(&mut tx, Add(1, 2)).await.unwrap_err();
    assert!(matches!(error, JobError::OtherDatabase { .. }), "{error:?}");
    drop((tx, jobs, database));
    timeout(DEADLINE, running.close()).await.unwrap().unwrap();
}
