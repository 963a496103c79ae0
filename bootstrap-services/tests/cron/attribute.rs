//! `#[cron]`: what it declares, the order of boot and close, and the configuration.

use std::sync::Mutex;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::cron::{Cron, CronContext, CronPlugin, CronTask, MemoryCronStore, cron};
use bootstrap_services::testing::VirtualClock;

use crate::{moment, within};

/// What the tasks of an app do, in order.
#[derive(Default)]
pub struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub struct Users(State<Diary>);

#[plugin(states = [Diary], collect = never)]
struct Diaries;

impl Hooks for Diaries {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Diary> {
        Ok(Diary::default())
    }
}

/// What a task requires.
#[plugin(name = "users", states = [Users], collect = needed)]
struct UsersPlugin {
    diary: State<Diary>,
    // A dependency of a task may add schedules itself: there is no cycle.
    cron: State<Cron>,
}

impl Hooks for UsersPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Users> {
        assert!(self.cron.list().is_empty());
        Ok(Users(self.diary.clone()))
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.diary.write("users close");
        Ok(())
    }
}

#[cron("30 2 * * *", zone = "Europe/Berlin", overlap = queue, missed = all(3), timeout = "10m", collect = never)]
struct NightlyReport {
    users: State<Users>,
    #[option(default = 3)]
    copies: u32,
}

impl CronTask for NightlyReport {
    async fn run(&self, cx: &CronContext) -> Result<()> {
        let Self { users, copies, .. } = self;
        users.0.write(format!("{} x{copies}", cx.name()));
        Ok(())
    }
}

#[cron("@hourly", name = "heart", missed = skip, collect = never)]
struct Heartbeat;

impl CronTask for Heartbeat {
    async fn run(&self, cx: &CronContext) -> Result<()> {
        cx.report_error(anyhow::anyhow!("a little"));
        anyhow::bail!("stopped")
    }
}

#[cron("* * * * *", overlap = allow, collect = never)]
struct Tuple(State<Diary>);

impl CronTask for Tuple {
    async fn run(&self, cx: &CronContext) -> Result<()> {
        self.0.write("tuple begins");
        cx.cancelled().await;
        self.0.write("tuple ends");
        Ok(())
    }
}

fn app(time: &VirtualClock) -> App {
    App::new()
        .supply(time.clock())
        .with(CronPlugin::default())
        .with(MemoryCronStore::default())
        .with(UsersPlugin::default())
        .with(Diaries)
}

fn start() -> VirtualClock {
    VirtualClock::starting_at(moment("2026-01-01T00:00[Europe/Berlin]"))
}

async fn boot(app: App) -> (Running, State<Diary>) {
    let running = within(app.boot()).await.unwrap();
    let diary = running.try_get::<State<Diary>>().unwrap();
    (running, diary)
}

#[tokio::test]
async fn a_task_is_a_plugin_that_requires_what_its_fields_say() {
    let time = start();
    let app = app(&time).with(NightlyReport::default().copies(7));
    let plan = app.plan().unwrap();
    let task = plan
        .order()
        .find(|plugin| *plugin.name() == "nightly-report")
        .unwrap();
    let mut requires: Vec<_> = task
        .requires()
        .map(|plugin| plugin.name().to_string())
        .collect();
    requires.sort();
    assert_eq!(requires, ["cron", "users"]);
    let (running, diary) = boot(app).await;
    let info = running.try_get::<State<Cron>>().unwrap().list().remove(0);
    assert_eq!(
        (info.name.as_str(), info.zone.as_str()),
        ("nightly-report", "Europe/Berlin")
    );
    assert!(info.defined_at.file().ends_with("attribute.rs"));
    within(time.advance(Duration::from_hours(24))).await;
    assert_eq!(diary.lines(), ["nightly-report x7"]);
    within(running.close()).await.unwrap();
}

#[tokio::test]
async fn a_task_without_the_plugin_of_cron_is_an_error_that_shows_the_field_on_one_line() {
    let app = App::new().with(Heartbeat::default());
    let error = within(app.boot()).await.err().unwrap();
    let text = format!("{error:?}");
    assert!(
        text.contains("BOOT001") && text.contains("(field `bootstrap_cron: State<Cron>`)"),
        "{text}"
    );
}

