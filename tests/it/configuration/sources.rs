//! Reading the sources: what is read at all, how much of it, and what happens while one blocks.

use std::future::Future;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bootstrap::error::{BootErrorKind, RestartError, RestartRefusal};
use bootstrap::lifecycle::Status;
use bootstrap::prelude::*;
use bootstrap::{Configuration, Exit, Handle};
use config::{ConfigError, Map, Source, Value};
use serde::Deserialize;
use support::{paused, threaded};

use super::{Files, diagnosis, mistakes, of_file};

#[derive(Deserialize)]
#[bootstrap::section("settings")]
struct Settings {
    #[serde(default)]
    size: u32,
}

#[plugin(name = "user", collect = never)]
struct User {
    settings: State<Settings>,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.settings.size;
        Ok(())
    }
}

fn app(configuration: Configuration) -> App {
    App::new().with(User::default()).configure(configuration)
}

/// Both ways to add a file.
fn of_either(files: &Files, name: &str) -> [Configuration; 2] {
    let path = files.path(name);
    [
        of_file(&path),
        Configuration::new().optional_file(path.clone()),
    ]
}

const MIB: usize = 1024 * 1024;

/// A comment of this length in all.
fn comment(bytes: usize) -> String {
    format!("#{}", "x".repeat(bytes - 1))
}

#[test]
fn a_file_of_one_mebibyte_is_read_and_one_of_a_byte_more_is_a_fault_with_the_way_out() {
    let files = Files::new(&[("service.toml", &comment(MIB))]);
    for configuration in of_either(&files, "service.toml") {
        assert!(app(configuration).plan().is_ok());
    }
    files.write("service.toml", &comment(MIB + 1));
    for configuration in of_either(&files, "service.toml") {
        assert_eq!(
            diagnosis(&app(configuration), &files),
            "error[BOOT017]: the configuration file `service.toml` is larger than 1 MiB
  help: split it into several files, or add it as `.source(config::File::from(path))`, which has no limit"
        );
    }
}

#[cfg(unix)]
mod special {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    fn pipe(files: &Files, name: &str) {
        let status = Command::new("mkfifo").arg(files.path(name)).status();
        assert!(status.unwrap().success());
    }

    fn not_regular(files: &Files, kind: &str) {
        for configuration in of_either(files, "service.toml") {
            assert_eq!(
                diagnosis(&app(configuration), files),
                format!(
                    "error[BOOT017]: the configuration file `service.toml` is {kind}, not a \
                     regular file
  help: copy its content into a file, or read it in `main` and add the text as \
                     `.source(config::File::from_str(..))`"
                )
            );
        }
    }

    #[test]
    fn a_pipe_in_place_of_a_file_is_a_fault_and_not_waited_for() {
        let files = Files::new(&[]);
        pipe(&files, "service.toml");
        not_regular(&files, "a pipe");
        // Also one that another process writes to.
        let writer = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(files.path("service.toml"));
        not_regular(&files, "a pipe");
        drop(writer);
    }

    #[test]
    fn a_device_a_socket_and_a_link_to_one_are_faults() {
        let files = Files::new(&[]);
        symlink("/dev/full", files.path("service.toml")).unwrap();
        not_regular(&files, "a device");
        std::fs::remove_file(files.path("service.toml")).unwrap();
        let _socket = UnixListener::bind(files.path("service.toml")).unwrap();
        not_regular(&files, "a socket");
    }

    #[test]
    fn a_link_to_a_regular_file_is_read() {
        let files = Files::new(&[("real.toml", "[settings]\nsize = 'x'")]);
        symlink("real.toml", files.path("service.toml")).unwrap();
        assert_eq!(
            mistakes(&app(of_file(&files.path("service.toml")))),
            ["plugin `config.settings` can't read `settings.size`: expected u32, found a string"]
        );
    }

    #[test]
    fn a_pipe_that_takes_the_place_of_the_file_refuses_a_restart_and_the_app_runs_on() {
        let files = Files::new(&[("service.toml", "")]);
        paused(async {
            let running = app(of_file(&files.path("service.toml")))
                .boot()
                .await
                .unwrap();
            std::fs::remove_file(files.path("service.toml")).unwrap();
            pipe(&files, "service.toml");
            let restart = running.handle().restart("section Settings").await;
            let Err(RestartError::Refused {
                why: RestartRefusal::Configuration { faults, .. },
                ..
            }) = restart
            else {
                panic!("{restart:?}");
            };
            assert_eq!(faults.len(), 1);
            assert_eq!(running.status(), Status::Ready);
            running.close().await.unwrap();
        });
    }
}

