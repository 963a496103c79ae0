//! Services by name.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::error::{BootError, BootErrorKind};
use bootstrap::lifecycle::Status;
use bootstrap::{Running, plugin_fn, prelude::*};
use bootstrap_services::named::{Service, ServiceContext, ServiceError, Services, ServicesPlugin};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

/// What has happened, in order.
#[derive(Clone, Debug, Default)]
struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    fn add(&self, event: impl fmt::Display) {
        self.0.lock().unwrap().push(event.to_string());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A service that notes when it is dropped.
#[derive(Debug)]
struct Noted {
    name: &'static str,
    trace: Trace,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.trace.add(format_args!("drop({})", self.name));
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("boom");
    }
}

/// Blocks the thread that drops it.
struct Blocks(Mutex<Receiver<()>>);

impl Drop for Blocks {
    fn drop(&mut self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

/// A plugin that notes its hooks, and sees services in each of them.
#[plugin(name = "probe", collect = never)]
#[derive(Debug)]
struct Probe {
    services: State<Services>,
    #[option(required)]
    trace: Trace,
}

impl Probe {
    fn note(&self, hook: &str) {
        match self.services.try_get::<u32>("port") {
            Ok(port) => self.trace.add(format_args!("{hook}: {port}")),
            Err(error) => self.trace.add(format_args!("{hook}: {error}")),
        }
    }
}

impl Hooks for Probe {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.note("load");
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.note("ready");
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        self.note("run");
        cx.stopped().await;
        self.note("stopped");
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.note("drain");
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.note("close");
        self.services.set("port", 1_u32).unwrap_err();
        Ok(())
    }
}

/// A plugin without requirements that notes its hooks.
#[plugin(name = "base", collect = never)]
#[derive(Debug)]
struct Base {
    #[option(required)]
    trace: Trace,
}

impl Hooks for Base {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace.add("load(base)");
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.trace.add("close(base)");
        Ok(())
    }
}

type Made<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A factory that notes when it runs.
fn makes(trace: &Trace, name: &'static str) -> impl FnOnce(ServiceContext) -> Made<Noted> + use<> {
    let trace = trace.clone();
    move |_| {
        Box::pin(async move {
            trace.add(format_args!("make({name})"));
            Ok(Noted { name, trace })
        })
    }
}

fn define() -> ServicesPlugin {
    ServicesPlugin::default()
}

async fn boots(app: App) -> Running {
    timeout(60 * SECOND, app.boot()).await.unwrap().unwrap()
}

async fn fails_to_boot(app: App) -> BootError {
    timeout(60 * SECOND, app.boot()).await.unwrap().unwrap_err()
}

async fn closes(running: Running) {
    timeout(60 * SECOND, running.close())
        .await
        .unwrap()
        .unwrap();
}

fn services(running: &Running) -> State<Services> {
    running.try_get().unwrap()
}

/// The end of the message of a factory, without its place.
fn without_place(message: &str) -> String {
    let (before, after) = message.split_once(" (").unwrap();
    let (place, after) = after.split_once(')').unwrap();
    assert!(place.contains("named.rs:"), "{message}");
    format!("{before}{after}")
}

/// D30, D67: after the loads of all plugins, one after the other, before anything is ready.
#[tokio::test(start_paused = true)]
async fn factories_run_after_every_load_and_before_the_app_is_ready() {
    let trace = Trace::default();
    let slow = trace.clone();
    let (ready, loaded) = (trace.clone(), trace.clone());
    let mut app = App::new()
        .on_ready(async move |_| {
            ready.add("on_ready");
            Ok(())
        })
        .on_loaded(async move |_| {
            loaded.add("on_loaded");
            Ok(())
        })
        .with(
            define()
                .define("b", async move |_| {
                    tokio::time::sleep(9 * SECOND).await;
                    slow.add("make(b)");
                    Ok(())
                })
                .define("a", makes(&trace, "a")),
        );
    let late = trace.clone();
    app.register(plugin_fn("late", async move |_| {
        tokio::time::sleep(SECOND).await;
        late.add("load(late)");
        Ok(())
    }));
    let running = boots(app).await;
    assert_eq!(
        trace.take(),
        ["load(late)", "on_loaded", "make(b)", "make(a)", "on_ready"]
    );
    closes(running).await;
}

