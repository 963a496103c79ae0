//! What children do: `child` runs the scenario that the variable `SCENARIO` names.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use bootstrap::health::{HealthCheck, HealthChecks};
use bootstrap::prelude::*;
use bootstrap::{Configuration, Current, Running};
use bootstrap_services::logger::{self, LogFormat, Logger, LoggerError, LoggerPlugin};

/// A child, for `process::run`.
#[test]
#[ignore = "a child of the other tests"]
fn child() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        match std::env::var("SCENARIO").unwrap().as_str() {
            "json" => json().await,
            "life" => life().await,
            "plugin alone" => plugin_alone().await,
            "levels" => levels().await,
            "formats" => formats().await,
            "other subscriber" => other_subscriber().await,
            "two apps" => two_apps().await,
            "file" => file().await,
            "many lines" => many_lines().await,
            "flood" => flood().await,
            other => panic!("there is no scenario `{other}`"),
        }
    });
}

/// What the parent reads.
fn say(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "SAID {text}");
}

fn app(format: LogFormat) -> App {
    App::new().with(LoggerPlugin::default().format(format))
}

async fn boot(app: App) -> Running {
    app.boot().await.unwrap()
}

fn logger(running: &Running) -> State<Logger> {
    running.try_get().unwrap()
}

async fn json() {
    let _log = logger::start();
    let running = boot(app(LogFormat::Json)).await;
    let span = tracing::info_span!("request", id = 7);
    span.in_scope(|| tracing::warn!(free_mb = 12, "the disk is\nalmost \"full\""));
    running.close().await.unwrap();
}

/// Lines before the plugin loads, and after it has closed.
async fn life() {
    let _log = logger::start();
    tracing::info!("first");
    let running = boot(app(LogFormat::Json)).await;
    tracing::info!("second");
    running.close().await.unwrap();
    tracing::info!("third");
}

async fn plugin_alone() {
    tracing::info!("lost");
    let running = boot(app(LogFormat::Compact)).await;
    tracing::info!("kept");
    running.close().await.unwrap();
}

async fn levels() {
    let _log = logger::start();
    let plugin = LoggerPlugin::default().level("warn".into());
    let running = boot(App::new().with(plugin)).await;
    let logger = logger(&running);
    say(logger.level().unwrap());
    tracing::info!("one");
    logger.set_level("debug").unwrap();
    tracing::debug!("two");
    assert!(matches!(
        logger.set_level("debgu"),
        Err(LoggerError::Level { .. })
    ));
    say(logger.level().unwrap());
    tracing::debug!("three");
    logger.set_level("off,chosen=info").unwrap();
    tracing::info!("four");
    tracing::info!(target: "chosen", "five");
    running.close().await.unwrap();
}

/// Spans that were made under another format.
async fn formats() {
    let _log = logger::start();
    let running = boot(app(LogFormat::Pretty)).await;
    let span = tracing::info_span!("old", id = 7);
    running.close().await.unwrap();
    let running = boot(app(LogFormat::Json)).await;
    span.in_scope(|| tracing::info!("as json"));
    span.in_scope(|| tracing::info_span!("new", id = 8).in_scope(|| tracing::info!("inside")));
    running.close().await.unwrap();
}

async fn other_subscriber() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let _log = logger::start();
    let running = boot(app(LogFormat::Json)).await;
    let logger = logger(&running);
    say(logger.level().is_none());
    say(logger.set_level("warn").unwrap_err());
    running.close().await.unwrap();
}

async fn two_apps() {
    let _log = logger::start();
    let first = boot(app(LogFormat::Json)).await;
    let same = boot(app(LogFormat::Json)).await;
    tracing::info!("both agree");
    let other = boot(app(LogFormat::Compact)).await;
    tracing::info!("still json");
    for running in [first, same, other] {
        running.close().await.unwrap();
    }
    let last = boot(app(LogFormat::Compact)).await;
    tracing::info!("compact now");
    last.close().await.unwrap();
}

#[plugin(collect = never)]
struct Checked {
    checks: Ports<dyn HealthCheck>,
}

impl Hooks for Checked {
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        tracing::info!("before the check");
        let checks = HealthChecks::new(&self.checks, Current::try_current()?);
        let checks = checks.cached_for(Duration::ZERO);
        // The line is written by a thread.
        for _ in 0..1_000 {
            let outcome = checks.outcomes().await[0].clone();
            if let Some(error) = outcome.error {
                say(format!("critical {}: {error}", outcome.critical));
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            if std::env::var("LOG_FILE").unwrap() != "/dev/full" {
                break;
            }
        }
        Ok(())
    }
}

async fn file() {
    let _log = logger::start();
    let configuration = Configuration::new()
        .set("log.file", std::env::var("LOG_FILE").unwrap())
        .set("log.format", "json");
    let app = App::new()
        .with(LoggerPlugin::default())
        .with(Checked::default())
        .configure(configuration);
    let running = boot(app).await;
    tracing::info!("a line");
    running.close().await.unwrap();
}

async fn many_lines() {
    let _log = logger::start();
    let running = boot(app(LogFormat::Compact)).await;
    for line in 0..1_000 {
        tracing::info!(line);
    }
    running.close().await.unwrap();
    say("closed");
}

/// More lines than the queue holds, into a stderr that nothing reads.
async fn flood() {
    let _log = logger::start();
    let running = boot(app(LogFormat::Compact)).await;
    let logger = logger(&running);
    let text = "x".repeat(100);
    while logger.dropped_lines() == 0 {
        tracing::info!("{text}");
    }
    say("full");
    // Until the parent has seen enough.
    std::io::stdin()
        .lock()
        .read_to_end(&mut Vec::new())
        .unwrap();
    running.close().await.unwrap();
    say(format!("dropped {}", logger.dropped_lines() > 0));
}
