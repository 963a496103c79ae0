//! The recorder of a process: one test, because a process has one recorder.
#![allow(clippy::unwrap_used)]

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::metrics::MetricsPlugin;
use metrics_util::debugging::DebuggingRecorder;

#[tokio::test]
async fn nothing_is_installed_unless_it_is_needed_and_the_recorder_of_a_user_stays() {
    // An app that collects everything that is linked, and requires no metrics.
    let configuration = Configuration::new()
        .set("metrics.enabled", false)
        .set("http.listen", "127.0.0.1:0");
    let running = App::collect()
        .configure(configuration)
        .boot()
        .await
        .unwrap();
    running.close().await.unwrap();
    DebuggingRecorder::new().install().unwrap();

    let app = App::new().with(ClockPlugin).with(MetricsPlugin::default());
    let error = app.boot().await.unwrap_err().render();
    assert!(
        error.contains("[metrics] Plugin load failed: this process has a recorder"),
        "{error}"
    );
    assert!(error.contains("help: install no other recorder"), "{error}");
}
