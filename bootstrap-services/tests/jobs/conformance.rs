//! The embedded engine does what each engine has to do.

use std::sync::{Arc, Mutex};

use bootstrap::Running;
use bootstrap::prelude::*;
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::{Database, DatabasePlugin};
use bootstrap_services::jobs::conformance::{Instances, check};
use bootstrap_services::jobs::{JobEngine, SqliteJobsPlugin};
use tokio::time::timeout;

async fn engine(database: DatabasePlugin, time: &VirtualClock) -> (Running, Arc<dyn JobEngine>) {
    let app = App::new()
        .supply(time.clock())
        .with(SqliteJobsPlugin::default());
    let running = app.with(database).boot().await.unwrap();
    let engine = running.try_get::<Port<dyn JobEngine>>().unwrap();
    let engine = Port::to_arc(&engine).unwrap();
    (running, engine)
}

#[tokio::test]
async fn the_engine_on_a_file_passes_the_conformance() {
    let folder = tempfile::tempdir().unwrap();
    let apps = Mutex::new(Vec::new());
    let make = async |time: VirtualClock| -> Instances {
        let file = folder
            .path()
            .join(format!("{}.db", apps.lock().unwrap().len()));
        let database = || DatabasePlugin::default().file(file.clone());
        let (first, one) = engine(database(), &time).await;
        let (second, other) = engine(database(), &time).await;
        apps.lock().unwrap().extend([first, second]);
        [one, other]
    };
    timeout(std::time::Duration::from_mins(2), check(make))
        .await
        .unwrap();
    let apps = std::mem::take(&mut *apps.lock().unwrap());
    for app in apps {
        app.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_engine_in_memory_passes_the_conformance() {
    let apps = Mutex::new(Vec::new());
    let make = async |time: VirtualClock| -> Instances {
        // Two apps share a database in memory by its file, which is a temporary one.
        let (first, one) = engine(DatabasePlugin::memory(), &time).await;
        let file = first
            .try_get::<State<Database>>()
            .unwrap()
            .file()
            .to_owned();
        let (second, other) = engine(DatabasePlugin::default().file(file), &time).await;
        apps.lock().unwrap().extend([first, second]);
        [one, other]
    };
    timeout(std::time::Duration::from_mins(2), check(make))
        .await
        .unwrap();
    let apps = std::mem::take(&mut *apps.lock().unwrap());
    for app in apps.into_iter().rev() {
        app.close().await.unwrap();
    }
}
