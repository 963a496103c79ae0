//! The embedded engine does what each engine has to do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::Running;
use bootstrap::prelude::*;
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::{Database, DatabasePlugin, Tx};
use bootstrap_services::jobs::conformance::{Instances, check};
use bootstrap_services::jobs::{JobEngine, SqliteJobsPlugin};
use tokio::time::timeout;

/// The cases take a minute on a busy machine, and two of these tests run at the same time.
const DEADLINE: Duration = Duration::from_mins(4);

async fn boot(database: DatabasePlugin, time: &VirtualClock) -> Running {
    let app = App::new()
        .supply(time.clock())
        .with(SqliteJobsPlugin::default());
    app.with(database).boot().await.unwrap()
}

fn instances(first: &Running, second: &Running) -> Instances {
    let engines = [first, second].map(|app| -> Arc<dyn JobEngine> {
        let engine = app.try_get::<Port<dyn JobEngine>>().unwrap();
        Port::to_arc(&engine).unwrap()
    });
    let database = Database::clone(&first.try_get::<State<Database>>().unwrap());
    let begin = async move || database.begin().await.unwrap();
    Instances::from(engines).transactions(begin, async |tx: Tx| tx.commit().await.unwrap())
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
        let first = boot(database(), &time).await;
        let second = boot(database(), &time).await;
        let instances = instances(&first, &second);
        apps.lock().unwrap().extend([first, second]);
        instances
    };
    timeout(DEADLINE, check(make)).await.unwrap();
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
        let first = boot(DatabasePlugin::memory(), &time).await;
        let file = first
            .try_get::<State<Database>>()
            .unwrap()
            .file()
            .to_owned();
        let second = boot(DatabasePlugin::default().file(file), &time).await;
        let instances = instances(&first, &second);
        apps.lock().unwrap().extend([first, second]);
        instances
    };
    timeout(DEADLINE, check(make)).await.unwrap();
    let apps = std::mem::take(&mut *apps.lock().unwrap());
    for app in apps.into_iter().rev() {
        app.close().await.unwrap();
    }
}
