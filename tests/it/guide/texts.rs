//! The messages that the guide shows are the messages of the app, except for file names and lines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bootstrap::error::PlanErrors;
use bootstrap::prelude::*;
use bootstrap::testing::{Resource, explore, resource};
use bootstrap::{Configuration, plugin_fn};
use serde::Deserialize;
use support::paused;

use super::read;

struct Config {
    database: String,
}

fn config() -> Config {
    Config {
        database: "service.db".into(),
    }
}

#[plugin(name = "config", states = [Config], collect = never)]
struct ConfigPlugin;

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(config())
    }
}

struct Pool;

#[plugin(name = "database", states = [Pool], collect = never)]
struct Database {
    config: State<Config>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        anyhow::bail!("{}: connection refused", self.config.database)
    }
}

#[plugin(name = "http", collect = never)]
struct Http {
    pool: State<Pool>,
}

impl Hooks for Http {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let Pool = *self.pool;
        Ok(())
    }
}

#[plugin(name = "good", collect = never)]
struct Good {
    config: State<Config>,
}

impl Hooks for Good {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert_eq!(self.config.database, "service.db");
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        anyhow::bail!("the disk is full")
    }
}

#[plugin(name = "ticker", collect = never)]
struct Ticker;

impl Hooks for Ticker {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn run(&self, _: &RunContext<Self>) -> Result<()> {
        anyhow::bail!("queue lost")
    }
}

#[plugin(name = "hangs", collect = never, load_timeout = "100ms")]
struct Hangs;

impl Hooks for Hangs {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.progress("waiting for the leader");
        std::future::pending().await
    }
}

/// Replaces `src/main.rs:14` by `HERE`, and keeps `service.toml:3:1`.
fn without_places(text: &str) -> String {
    let mut parts = text.split(".rs:");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let path = |c: char| c.is_alphanumeric() || "_-./".contains(c);
        out.truncate(out.trim_end_matches(path).len());
        out += "HERE";
        out += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out
}

/// Asserts that a page has this message as a block of its own.
#[track_caller]
fn shows(page: &str, message: &str) {
    let text = without_places(&read(page));
    let message = without_places(message);
    assert!(
        text.contains(&format!("```text\n{message}\n```")),
        "{page} does not show this:\n{message}"
    );
}

#[track_caller]
fn refused(app: &App) -> PlanErrors {
    app.plan().unwrap_err()
}

#[test]
fn of_mistakes_in_a_plan() {
    let http = App::new().with(Http::default());
    shows("04-compose.md", &refused(&http).render());

    let mut app = App::new().with(Good::default());
    app.register(ConfigPlugin);
    app.register(ConfigPlugin);
    shows("04-compose.md", &refused(&app).render());

    let mut other = App::new();
    let elsewhere = other.register(ConfigPlugin).handle();
    let app = App::new().with(Good { config: elsewhere });
    shows("04-compose.md", &refused(&app).render());

    let app = App::new().supply(config());
    let app = app.supply(config());
    shows("04-compose.md", &refused(&app).render());

    let plan = App::new().supply(config()).plan().unwrap();
    shows("04-compose.md", &plan.warnings()[0].to_string());

    let mut app = App::new().with(ConfigPlugin).with(Http::default());
    let database = app.register(Database::default());
    database.enabled(false, "this process has no database");
    shows("11-conditions.md", &refused(&app).render());

    let mut app = App::new().with(Good::default());
    app.scope("admin", |scope| {
        scope.register(ConfigPlugin);
    });
    shows("12-parts.md", &refused(&app).render());

    let app = App::new().with(Database::default());
    let app = app.barrier(async |_| Ok(())).with(ConfigPlugin);
    shows("12-parts.md", &refused(&app).render());

    let mut app = App::new();
    app.register(plugin_fn("a", async |_| Ok(())));
    app.register(ConfigPlugin).named("a");
    shows("21-codes.md", &refused(&app).render());
}

#[test]
fn of_a_boot_that_fails() {
    paused(async {
        let app = App::new().with(ConfigPlugin).with(Database::default());
        let error = app.with(Http::default()).boot().await.unwrap_err();
        shows("06-boot.md", &error.render());
        shows("21-codes.md", &error.render());

        let error = App::new().with(Hangs).boot().await.unwrap_err();
        shows("06-boot.md", &error.render());

        let mut app = App::new().boot_timeout(Duration::from_secs(15));
        let config = app.register(plugin_fn("config", async |_| {
            tokio::time::sleep(Duration::from_millis(800)).await;
            Ok(())
        }));
        let cache = app.register(plugin_fn("cache", async |_| std::future::pending().await));
        let cache = cache.after(&config);
        let billing = app.register(plugin_fn("billing", async |_| Ok(())));
        let billing = billing.after(&cache);
        app.register(plugin_fn("http", async |_| Ok(())))
            .after(&billing);
        let error = app.boot().await.unwrap_err();
        shows("06-boot.md", &error.render());
    });
}

