//! `#[job_handler(..)]`: what it declares, and what the plan says about mistakes.

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::jobs::{Handles, Job, JobContext, JobWorker, Jobs, job_handler};
use bootstrap_services::testing;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Resize(u32);

impl Job for Resize {
    const NAME: &'static str = "resize";
}

#[job_handler(Resize, collect = never)]
struct Resizes {}

impl Hooks for Resizes {}

#[async_trait]
impl Handles<Resize> for Resizes {
    async fn handle(&self, job: Resize, cx: &JobContext) -> Result<()> {
        cx.set_result(&(job.0 / 2))?;
        Ok(())
    }
}

#[job_handler(Resize, collect = never)]
struct Others {}

impl Hooks for Others {}

#[async_trait]
impl Handles<Resize> for Others {
    async fn handle(&self, _: Resize, _: &JobContext) -> Result<()> {
        Ok(())
    }
}

#[job_handler(Resize, name = "renamed", collect = never)]
struct Renamed {}

impl Hooks for Renamed {}

#[async_trait]
impl Handles<Resize> for Renamed {
    async fn handle(&self, _: Resize, _: &JobContext) -> Result<()> {
        Ok(())
    }
}

/// Can only boot in an app that has the handler.
#[plugin(name = "gallery", collect = never)]
struct Gallery {
    _jobs: State<Jobs>,
    _resizes: Port<dyn Handles<Resize>>,
}

impl Hooks for Gallery {}

#[tokio::test]
async fn a_handler_is_named_after_its_job_and_brings_what_runs_it() {
    let (app, _) = testing::only(Resizes::default());
    let running = app.boot().await.unwrap();
    let worker = running.try_get::<State<JobWorker>>().unwrap();
    assert_eq!(worker.names().collect::<Vec<_>>(), ["resize"]);
    let report = running.report();
    let plugins: Vec<_> = report
        .plugins
        .iter()
        .map(|plugin| plugin.name.to_string())
        .collect();
    assert!(plugins.contains(&"resize".to_owned()), "{plugins:?}");
    drop(worker);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_port_proves_that_there_is_a_handler() {
    let (app, _) = testing::only(Gallery::default());
    let app = app.with(Resizes::default());
    app.boot().await.unwrap().close().await.unwrap();
    let (app, _) = testing::only(Gallery::default());
    let error = app.boot().await.unwrap_err().to_string();
    assert!(
        error.starts_with("plugin `gallery` needs the port `dyn Handles<Resize>`"),
        "{error}"
    );
}

#[tokio::test]
async fn two_handlers_of_one_job_are_refused() {
    let (app, _) = testing::only(Resizes::default());
    let app = app.with(Others::default());
    let error = app.boot().await.unwrap_err().to_string();
    assert!(error.contains("resize"), "{error}");
    let (app, _) = testing::only(Resizes::default());
    let app = app.with(Renamed::default());
    let error = app.boot().await.unwrap_err().to_string();
    assert!(
        error.contains("the job `resize` has two handlers"),
        "{error}"
    );
}

#[tokio::test]
async fn in_a_test_jobs_run_only_when_they_are_drained() {
    let (app, time) = testing::only(Resizes::default());
    let running = app.boot().await.unwrap();
    let jobs = running.try_get::<State<Jobs>>().unwrap();
    let id = jobs.enqueue(Resize(8)).await.unwrap().into_id();
    time.advance(std::time::Duration::from_mins(1)).await;
    assert_eq!(jobs.enqueued::<Resize>().await.unwrap().len(), 1);
    assert_eq!(jobs.drain().await.unwrap().done, 1);
    assert_eq!(jobs.result::<u32>(&id).await.unwrap(), Some(4));
    drop(jobs);
    running.close().await.unwrap();
}

#[tokio::test]
async fn a_drain_without_a_handler_says_so() {
    #[plugin(name = "asks", collect = never)]
    struct Asks {
        _jobs: State<Jobs>,
    }

    impl Hooks for Asks {}

    let (app, _) = testing::only(Asks::default());
    let running = app.boot().await.unwrap();
    let jobs = running.try_get::<State<Jobs>>().unwrap();
    let error = jobs.drain().await.unwrap_err().to_string();
    assert!(
        error.starts_with("no plugin of this app handles jobs"),
        "{error}"
    );
    drop(jobs);
    running.close().await.unwrap();
}