/// D10: every hook reads them from `ready` on, also the task while it stops.
#[tokio::test(start_paused = true)]
async fn plugins_read_services_from_ready_to_the_end_of_their_tasks() {
    let trace = Trace::default();
    let hook = trace.clone();
    let app = App::new()
        .with(Probe::new(trace.clone()))
        .with(define().define("port", async |_| Ok(8080_u32)))
        .on_ready(async move |cx| {
            let services: State<Services> = cx.try_get()?;
            hook.add(format_args!(
                "on_ready: {}",
                services.try_get::<u32>("port")?
            ));
            Ok(())
        });
    let running = boots(app).await;
    assert_eq!(*services(&running).get::<u32>("port").unwrap(), 8080);
    tokio::task::yield_now().await;
    closes(running).await;
    assert_eq!(
        trace.take(),
        [
            "load: [port] the service does not exist yet: factories run once every plugin has loaded, in the order of their \
             definitions; define it before the services that use it",
            "ready: 8080",
            "on_ready: 8080",
            "run: 8080",
            "drain: 8080",
            "stopped: 8080",
            "close: [port] the services of this app have been dropped: that is before the first plugin closes; use them in \
             `drain`",
        ]
    );
}

/// D11: visible at once, of whatever type; the value from before is returned.
#[tokio::test(start_paused = true)]
async fn a_service_is_set_at_run_time() {
    let trace = Trace::default();
    let app = App::new()
        .with(define().define("noted", makes(&trace, "noted")))
        .on_ready(async |cx| {
            let services: State<Services> = cx.try_get()?;
            assert!(services.set("conn", 7_u32)?.is_none());
            Ok(())
        })
        .on_ready(async |cx| {
            let services: State<Services> = cx.try_get()?;
            assert_eq!(*services.try_get::<u32>("conn")?, 7);
            Ok(())
        });
    let running = boots(app).await;
    let services = services(&running);
    let before = services.set("conn", "text").unwrap().unwrap();
    assert_eq!(before.downcast_ref::<u32>(), Some(&7));
    assert_eq!(*services.try_get::<&str>("conn").unwrap(), "text");

    trace.take();
    let before = services.set("noted", ()).unwrap().unwrap();
    assert!(before.is::<Noted>());
    assert!(trace.take().is_empty(), "it belongs to the caller");
    drop(before);
    assert_eq!(trace.take(), ["drop(noted)"]);
    closes(running).await;
}