struct Made;

#[plugin(name = "p", states = [Made], collect = never)]
struct Parent;

impl Hooks for Parent {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Made> {
        cx.register(Child::default());
        Ok(Made)
    }
}

#[plugin(name = "c", collect = never)]
struct Child {
    ps: State<Made>,
}

impl Hooks for Child {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let Made = *self.ps;
        Ok(())
    }
}

#[test]
fn of_a_child_that_needs_its_parent() {
    paused(async {
        let error = App::new().with(Parent).boot().await.unwrap_err();
        // The type has another name there.
        let said = error.to_string().replace("Made", "PS");
        shows("12-parts.md", &said);
    });
}

#[test]
fn of_a_child_that_is_awaited_and_disabled() {
    #[plugin(name = "routes", collect = never)]
    struct Routes;

    impl Hooks for Routes {}

    paused(async {
        let server = plugin_fn("server", async |cx| {
            cx.register(Routes).enabled(false, "no routes").await
        });
        let error = App::new().with(server).boot().await.unwrap_err();
        shows("11-conditions.md", &error.render());
    });
}

#[test]
fn of_a_close_that_fails() {
    paused(async {
        let app = App::new().with(ConfigPlugin).with(Good::default());
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        shows("08-close.md", &error.render());

        let running = App::new().with(Ticker).boot().await.unwrap();
        running.wait().await;
        let error = running.close().await.unwrap_err();
        let said = error.render();
        let (first, help) = said.rsplit_once('\n').unwrap();
        shows("07-run.md", &format!("{first}\n  exit code: 70\n{help}"));
    });
}

#[derive(Deserialize)]
#[bootstrap::section("database")]
#[allow(dead_code, reason = "only the configuration writes it")]
struct DatabaseSection {
    size: u16,
    retries: u8,
}

#[plugin(name = "database", collect = never)]
struct Sectioned {
    section: State<DatabaseSection>,
}

impl Hooks for Sectioned {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = &*self.section;
        Ok(())
    }
}

#[test]
fn of_a_configuration_that_is_not_there() {
    let said = refused(&App::new().with(Sectioned::default())).render();
    // A collected plugin has no place of registration.
    let lines = said
        .lines()
        .filter(|line| !line.starts_with("  registered at"));
    shows("03-configuration.md", &lines.collect::<Vec<_>>().join("\n"));
}

#[plugin(name = "cache", collect = never)]
struct Cache {
    #[option(config = "cache.size")]
    size: u32,
}

impl Hooks for Cache {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.size;
        Ok(())
    }
}

#[test]
fn of_faults_in_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.toml");
    std::fs::write(&path, "[database]\n\nsize = 70000\n\n[cache]\n").unwrap();
    let variables = [("APP_DATABASE__RETRIES", "often")];
    let configuration = Configuration::new().file(&path);
    let configuration = configuration.environment_from("APP", variables);
    let app = App::new().with(Sectioned::default()).with(Cache::default());
    let said = refused(&app.configure(configuration)).render();
    let said = said.replace(&format!("{}/", folder.path().display()), "");
    shows("03-configuration.md", &said);
}

/// Waits in the middle of its `load`, while a resource is open that does not close by itself.
#[plugin(name = "half-way", collect = never)]
struct HalfWay;

impl Hooks for HalfWay {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let socket: Resource = resource("socket");
        let socket = std::mem::ManuallyDrop::new(socket);
        tokio::task::yield_now().await;
        socket.close();
        Ok(())
    }
}

#[test]
fn of_the_test_kit() {
    paused(async {
        let mut app = App::new();
        let record = app.record();
        app.register(plugin_fn("a", async |_| Ok(())));
        app.boot().await.unwrap().close().await.unwrap();
        let differs = AssertUnwindSafe(|| record.assert_eq(["a: load", "a: close"]));
        let said = catch_unwind(differs).unwrap_err();
        shows("10-test-kit.md", said.downcast_ref::<String>().unwrap());
    });

    let report = explore(|| App::new().with(HalfWay)).run();
    shows("10-test-kit.md", &report.to_string());
}