/// Blocks whatever reaches it, from the `skip`th time on, until it is opened or dropped.
struct Gate {
    opens: Option<Sender<()>>,
    arrived: Receiver<()>,
}

/// The side of a gate that blocks.
#[derive(Clone, Debug)]
struct Barred {
    reaches: Sender<()>,
    opened: Arc<Mutex<Receiver<()>>>,
    skip: Arc<Mutex<u32>>,
}

impl Gate {
    fn new(skip: u32) -> (Self, Barred) {
        let (opens, opened) = channel();
        let (reaches, arrived) = channel();
        let barred = Barred {
            reaches,
            opened: Arc::new(Mutex::new(opened)),
            skip: Arc::new(Mutex::new(skip)),
        };
        let gate = Self {
            opens: Some(opens),
            arrived,
        };
        (gate, barred)
    }

    /// Waits until something is blocked.
    async fn is_reached(&self) {
        while self.arrived.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
    }

    fn open(&mut self) {
        self.opens = None;
    }
}

impl Barred {
    fn pass(&self) {
        let mut skip = self.skip.lock().unwrap();
        if *skip > 0 {
            *skip -= 1;
            return;
        }
        drop(skip);
        let _ = self.reaches.send(());
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = opened.recv();
    }
}

impl Source for Barred {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        self.pass();
        Ok(Map::new())
    }
}

/// A test with a source that blocks when it is read after so many times.
fn blocked<T, F: Future<Output = T>>(skip: u32, test: impl FnOnce(Gate, Configuration) -> F) -> T {
    let (gate, barred) = Gate::new(skip);
    paused(test(gate, Configuration::new().source(barred)))
}

#[test]
fn a_source_that_blocks_does_not_hold_up_a_stop_of_the_boot() {
    blocked(0, async |gate, configuration| {
        let app = app(configuration);
        let handle = app.handle();
        let boot = tokio::spawn(app.boot());
        gate.is_reached().await;
        handle.shutdown();
        let error = boot.await.unwrap().unwrap_err();
        assert!(
            matches!(error.kind(), BootErrorKind::Interrupted { .. }),
            "{error:?}"
        );
        assert!(!error.is_abandoned(), "no runtime waits for it");
        assert!(
            error.render().contains(
                "\n  left behind: a thread that reads the source that is added at tests/it/"
            ),
            "{error:?}"
        );
        assert_eq!(handle.status(), Status::Failed);
    });
}

#[test]
fn a_source_that_blocks_counts_in_the_time_of_the_boot() {
    let (_gate, barred) = Gate::new(0);
    threaded(async {
        let configuration = Configuration::new().source(barred);
        let app = app(configuration).boot_timeout(Duration::from_millis(50));
        let error = app.boot().await.unwrap_err();
        assert_eq!(error.code(), "BOOT011");
        assert_eq!(error.to_string(), "boot took longer than 50 ms");
        assert!(
            error
                .render()
                .contains("\n  left behind: a thread that reads "),
            "{error:?}"
        );
    });
}