/// D28, D29: a name and a factory, or a definition from elsewhere.
#[tokio::test(start_paused = true)]
async fn a_service_is_defined_in_two_forms() {
    let definition = Service::define("defined", async |_| Ok("by a value"));
    assert_eq!(definition.name(), "defined");
    assert!(format!("{definition:?}").contains("\"defined\""));
    let plugin = define()
        .with(definition)
        .define(String::from("named"), async |_| Ok("by a name"));
    let running = boots(App::new().with(plugin)).await;
    let services = services(&running);
    assert_eq!(*services.try_get::<&str>("defined").unwrap(), "by a value");
    assert_eq!(*services.try_get::<&str>("named").unwrap(), "by a name");
    assert_eq!(format!("{:?}", *services), r#"{"defined", "named"}"#);
    closes(running).await;
}

/// D31: in the order of the definitions.
#[tokio::test(start_paused = true)]
async fn a_factory_uses_earlier_services_and_not_later_ones() {
    let plugin = define()
        .define("first", async |cx| {
            let later = cx.service::<u32>("second").unwrap_err();
            assert!(matches!(later, ServiceError::NotStarted { .. }), "{later}");
            Ok(2_u32)
        })
        .define("second", async |cx| Ok(*cx.service::<u32>("first")? * 21));
    let running = boots(App::new().with(plugin)).await;
    assert_eq!(*services(&running).try_get::<u32>("second").unwrap(), 42);
    closes(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_factory_reads_what_plugins_provide() {
    #[bootstrap::supplied]
    struct Config(&'static str);
    struct Absent;
    let plugin = define().define("mailer", async |cx| {
        assert!(cx.get::<State<Absent>>().is_none());
        assert_eq!(cx.handle().status(), Status::Booting);
        Ok(cx.try_get::<State<Config>>()?.0)
    });
    let running = boots(App::new().supply(Config("smtp")).with(plugin)).await;
    assert_eq!(
        *services(&running).try_get::<&str>("mailer").unwrap(),
        "smtp"
    );
    closes(running).await;
}

/// D32: a factory may return that there is no such service.
#[tokio::test(start_paused = true)]
async fn a_service_may_be_disabled() {
    let plugin = define()
        .define_if("mailer", async |_| Ok(None::<u32>))
        .define_if("cache", async |_| Ok(Some(3_u32)));
    let running = boots(App::new().with(plugin)).await;
    let services = services(&running);
    assert_eq!(*services.try_get::<u32>("cache").unwrap(), 3);
    let error = services.try_get::<u32>("mailer").unwrap_err();
    assert!(matches!(&error, ServiceError::Disabled { service, .. } if service == "mailer"));
    assert_eq!(
        error.to_string(),
        "[mailer] the service is disabled: its factory returned `None`; do without it, or configure it"
    );
    assert!(services.set("mailer", 1_u32).unwrap().is_none());
    assert_eq!(*services.try_get::<u32>("mailer").unwrap(), 1);
    closes(running).await;
}

/// D30: the error names the service and its place, reaches `on_error`, and what had started is undone.
#[tokio::test(start_paused = true)]
async fn a_factory_that_fails_aborts_the_boot_and_names_its_service() {
    let trace = Trace::default();
    let (reported, start) = (trace.clone(), trace.clone());
    let app = App::new()
        .with(Base::new(trace.clone()))
        .with(
            define()
                .define("first", makes(&trace, "first"))
                .define("svc", async |_| Err::<(), _>(anyhow::anyhow!("no")))
                .define("third", makes(&trace, "third")),
        )
        .on_start(async move |_| {
            start.add("start");
            Ok(())
        })
        .on_error(move |cx| {
            reported.add(format_args!("error({})", cx.error().plugin()));
            async { Ok(()) }
        });
    let error = fails_to_boot(app).await;
    assert_eq!(
        without_place(&error.to_string()),
        "[services] Plugin ready failed: service `svc`: no"
    );
    assert_eq!(error.code(), "BOOT010");
    let mut events = trace.take();
    events.retain(|event| event != "error(services)");
    assert_eq!(
        events,
        ["load(base)", "make(first)", "drop(first)", "close(base)"]
    );
}

#[tokio::test(start_paused = true)]
async fn on_error_receives_the_error_of_a_factory() {
    let trace = Trace::default();
    let reported = trace.clone();
    let app = App::new()
        .with(define().define("svc", async |_| Err::<(), _>(anyhow::anyhow!("no"))))
        .on_error(move |cx| {
            reported.add(cx.error());
            async { Ok(()) }
        });
    let handle = app.handle();
    fails_to_boot(app).await;
    let _ = handle.closed().await;
    let [only] = &trace.take()[..] else {
        panic!("it is reported once");
    };
    assert_eq!(
        without_place(only),
        "[services] Plugin ready failed: service `svc`: no"
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_that_fails_keeps_factories_from_running() {
    let trace = Trace::default();
    let mut app = App::new().with(define().define("a", makes(&trace, "a")));
    app.register(plugin_fn("fails", async |_| anyhow::bail!("no")));
    let error = fails_to_boot(app).await;
    assert_eq!(error.to_string(), "[fails] Plugin load failed: no");
    assert!(trace.take().is_empty());
}

/// A failure after the factories: the values are dropped in order, before the first plugin closes.
#[tokio::test(start_paused = true)]
async fn a_boot_that_fails_later_drops_services_in_reverse_before_any_plugin_closes() {
    let trace = Trace::default();
    let app = App::new()
        .with(Base::new(trace.clone()))
        .with(
            define()
                .define("a", makes(&trace, "a"))
                .define("b", makes(&trace, "b")),
        )
        .on_ready(async |_| anyhow::bail!("no"));
    let error = fails_to_boot(app).await;
    assert_eq!(error.to_string(), "[app] Plugin on-ready failed: no");
    assert_eq!(
        trace.take(),
        [
            "load(base)",
            "make(a)",
            "make(b)",
            "drop(b)",
            "drop(a)",
            "close(base)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn two_services_with_one_name_fail_the_boot_with_both_places() {
    let trace = Trace::default();
    let plugin = define()
        .define("mailer", makes(&trace, "mailer"))
        .define("cache", makes(&trace, "cache"))
        .define("mailer", async |_| Ok(()));
    let error = fails_to_boot(App::new().with(plugin)).await;
    let message = error.to_string();
    let start = "[services] Plugin load failed: two services are called `mailer` (";
    assert!(message.starts_with(start), "{message}");
    assert_eq!(message.matches("named.rs:").count(), 2, "{message}");
    assert!(
        message.ends_with("): rename one of them, or remove it"),
        "{message}"
    );
    assert!(trace.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_exist_is_an_error_that_lists_the_others() {
    let running = boots(App::new().with(define())).await;
    assert_eq!(
        services(&running)
            .try_get::<u32>("mailer")
            .unwrap_err()
            .to_string(),
        "[mailer] this app has no services: define it, with `ServicesPlugin::define`"
    );
    closes(running).await;

    let plugin = define()
        .define("cache", async |_| Ok(()))
        .define("auth", async |_| Ok(()));
    let running = boots(App::new().with(plugin)).await;
    let services = services(&running);
    assert!(services.get::<u32>("mailer").is_none());
    assert_eq!(
        services.try_get::<u32>("mailer").unwrap_err().to_string(),
        "[mailer] no service of this app has this name, only `auth`, `cache`: define it, with `ServicesPlugin::define`"
    );
    for more in 0..20 {
        services.set(format!("b{more:02}"), ()).unwrap();
    }
    let message = services.try_get::<u32>("mailer").unwrap_err().to_string();
    assert!(
        message.contains("`auth`, `b00`") && message.contains("`b08`, ..:"),
        "{message}"
    );
    closes(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_of_another_type_is_an_error_that_names_both() {
    let plugin = define().define("a", makes(&Trace::default(), "a"));
    let running = boots(App::new().with(plugin)).await;
    let error = services(&running).try_get::<u32>("a").unwrap_err();
    assert_eq!(
        error.to_string(),
        "[a] the service is a `named::Noted`, not a `u32`: request the type that it has"
    );
    closes(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_with_a_line_break_does_not_break_a_message() {
    let plugin = define().define("o\nther", async |_| Ok(()));
    let running = boots(App::new().with(plugin)).await;
    let error = services(&running).try_get::<u32>("a\nb").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("[a\\nb] no service of this app has this name, only `o\\nther`")
    );
    closes(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_set_is_dropped_before_the_older_ones() {
    let trace = Trace::default();
    let noted = |name| Noted {
        name,
        trace: trace.clone(),
    };
    let plugin = define()
        .define("a", makes(&trace, "a"))
        .define("b", makes(&trace, "b"));
    let running = boots(App::new().with(plugin)).await;
    let services = services(&running);
    services.set("c", noted("c")).unwrap();
    drop(services.set("a", noted("another a")).unwrap());
    trace.take();
    closes(running).await;
    assert_eq!(trace.take(), ["drop(another a)", "drop(c)", "drop(b)"]);
}

#[tokio::test(start_paused = true)]
async fn a_factory_replaces_a_value_that_was_set_before_it_ran() {
    let trace = Trace::default();
    let early = Noted {
        name: "early",
        trace: trace.clone(),
    };
    let app = App::new()
        .with(define().define("a", makes(&trace, "a")))
        .on_loaded(async move |cx| {
            cx.try_get::<State<Services>>()?.set("a", early)?;
            Ok(())
        });
    let running = boots(app).await;
    assert_eq!(trace.take(), ["make(a)", "drop(early)"]);
    assert_eq!(services(&running).try_get::<Noted>("a").unwrap().name, "a");
    closes(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_that_somebody_holds_outlives_the_app() {
    let trace = Trace::default();
    let running = boots(App::new().with(define().define("a", makes(&trace, "a")))).await;
    let held = services(&running).try_get::<Noted>("a").unwrap();
    trace.take();
    closes(running).await;
    assert!(trace.take().is_empty());
    drop(held);
    assert_eq!(trace.take(), ["drop(a)"]);
}

/// A service that holds the app is no leak: closing takes it out.
#[tokio::test(start_paused = true)]
async fn a_service_may_hold_the_context_that_created_it() {
    let alive = Arc::new(());
    let theirs = Arc::clone(&alive);
    let plugin = define().define("a", async move |cx| Ok((cx, theirs)));
    closes(boots(App::new().with(plugin)).await).await;
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_services() {
    let trace = Trace::default();
    let app = App::new()
        .with(Base::new(Trace::default()))
        .with(Probe::new(Trace::default()))
        .with(define().define("a", makes(&trace, "a")));
    let running = boots(app).await;
    services(&running).set("b", 1_u32).unwrap();
    trace.take();
    for part in ["base", "probe", "services"] {
        running.handle().restart(part).await.unwrap();
        assert!(trace.take().is_empty(), "{part}");
        let services = services(&running);
        assert_eq!(services.try_get::<Noted>("a").unwrap().name, "a");
        assert_eq!(*services.try_get::<u32>("b").unwrap(), 1);
    }
    closes(running).await;
    assert_eq!(trace.take(), ["drop(a)"]);
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_is_an_error_of_its_service() {
    let plugin = define().define("a", async |_| {
        assert!(!Trace::default().take().is_empty(), "boom");
        Ok(())
    });
    let error = fails_to_boot(App::new().with(plugin)).await;
    assert_eq!(
        without_place(&error.to_string()),
        "[services] Plugin ready failed: service `a`: panicked: boom"
    );
}

#[tokio::test(start_paused = true)]
async fn a_value_that_panics_when_a_factory_replaces_it_is_an_error_of_its_service() {
    let app = App::new()
        .with(define().define("a", async |_| Ok(1_u32)))
        .on_loaded(async |cx| {
            cx.try_get::<State<Services>>()?.set("a", Bomb)?;
            Ok(())
        });
    let error = fails_to_boot(app).await;
    assert_eq!(
        without_place(&error.to_string()),
        "[services] Plugin ready failed: service `a`: panicked: boom"
    );
}

/// Each factory has the limit of a `ready` hook for itself, and the message names the service.
#[tokio::test(start_paused = true)]
async fn a_factory_that_hangs_is_ended_by_its_limit() {
    let slow = async |_: ServiceContext| {
        tokio::time::sleep(SECOND * 3 / 4).await;
        Ok(())
    };
    let app = App::new().load_timeout(SECOND).with(
        define()
            .define("first", slow)
            .define("second", slow)
            .define("hangs", async |_| {
                std::future::pending::<Result<()>>().await
            }),
    );
    let error = fails_to_boot(app).await;
    assert_eq!(
        error.to_string(),
        "[services] Plugin ready failed: timed out after 1 s"
    );
    let all = error.render();
    assert!(all.contains("creating the service `hangs`"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_cancels_a_factory_and_the_others_do_not_run() {
    let trace = Trace::default();
    let app = App::new().with(
        define()
            .define("first", makes(&trace, "first"))
            .define("hangs", async |_| {
                std::future::pending::<Result<()>>().await
            })
            .define("third", makes(&trace, "third")),
    );
    let handle = app.handle();
    tokio::spawn(async move {
        tokio::time::sleep(SECOND).await;
        handle.shutdown();
    });
    let error = fails_to_boot(app).await;
    assert!(matches!(error.kind(), BootErrorKind::Interrupted { .. }));
    assert_eq!(error.cancelled(), ["services"]);
    assert_eq!(trace.take(), ["make(first)", "drop(first)"]);
}

#[tokio::test(start_paused = true)]
async fn a_boot_whose_future_is_dropped_in_a_factory_rolls_back() {
    let trace = Trace::default();
    let app = App::new().with(Base::new(trace.clone())).with(
        define()
            .define("a", makes(&trace, "a"))
            .define("hangs", async |_| {
                std::future::pending::<Result<()>>().await
            }),
    );
    let handle = app.handle();
    assert!(timeout(SECOND, app.boot()).await.is_err());
    let _ = timeout(60 * SECOND, handle.closed()).await.unwrap();
    assert_eq!(handle.status(), Status::Failed);
    assert_eq!(
        trace.take(),
        ["load(base)", "make(a)", "drop(a)", "close(base)"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_drop_that_panics_is_an_error_of_the_close() {
    let trace = Trace::default();
    let app = App::new().with(Base::new(trace.clone())).with(
        define()
            .define("a", makes(&trace, "a"))
            .define("bomb", async |_| Ok(Bomb))
            .define("another", async |_| Ok(Bomb))
            .define("b", makes(&trace, "b")),
    );
    let running = boots(app).await;
    trace.take();
    let error = timeout(60 * SECOND, running.close())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        error.errors()[0].to_string(),
        "[services/values] Plugin run failed: drop of service `another` panicked: boom; drop of service `bomb` panicked: boom"
    );
    assert_eq!(trace.take(), ["drop(b)", "drop(a)", "close(base)"]);
}

#[tokio::test(start_paused = true)]
async fn a_drop_that_panics_is_an_error_of_the_rollback() {
    let app = App::new()
        .with(define().define("bomb", async |_| Ok(Bomb)))
        .on_ready(async |_| anyhow::bail!("no"));
    let error = fails_to_boot(app).await;
    assert_eq!(error.to_string(), "[app] Plugin on-ready failed: no");
    let rollback: Vec<_> = error
        .rollback_errors()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        rollback,
        ["[services/values] Plugin run failed: drop of service `bomb` panicked: boom"]
    );
}

/// Takes two seconds: virtual time stands still while a thread is blocked.
#[tokio::test]
async fn a_drop_that_blocks_is_abandoned_and_the_others_are_dropped() {
    let trace = Trace::default();
    let (release, blocked) = channel();
    let app = App::new().with(Base::new(trace.clone())).with(
        define()
            .define("a", makes(&trace, "a"))
            .define("blocks", async move |_| Ok(Blocks(Mutex::new(blocked)))),
    );
    let running = boots(app).await;
    trace.take();
    let error = timeout(20 * SECOND, running.close())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        error.errors()[0].to_string(),
        "[services/values] Plugin run failed: drop of service `blocks` was abandoned: it blocks its thread"
    );
    assert_eq!(trace.take(), ["drop(a)", "close(base)"]);
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn services_are_dropped_when_the_time_for_closing_is_up() {
    let trace = Trace::default();
    let app = App::new().shutdown_timeout(Duration::ZERO).with(
        define()
            .define("a", makes(&trace, "a"))
            .define("b", makes(&trace, "b")),
    );
    let running = boots(app).await;
    trace.take();
    let _ = timeout(60 * SECOND, running.close()).await.unwrap();
    assert_eq!(trace.take(), ["drop(b)", "drop(a)"]);
}

/// A test without tasks: the `close` hook drops them.
#[tokio::test(start_paused = true)]
async fn services_are_dropped_in_an_app_without_tasks() {
    let trace = Trace::default();
    let app = App::new().without_tasks().with(
        define()
            .define("a", makes(&trace, "a"))
            .define("b", makes(&trace, "b")),
    );
    let running = boots(app).await;
    trace.take();
    closes(running).await;
    assert_eq!(trace.take(), ["drop(b)", "drop(a)"]);
}

/// A factory that was abandoned creates its value too late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_factory_that_blocks_its_thread_is_abandoned() {
    let trace = Trace::default();
    let late = trace.clone();
    let (release, blocked) = channel::<()>();
    let plugin = define().define("late", async move |_| {
        let _ = blocked.recv();
        late.add("made");
        Ok(Noted {
            name: "late",
            trace: late,
        })
    });
    let app = App::new()
        .load_timeout(Duration::from_millis(50))
        .with(plugin);
    let error = fails_to_boot(app).await;
    assert!(error.is_abandoned(), "{error:?}");
    drop(release);
    let dropped = async {
        while trace.0.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(20 * SECOND, dropped).await.unwrap();
    assert_eq!(trace.take(), ["made", "drop(late)"]);
}

/// The runtime goes away with the app still in it: there is no close, and every value is dropped, however many panic.
#[test]
fn a_runtime_that_goes_away_drops_services_in_order() {
    let trace = Trace::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let plugin = define()
        .define("a", makes(&trace, "a"))
        .define("bomb", async |_| Ok(Bomb))
        .define("another", async |_| Ok(Bomb))
        .define("b", makes(&trace, "b"));
    let running = runtime.block_on(boots(App::new().with(plugin)));
    trace.take();
    drop(runtime);
    drop(running);
    assert_eq!(trace.take(), ["drop(b)", "drop(a)"]);
}

/// `collect = needed`: a field is enough.
#[tokio::test(start_paused = true)]
async fn an_app_that_collects_has_the_plugin_if_a_field_requires_its_state() {
    assert!(
        !App::collect()
            .plan()
            .unwrap()
            .to_string()
            .contains("services")
    );
    let running = boots(App::collect().with(Probe::new(Trace::default()))).await;
    services(&running).set("port", 80_u32).unwrap();
    closes(running).await;
}

/// It holds the services that hold it.
#[test]
fn a_value_that_keeps_its_context_is_dropped_with_the_runtime_of_an_app_that_did_not_close() {
    struct Keeps {
        _cx: ServiceContext,
        _noted: Noted,
    }
    let trace = Trace::default();
    let keeps = |name: &'static str| {
        let trace = trace.clone();
        async move |cx: ServiceContext| {
            let noted = Noted { name, trace };
            Ok(Keeps {
                _cx: cx,
                _noted: noted,
            })
        }
    };
    let services = ServicesPlugin::default()
        .define("a", keeps("a"))
        .define("b", keeps("b"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let app = App::new().with(services);
    let booted = runtime.block_on(async { timeout(SECOND * 10, app.boot()).await });
    let running = booted.unwrap().unwrap();
    drop(runtime);
    drop(running);
    assert_eq!(trace.take(), ["drop(b)", "drop(a)"]);
}
