//! Bad definitions, commands, folders and data.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootstrap_services::processes::{Definition, ProcessError, ProcessesPlugin};

use crate::support::{Definitions, Kit, app, sh, within};

#[tokio::test]
async fn a_bad_definition_is_refused_with_what_is_wrong() {
    let kit = Kit::one(sh("true")).await;
    let define = |name: &str, definition| kit.processes.define(name, definition).unwrap_err();
    let long = "a".repeat(101);
    for name in ["", "a b", "a/b", &long] {
        let error = define(name, sh("true"));
        assert!(matches!(error, ProcessError::InvalidName { .. }), "{error}");
    }
    let error = define("one", sh("true"));
    assert!(matches!(error, ProcessError::Defined { .. }), "{error}");
    let zero = Duration::ZERO;
    let second = Duration::from_secs(1);
    for (definition, wrong) in [
        (Definition::new(""), "the command is empty"),
        (sh("").heartbeat(zero), "`heartbeat` is not from 100 ms"),
        (sh("").max_restarts(1, zero), "the window of `max_restarts`"),
        (sh("").backoff(zero, second), "the first delay of `backoff`"),
        (
            sh("").backoff(2 * second, second),
            "the first delay of `backoff`",
        ),
        (
            sh("").patience(Duration::MAX),
            "`patience` is more than 5 minutes",
        ),
        (sh("").max_runtime(zero), "`max_runtime` is 0"),
        (sh("").max_rss(0), "`max_rss` is 0"),
        (
            sh("").max_cpu(f64::NAN, 10 * second),
            "`max_cpu` is not a positive",
        ),
        (sh("").max_cpu(1.0, second), "`max_cpu` is not a positive"),
    ] {
        let text = define("two", definition).to_string();
        assert!(
            text.starts_with("the process `two` can't be defined: "),
            "{text}"
        );
        assert!(text.contains(wrong), "{text}");
        assert!(text.ends_with(": correct its `Definition`"), "{text}");
    }
    kit.close().await;
}

#[tokio::test]
async fn a_name_without_a_definition_is_an_error() {
    let kit = Kit::new([]).await;
    let error = within(kit.processes.spawn("two", &())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no process `two` is defined: call `define` in the `load` of a plugin"
    );
    let error = within(kit.processes.undefine("two")).await.unwrap_err();
    assert!(matches!(error, ProcessError::Undefined { .. }), "{error}");
    kit.close().await;
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_an_error_and_leaves_nothing() {
    let kit = Kit::new([
        ("missing", Definition::new("no-such-program")),
        ("folder", sh("true").cwd("/no/such/folder")),
        ("text", Definition::new("/etc")),
    ])
    .await;
    for (name, expected) in [
        (
            "missing",
            "can't start the process `missing`: running `no-such-program`: No such file or directory (os error 2): install it, or correct its path in the `Definition`",
        ),
        (
            "folder",
            "can't start the process `folder`: its folder `/no/such/folder`: entity not found: install it, or correct its path in the `Definition`",
        ),
        (
            "text",
            "can't start the process `text`: running `/etc`: Permission denied (os error 13): let this user run it",
        ),
    ] {
        let error = within(kit.processes.spawn(name, &())).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert!(kit.processes.list().is_empty());
    let count = sqlx::query_scalar("SELECT count(*) FROM _processes");
    let count: i64 = count.fetch_one(kit.database.read()).await.unwrap();
    assert_eq!(count, 0);
    kit.close().await;
}

#[tokio::test]
async fn a_program_that_disappears_is_tried_again_until_it_has_crashed_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    std::fs::write(&file, "#!/bin/sh\nrm \"$0\"\nexit 1\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    let milli = Duration::from_millis(1);
    let definition = Definition::new(&file)
        .backoff(milli, milli)
        .max_restarts(2, 60_000 * milli);
    let kit = Kit::one(definition).await;
    kit.spawn().await;
    crate::support::until("it has crashed", || {
        let list = kit.processes.list();
        list[0].status == bootstrap_services::processes::ProcessStatus::Crashed
    })
    .await;
    assert_eq!(kit.processes.list()[0].restarts, 2);
    kit.close().await;
}

#[tokio::test]
async fn data_that_is_too_large_or_no_json_is_refused() {
    let kit = Kit::one(sh("exec sleep 1000")).await;
    let large = "x".repeat(64 << 10);
    let error = within(kit.processes.spawn("one", &large))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the metadata has 65538 bytes, more than 65536: pass the path of a file instead"
    );
    let keys = std::collections::HashMap::from([([1_u8], 1)]);
    let error = within(kit.processes.spawn("one", &keys)).await.unwrap_err();
    assert!(matches!(error, ProcessError::NotJson { .. }), "{error}");
    let id = kit.spawn().await;
    let error = kit.processes.send(id, "a", &()).unwrap_err();
    assert!(
        matches!(error, ProcessError::NotConnected { .. }),
        "{error}"
    );
    let error = kit
        .processes
        .send(id, "a", &"x".repeat(1 << 20))
        .unwrap_err();
    assert!(matches!(error, ProcessError::TooLarge { .. }), "{error}");
    let error = kit.processes.send(id, "a", &keys).unwrap_err();
    assert!(matches!(error, ProcessError::NotJson { .. }), "{error}");
    kit.close().await;
}

async fn boot_error(folder: &Path, sockets: PathBuf) -> String {
    let plugin = ProcessesPlugin::default().folder(Some(sockets));
    let app = app(folder).with(plugin).with(Definitions::default());
    match within(app.boot()).await {
        Ok(_) => panic!("it boots"),
        Err(error) => error.render(),
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_an_error_of_the_boot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("file"), "").unwrap();
    std::os::unix::fs::symlink(path, path.join("link")).unwrap();
    std::fs::create_dir(path.join("open")).unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path.join("open"), mode).unwrap();
    let long = path.join("x".repeat(100));
    for (sockets, wrong, help) in [
        (
            path.join("no/sockets"),
            "No such file or directory",
            "let this user and no other use it",
        ),
        (
            path.join("file"),
            "it is not a folder",
            "let this user and no other use it",
        ),
        (
            path.join("link"),
            "it is not a folder",
            "let this user and no other use it",
        ),
        (
            long,
            "more than the 107 of the system",
            "set `processes.folder` to a shorter path",
        ),
        (
            path.join("open"),
            "other users may enter it (its mode is 755)",
            "let this user and no other use it",
        ),
    ] {
        let text = boot_error(path, sockets.clone()).await;
        let first = format!(
            "[processes] Plugin load failed: can't use the folder `{}`: ",
            sockets.display()
        );
        assert!(text.contains(&first), "{text}");
        assert!(text.contains(wrong), "{text}");
        assert!(text.lines().last().unwrap().contains(help), "{text}");
    }
}

