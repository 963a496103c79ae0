//! The log of a process. What a process logs is looked at from outside: each scenario runs in a child of its own.
#![allow(clippy::unwrap_used)]

mod process;
mod scenarios;

use std::path::Path;

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_services::logger::LoggerPlugin;

/// Boots an app with these keys, and returns what it says about them.
async fn boot_error(keys: &[(&str, &str)]) -> String {
    let set =
        |configuration: Configuration, (key, value): &(&str, &str)| configuration.set(key, *value);
    let configuration = keys.iter().fold(Configuration::new(), set);
    let app = App::new()
        .with(LoggerPlugin::default())
        .configure(configuration);
    app.boot().await.unwrap_err().render()
}

#[tokio::test]
async fn a_level_that_cannot_be_read_fails_the_boot_of_the_logger_and_is_quoted() {
    for (level, quoted) in [
        ("inof", "`inof` is not a level of the log"),
        (
            "info,sqlx=wran",
            "`info,sqlx=wran` is not a level of the log",
        ),
        ("", "`` is not a level of the log: it is empty"),
    ] {
        let error = boot_error(&[("log.level", level)]).await;
        assert!(error.contains("[logger] Plugin load failed"), "{error}");
        assert!(error.contains(quoted), "{error}");
        assert!(error.contains("help: write a level, `info`"), "{error}");
    }
}

#[tokio::test]
async fn a_format_that_is_unknown_is_a_fault_of_the_configuration() {
    let error = boot_error(&[("log.format", "xml")]).await;
    assert!(error.contains("log.format"), "{error}");
}

#[tokio::test]
async fn keeping_no_file_is_a_fault_of_the_configuration() {
    let configuration = Configuration::new().set("log.keep", 0);
    let app = App::new()
        .with(LoggerPlugin::default())
        .configure(configuration);
    let error = app.boot().await.unwrap_err().render();
    assert!(error.contains("log.keep"), "{error}");
}

async fn file_error(file: &Path) -> String {
    let error = boot_error(&[("log.file", file.to_str().unwrap())]).await;
    let expected = format!(
        "[logger] Plugin load failed: can't open the log file `{}`: ",
        file.display()
    );
    assert!(error.contains(&expected), "{error}");
    assert!(error.contains("help: correct `log.file`"), "{error}");
    error
}

#[tokio::test]
async fn a_file_in_a_folder_that_does_not_exist_fails_the_boot() {
    let folder = tempfile::tempdir().unwrap();
    let error = file_error(&folder.path().join("none/a.log")).await;
    assert!(error.contains("/none` does not exist"), "{error}");
}

#[tokio::test]
async fn a_folder_in_place_of_a_file_fails_the_boot() {
    let folder = tempfile::tempdir().unwrap();
    let error = file_error(folder.path()).await;
    assert!(error.contains("is a folder"), "{error}");
}

/// To open it would wait for its reader.
#[cfg(unix)]
#[tokio::test]
async fn a_pipe_in_place_of_a_file_fails_the_boot() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let error = file_error(&pipe).await;
    assert!(error.contains("is neither a file nor a device"), "{error}");
}

/// Also for root: a file system that has no such files.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_may_not_be_made_fails_the_boot() {
    let error = file_error(Path::new("/proc/a.log")).await;
    assert!(error.contains("os error"), "{error}");
}