#[test]
fn a_boot_that_is_dropped_while_a_source_blocks_ends_the_app() {
    blocked(0, async |gate, configuration| {
        let app = app(configuration);
        let handle = app.handle();
        let boot = tokio::spawn(app.boot());
        gate.is_reached().await;
        boot.abort();
        handle.closed().await;
        assert_eq!(handle.status(), Status::Failed);
        assert!(boot.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_run_of_an_app_whose_source_blocks_ends_with_the_code_of_what_stopped_it() {
    blocked(0, async |gate, configuration| {
        let app = app(configuration);
        let handle = app.handle();
        let run = tokio::spawn(app.run());
        gate.is_reached().await;
        handle.shutdown();
        let exit: Exit = run.await.unwrap();
        assert_eq!((exit.code(), exit.diagnosis()), (0, None));
    });
}

#[test]
fn a_source_that_blocks_does_not_hold_up_other_tasks_of_its_thread() {
    blocked(0, async |mut gate, configuration| {
        let app = app(configuration);
        let boot = async { app.boot().await.unwrap() };
        let opens = async {
            gate.is_reached().await;
            gate.open();
        };
        let (running, ()) = tokio::join!(boot, opens);
        running.close().await.unwrap();
    });
}

#[test]
fn a_paused_clock_stands_still_while_the_configuration_is_read() {
    let (mut gate, barred) = Gate::new(0);
    paused(async {
        let app = app(Configuration::new().source(barred)).boot_timeout(Duration::from_millis(1));
        let began = tokio::time::Instant::now();
        std::thread::spawn(move || {
            gate.arrived.recv().unwrap();
            std::thread::park_timeout(Duration::from_millis(20));
            gate.open();
        });
        let running = app.boot().await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        running.close().await.unwrap();
    });
}

async fn restart(handle: Handle) -> Result<(), RestartError> {
    handle.restart("config.settings").await
}

#[test]
fn a_source_that_blocks_in_a_restart_does_not_hold_up_the_stop() {
    blocked(1, async |gate, configuration| {
        let running = app(configuration).boot().await.unwrap();
        let restarts = tokio::spawn(restart(running.handle()));
        gate.is_reached().await;
        running.close().await.unwrap();
        let error = restarts.await.unwrap().unwrap_err();
        assert!(matches!(error, RestartError::Interrupted), "{error:?}");
    });
}

#[test]
fn a_source_that_blocks_in_a_restart_is_a_fault_when_the_time_of_a_load_is_up() {
    let (gate, barred) = Gate::new(1);
    threaded(async {
        let configuration = Configuration::new().source(barred);
        let app = app(configuration).load_timeout(Duration::from_millis(50));
        let running = app.boot().await.unwrap();
        let error = restart(running.handle()).await.unwrap_err();
        gate.is_reached().await;
        let RestartError::Refused {
            why: RestartRefusal::Configuration { faults, .. },
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        let said = faults[0].to_string();
        let first = "the configuration was not read within 50 ms: a thread still reads the source \
                     that is added at ";
        assert!(said.starts_with(first), "{said}");
        assert_eq!(running.status(), Status::Ready);
        running.close().await.unwrap();
    });
}

#[test]
fn a_restart_goes_on_when_a_source_that_blocked_answers() {
    blocked(1, async |mut gate, configuration| {
        let running = app(configuration).boot().await.unwrap();
        let restarts = tokio::spawn(restart(running.handle()));
        gate.is_reached().await;
        gate.open();
        restarts.await.unwrap().unwrap();
        running.close().await.unwrap();
    });
}

static PREDICATE: Mutex<Option<Barred>> = Mutex::new(None);

fn predicate_that_blocks() -> bool {
    let barred = PREDICATE.lock().unwrap().take();
    barred.inspect(Barred::pass);
    true
}

#[plugin(name = "asked", enabled = predicate_that_blocks, collect = never)]
struct Asked;

impl Hooks for Asked {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_predicate_that_blocks_does_not_hold_up_a_stop_of_the_boot() {
    let (gate, barred) = Gate::new(0);
    *PREDICATE.lock().unwrap() = Some(barred);
    paused(async {
        // Without a configuration.
        let app = App::new().with(Asked);
        let handle = app.handle();
        let boot = tokio::spawn(app.boot());
        gate.is_reached().await;
        handle.shutdown();
        let error = boot.await.unwrap().unwrap_err();
        assert_eq!(error.code(), "BOOT012");
        assert!(
            error
                .render()
                .contains("\n  left behind: a thread that asks the predicate `predicate_that_blocks` of `asked`"),
            "{error:?}"
        );
    });
}

static TYPE: Mutex<Option<Barred>> = Mutex::new(None);

/// A type that blocks while it is read.
#[derive(Default)]
struct Slow;

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?;
        let barred = TYPE.lock().unwrap().take();
        barred.inspect(Barred::pass);
        Ok(Self)
    }
}

#[plugin(name = "slow", collect = never)]
struct Reads {
    #[option(config = "slow.key", default = Slow)]
    _key: Slow,
}

impl Hooks for Reads {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_type_that_blocks_while_it_is_read_does_not_hold_up_a_stop_of_the_boot() {
    let (gate, barred) = Gate::new(0);
    *TYPE.lock().unwrap() = Some(barred);
    paused(async {
        let app = App::new().with(Reads::default());
        let app = app.configure(Configuration::new().set("slow.key", "x"));
        let handle = app.handle();
        let boot = tokio::spawn(app.boot());
        gate.is_reached().await;
        handle.shutdown();
        let error = boot.await.unwrap().unwrap_err();
        assert_eq!(error.code(), "BOOT012");
        assert!(
            error
                .render()
                .contains("\n  left behind: a thread that reads `slow.key` for `slow`"),
            "{error:?}"
        );
    });
}