#[tokio::test]
async fn errors_of_a_task_are_those_of_its_plugin() {
    let time = start();
    let errors = std::sync::Arc::new(Mutex::new(Vec::new()));
    let kept = std::sync::Arc::clone(&errors);
    let app = app(&time).with(Heartbeat::default()).on_error(move |cx| {
        kept.lock().unwrap().push(cx.error().to_string());
        async { Ok(()) }
    });
    let (running, _) = boot(app).await;
    within(time.advance(Duration::from_hours(1))).await;
    assert_eq!(
        *errors.lock().unwrap(),
        [
            "[heart] Plugin run reported: a little",
            "[heart] Plugin run reported: stopped"
        ]
    );
    within(running.close()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_ends_before_what_it_requires_closes() {
    let time = start();
    let mut app = app(&time)
        .with(NightlyReport::default())
        .with(Tuple::default());
    let record = app.record();
    let (running, diary) = boot(app).await;
    drop(
        running
            .try_get::<State<Cron>>()
            .unwrap()
            .trigger("tuple")
            .unwrap(),
    );
    while diary.lines().is_empty() {
        tokio::task::yield_now().await;
    }
    within(running.close()).await.unwrap();
    assert_eq!(diary.lines(), ["tuple begins", "tuple ends", "users close"]);
    record.assert_before("cron: load done", "tuple: load");
    record.assert_before("tuple: drain done", "cron: drain");
    record.assert_before("tuple: drain done", "users: close");
    record.assert_before("nightly-report: close done", "users: close");
}

#[tokio::test]
async fn a_task_that_restarts_has_its_schedule_once() {
    let time = start();
    let (running, _) = boot(app(&time).with(NightlyReport::default())).await;
    within(running.handle().restart("nightly-report"))
        .await
        .unwrap();
    within(running.handle().restart("users")).await.unwrap();
    assert_eq!(running.try_get::<State<Cron>>().unwrap().list().len(), 1);
    within(running.close()).await.unwrap();
}

async fn with(configuration: Configuration) -> Result<(Running, State<Diary>), String> {
    let time = start();
    let app = app(&time)
        .with(NightlyReport::default())
        .configure(configuration);
    let running = within(app.boot()).await.map_err(|error| error.render())?;
    within(time.advance(Duration::from_hours(24))).await;
    let diary = running.try_get::<State<Diary>>().unwrap();
    Ok((running, diary))
}

#[tokio::test]
async fn the_configuration_overrides_the_pattern() {
    let hourly = Configuration::new().set("cron.nightly-report.pattern", "@hourly");
    let (running, diary) = with(hourly).await.unwrap();
    assert_eq!(diary.lines().len(), 24);
    within(running.close()).await.unwrap();
}

#[tokio::test]
async fn the_configuration_switches_a_task_off() {
    let off = Configuration::new().set("cron.nightly-report.enabled", false);
    let (running, diary) = with(off).await.unwrap();
    assert!(diary.lines().is_empty());
    within(running.close()).await.unwrap();
}

#[tokio::test]
async fn a_pattern_of_the_configuration_that_is_wrong_is_an_error_of_the_task() {
    let wrong = Configuration::new().set("cron.nightly-report.pattern", "99 * * * *");
    let error = with(wrong).await.unwrap_err();
    assert!(error.contains("nightly-report"), "{error}");
    assert!(
        error.contains("found: the value that is set at "),
        "{error}"
    );
    assert!(
        error.contains("the minute of the pattern `99 * * * *` can't be `99`"),
        "{error}"
    );
    assert!(error.contains("write 0-59"), "{error}");
}

#[tokio::test]
async fn a_key_that_no_task_has_is_an_error_of_the_right_plugin() {
    let of = async |key: &str| {
        let configuration = Configuration::new().set(key, "@hourly");
        with(configuration).await.unwrap_err()
    };
    let error = of("cron.nightly-report.patern").await;
    assert!(
        error.contains("[nightly-report] Plugin load failed"),
        "{error}"
    );
    assert!(
        error.contains("there is no key `cron.nightly-report.patern`"),
        "{error}"
    );
    let error = of("cron.nigthly-report.pattern").await;
    assert!(error.contains("[cron] Plugin ready failed"), "{error}");
    assert!(
        error.contains("no task with `#[cron]` is called `nigthly-report`"),
        "{error}"
    );
    assert!(
        error.contains("write `cron.nightly-report`, if that was meant"),
        "{error}"
    );
}

#[tokio::test]
async fn a_variable_overrides_the_pattern() {
    let variables = [("SERVICE_CRON__NIGHTLY_REPORT__PATTERN", "@hourly")];
    let configuration = Configuration::new().environment_from("SERVICE", variables);
    let (running, diary) = with(configuration).await.unwrap();
    assert_eq!(diary.lines().len(), 24);
    within(running.close()).await.unwrap();
}

#[tokio::test]
async fn an_engine_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    let wrong = Configuration::new().set("cron.store", "redis");
    let error = with(wrong).await.unwrap_err();
    assert!(
        error.contains("cron.store") && error.contains("memory"),
        "{error}"
    );
}

/// A collected app needs nothing besides the task.
mod collected {
    use super::*;

    #[cron("0 0 1 1 *")]
    pub struct NewYear;

    impl CronTask for NewYear {
        async fn run(&self, _: &CronContext) -> Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_task_brings_cron_along() {
        let plan = App::collect().plan().unwrap();
        let names: Vec<_> = plan
            .order()
            .map(|plugin| plugin.name().to_string())
            .collect();
        for name in ["clock", "cron", "cron-store-memory", "new-year"] {
            assert!(names.iter().any(|it| it == name), "{name} in {names:?}");
        }
        let running = within(App::collect().boot()).await.unwrap();
        assert_eq!(running.try_get::<State<Cron>>().unwrap().list().len(), 1);
        within(running.close()).await.unwrap();
    }
}