/// A fault of the original: sockets were in a folder that all users can enter.
#[tokio::test]
async fn the_folder_is_private() {
    let kit = Kit::one(sh("exec sleep 1000")).await;
    let sockets = kit.folder.path().join("app.db-run");
    let mode = std::fs::metadata(sockets).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    kit.close().await;
}

#[tokio::test]
async fn two_instances_do_not_share_a_folder() {
    let kit = Kit::one(sh("exec sleep 1000")).await;
    let path = kit.folder.path();
    let text = boot_error(path, path.join("app.db-run")).await;
    assert!(
        text.contains("another instance of the app uses it"),
        "{text}"
    );
    let help = "end the other instance, or set `processes.folder` to another folder for each";
    assert!(text.contains(help), "{text}");
    // With another one, which it chooses unless one is set, it leaves the processes of the first alone.
    let id = kit.spawn().await;
    let plugin = ProcessesPlugin::default();
    let other = within(app(path).with(plugin).boot()).await.unwrap();
    assert!(path.join("app.db-run-2").is_dir());
    within(other.close()).await.unwrap();
    assert!(crate::support::is_alive(kit.pid(id).await));
    kit.close().await;
}

/// A transaction that is forgotten: no row can be written.
#[tokio::test]
async fn nothing_is_spawned_without_its_row_and_a_stop_needs_none() {
    let kit = Kit::one(sh("exec sleep 1000")).await;
    let id = kit.spawn().await;
    let pid = kit.pid(id).await;
    let tx = kit.database.begin().await.unwrap();
    let (spawned, stopped) =
        within(async { tokio::join!(kit.processes.spawn("one", &()), kit.processes.stop(id)) })
            .await;
    let error = spawned.unwrap_err();
    assert!(matches!(error, ProcessError::Database(_)), "{error}");
    stopped.unwrap();
    assert!(!crate::support::is_alive(pid));
    assert!(kit.processes.list().is_empty());
    drop(tx);
    // It is written as soon as that is possible.
    within(async {
        while kit.status(id).await != "stopped" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    kit.close().await;
}
