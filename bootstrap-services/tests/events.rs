//! Events.
#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::{anyhow, bail};
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use bootstrap::{Configuration, Running};
use bootstrap_services::events::{
    Event, EventBus, EventContext, EventHandlers, EventHandlersPlugin, Events, EventsPlugin,
    Handler, Pattern, PatternError, RecvError, async_trait, conformance, event_handler,
};
use bootstrap_services::testing::{MemoryBus, VirtualClock};
use futures_util::stream::{BoxStream, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::timeout;

const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;
/// Nothing in a test takes this long.
const DEADLINE: Duration = Duration::from_mins(1);

#[derive(Event, Serialize, Deserialize, Debug, PartialEq)]
#[event(name = "user.created")]
struct UserCreated {
    id: u32,
}

#[derive(Event, Serialize, Deserialize)]
#[event(name = "user.address.changed", version = 2)]
struct AddressChanged {
    id: u32,
}

#[derive(Event, Serialize, Deserialize)]
#[event(name = "order.paid")]
struct OrderPaid;

/// What handlers have seen.
#[supplied]
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Fails, panics and hangs for some users.
#[event_handler(UserCreated, AddressChanged, name = "mailer", collect = never)]
struct Mailer {
    log: State<Log>,
    // Handlers publish as well.
    events: State<Events>,
}

impl Hooks for Mailer {
    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.log.note("mailer drains");
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.log.note("mailer closes");
        Ok(())
    }
}

impl Handler<UserCreated> for Mailer {
    async fn handle(&self, event: &UserCreated, _: &EventContext) -> Result<()> {
        match event.id {
            500 => bail!("no relay"),
            501 => panic!("a bug"),
            502 => pending::<()>().await,
            9 => drop(self.events.publish(AddressChanged { id: 9 })),
            _ => {}
        }
        self.log.note(format!("created {}", event.id));
        Ok(())
    }
}

impl Handler<AddressChanged> for Mailer {
    async fn handle(&self, event: &AddressChanged, _: &EventContext) -> Result<()> {
        self.log.note(format!("changed {}", event.id));
        Ok(())
    }
}

/// Waits for the test before each event.
#[event_handler(UserCreated, name = "slow", collect = never)]
struct Slow {
    log: State<Log>,
    gate: State<Gate>,
}

#[supplied]
#[derive(Clone, Default)]
struct Gate(Arc<Notify>);

impl Hooks for Slow {}

impl Handler<UserCreated> for Slow {
    async fn handle(&self, event: &UserCreated, _: &EventContext) -> Result<()> {
        self.gate.0.notified().await;
        self.log.note(format!("slow {}", event.id));
        Ok(())
    }
}

/// An app on a virtual clock, whose errors are in the log.
fn app(time: &VirtualClock, log: &Log) -> App {
    let errors = log.clone();
    App::new()
        .supply(time.clock())
        .supply(log.clone())
        .with(EventsPlugin::default())
        .on_error(move |cx| {
            errors.note(format!("error of {}", cx.error()));
            async { Ok(()) }
        })
}

fn time() -> VirtualClock {
    VirtualClock::starting_at(EPOCH)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("in time")
}

async fn boot(app: App) -> (Running, State<Events>) {
    let running = within(app.boot()).await.unwrap();
    let events = running.try_get().unwrap();
    (running, events)
}

async fn boot_alone() -> (Running, State<Events>) {
    boot(app(&time(), &Log::default())).await
}

async fn close(running: Running) {
    within(running.close()).await.unwrap();
}

/// Waits for something that no event announces.
async fn until(what: impl Fn() -> bool) {
    within(async {
        while !what() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A fault of the original: `*` matches across dots.
#[test]
fn a_star_is_one_segment() {
    let cases = [
        ("user.*", "user.created", true),
        ("user.*", "user.address.changed", false),
        ("user.*", "user", false),
        ("*.created", "user.created", true),
        ("*.created", "created", false),
        ("user.**", "user", true),
        ("user.**", "user.address.changed", true),
        ("**", "a", true),
        ("**.changed", "user.address.changed", true),
        ("**.changed", "user.address.changed.twice", false),
        ("a.**.b.**.c", "a.b.c", true),
        ("a.**.b.**.c", "a.x.b.y.b.z.c", true),
        ("a.**.b.**.c", "a.x.c", false),
        ("user.*.**", "user", false),
        ("user.created", "user.created", true),
        ("user.created", "user.created.twice", false),
    ];
    for (pattern, name, expected) in cases {
        let parsed: Pattern = pattern.parse().unwrap();
        assert_eq!(parsed.matches(name), expected, "{pattern} and {name}");
        assert_eq!(parsed.to_string(), pattern);
    }
}

#[tokio::test]
async fn a_bad_pattern_is_a_typed_error() {
    let (running, events) = boot_alone().await;
    let error = |pattern: &str| events.matching(pattern).unwrap_err();
    assert!(matches!(error(""), PatternError::EmptySegment { .. }));
    assert!(matches!(error("user."), PatternError::EmptySegment { .. }));
    assert!(matches!(
        error("user..x"),
        PatternError::EmptySegment { .. }
    ));
    assert!(matches!(error("user.cre*"), PatternError::Segment { .. }));
    assert!(matches!(error("user.***"), PatternError::Segment { .. }));
    assert!(matches!(
        error(&"a".repeat(201)),
        PatternError::TooLong { length: 201 }
    ));
    let text = events.history("user cre", 1).unwrap_err().to_string();
    assert!(
        text.starts_with("the segment `user cre` of the pattern `user cre` matches no name: write")
    );
    close(running).await;
}

#[tokio::test]
async fn a_subscription_gets_the_events_of_its_type() {
    let (running, events) = boot_alone().await;
    let mut created = events.on::<UserCreated>();
    assert_eq!(events.publish(OrderPaid), 0);
    assert_eq!(events.publish(UserCreated { id: 1 }), 1);
    assert_eq!(within(created.recv()).await.unwrap().id, 1);
    let late = events.on::<UserCreated>();
    assert_eq!(events.publish(UserCreated { id: 2 }), 2);
    drop(late);
    assert_eq!(events.publish(UserCreated { id: 3 }), 1);
    assert_eq!(within(created.next()).await.unwrap().unwrap().id, 2);
    assert_eq!(within(created.recv()).await.unwrap().id, 3);
    close(running).await;
}

/// D39: by pattern, and others by type.
#[tokio::test]
async fn a_pattern_gets_names_and_payloads_in_order() {
    let (running, events) = boot_alone().await;
    events.publish(UserCreated { id: 0 });
    let mut one = events.matching("user.*").unwrap();
    let mut any = events.matching("**").unwrap();
    events.publish(UserCreated { id: 1 });
    events.publish(AddressChanged { id: 2 });
    events.publish(OrderPaid);
    events.publish(UserCreated { id: 3 });
    for expected in [1, 3] {
        let event = within(one.recv()).await.unwrap();
        assert_eq!((event.name(), event.version()), ("user.created", 1));
        assert_eq!(event.payload().unwrap(), json!({ "id": expected }));
        assert_eq!(event.get::<UserCreated>().unwrap().id, expected);
        assert!(event.get::<OrderPaid>().is_none());
    }
    let mut names = Vec::new();
    for _ in 0..4 {
        names.push(within(any.recv()).await.unwrap().name().to_owned());
    }
    let expected = [
        "user.created",
        "user.address.changed",
        "order.paid",
        "user.created",
    ];
    assert_eq!(names, expected);
    close(running).await;
}

#[tokio::test]
async fn a_slow_subscription_gets_the_number_of_events_that_it_missed() {
    let configuration = Configuration::new().set("events.queue", 2);
    let app = app(&time(), &Log::default()).configure(configuration);
    let (running, events) = boot(app).await;
    let mut created = events.on::<UserCreated>();
    for id in 1..=5 {
        events.publish(UserCreated { id });
    }
    assert_eq!(
        within(created.recv()).await.unwrap_err(),
        RecvError::Lagged(3)
    );
    assert_eq!(within(created.recv()).await.unwrap().id, 4);
    assert_eq!(within(created.recv()).await.unwrap().id, 5);
    close(running).await;
}

#[tokio::test]
async fn a_subscription_ends_with_the_app() {
    let (running, events) = boot_alone().await;
    let mut created = events.on::<UserCreated>();
    let mut all = events.matching("**").unwrap();
    let events = (*events).clone();
    events.publish(UserCreated { id: 1 });
    close(running).await;
    // What waits is not lost.
    assert_eq!(within(created.recv()).await.unwrap().id, 1);
    assert_eq!(within(created.recv()).await.unwrap_err(), RecvError::Closed);
    assert!(within(all.next()).await.unwrap().is_ok());
    assert!(within(all.next()).await.is_none());
    assert_eq!(events.publish(UserCreated { id: 2 }), 0);
    let mut late = events.on::<UserCreated>();
    assert_eq!(within(late.recv()).await.unwrap_err(), RecvError::Closed);
}

/// A fault of the original: history.
#[tokio::test]
async fn the_history_keeps_the_last_events() {
    let configuration = Configuration::new().set("events.history", 3);
    let time = time();
    let app = app(&time, &Log::default()).configure(configuration);
    let (running, events) = boot(app).await;
    for id in 1..=3 {
        events.publish(UserCreated { id });
        time.advance(Duration::from_secs(1)).await;
        events.publish(AddressChanged { id });
    }
    let ids = |pattern: &str, most: usize| -> Vec<String> {
        let history = events.history(pattern, most).unwrap();
        let text = |it: &bootstrap_services::events::Published| {
            let at = it.at().duration_since(EPOCH).unwrap().as_secs();
            format!("{} {} at {at}", it.name(), it.payload().unwrap()["id"])
        };
        history.iter().map(text).collect()
    };
    let all = [
        "user.address.changed 2 at 2",
        "user.created 3 at 2",
        "user.address.changed 3 at 3",
    ];
    assert_eq!(ids("**", 100), all);
    assert_eq!(ids("**", 2), all[1..]);
    assert_eq!(ids("user.*", 100), all[1..2]);
    assert!(ids("order.*", 100).is_empty());
    close(running).await;
}

#[tokio::test]
async fn a_history_of_zero_keeps_nothing() {
    let configuration = Configuration::new().set("events.history", 0);
    let app = app(&time(), &Log::default()).configure(configuration);
    let (running, events) = boot(app).await;
    events.publish(OrderPaid);
    assert!(events.history("**", 1).unwrap().is_empty());
    close(running).await;
}

#[tokio::test]
async fn a_queue_without_places_is_an_error_of_the_boot() {
    let configuration = Configuration::new().set("events.queue", 0);
    let app = app(&time(), &Log::default()).configure(configuration);
    let text = app.boot().await.unwrap_err().render();
    assert!(
        text.contains("[events] Plugin load failed: `events.queue` is 0"),
        "{text}"
    );
}

fn with_mailer(time: &VirtualClock, log: &Log) -> App {
    app(time, log)
        .with(EventHandlersPlugin::default())
        .with(Mailer::default())
}

#[tokio::test]
async fn a_plugin_handles_two_events_in_the_order_of_publishing() {
    let log = Log::default();
    let (running, events) = boot(with_mailer(&time(), &log)).await;
    let handlers: State<EventHandlers> = running.try_get().unwrap();
    assert_eq!(handlers.names().collect::<Vec<_>>(), ["mailer"]);
    assert_eq!(events.publish(UserCreated { id: 1 }), 1);
    events.publish(AddressChanged { id: 1 });
    events.publish(UserCreated { id: 2 });
    within(events.flush()).await;
    assert_eq!(log.take(), ["created 1", "changed 1", "created 2"]);
    drop(handlers);
    close(running).await;
}

#[tokio::test]
async fn a_handler_may_publish() {
    let log = Log::default();
    let (running, events) = boot(with_mailer(&time(), &log)).await;
    events.publish(UserCreated { id: 9 });
    within(events.flush()).await;
    within(events.flush()).await;
    assert_eq!(log.take(), ["created 9", "changed 9"]);
    close(running).await;
}

/// A fault of the original: errors of handlers are isolated.
#[tokio::test]
async fn an_error_and_a_panic_are_reported_and_the_next_event_is_handled() {
    let log = Log::default();
    let (running, events) = boot(with_mailer(&time(), &log)).await;
    let mut created = events.on::<UserCreated>();
    for id in [500, 501, 1] {
        events.publish(UserCreated { id });
    }
    within(events.flush()).await;
    until(|| log.0.lock().unwrap().len() == 3).await;
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen[0], "created 1");
    let not_handled =
        "error of [mailer] Plugin run reported: the event `user.created` was not handled";
    assert_eq!(
        seen[1..],
        [
            format!("{not_handled}: no relay"),
            format!("{not_handled}: panicked: a bug")
        ]
    );
    // Other readers are not affected.
    for id in [500, 501, 1] {
        assert_eq!(within(created.recv()).await.unwrap().id, id);
    }
    close(running).await;
}

#[tokio::test]
async fn a_handler_that_hangs_is_cancelled_after_its_limit() {
    let (time, log) = (time(), Log::default());
    let handlers = EventHandlersPlugin::default().handler_timeout(Duration::from_secs(5));
    let app = app(&time, &log).with(handlers).with(Mailer::default());
    let (running, events) = boot(app).await;
    events.publish(UserCreated { id: 502 });
    events.publish(UserCreated { id: 1 });
    time.advance(Duration::from_secs(4)).await;
    assert!(log.take().is_empty());
    time.advance(Duration::from_secs(1)).await;
    within(events.flush()).await;
    until(|| log.0.lock().unwrap().len() == 2).await;
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen[0], "created 1");
    assert!(
        seen[1].contains("the event `user.created` was not handled within 5s"),
        "{seen:?}"
    );
    close(running).await;
}

#[tokio::test]
async fn a_slow_handler_loses_the_oldest_events_and_is_reported_once() {
    let (log, gate) = (Log::default(), Gate::default());
    let configuration = Configuration::new().set("events.queue", 2);
    let app = app(&time(), &log)
        .configure(configuration)
        .supply(gate.clone())
        .with(EventHandlersPlugin::default())
        .with(Slow::default())
        .with(Mailer::default());
    let (running, events) = boot(app).await;
    events.publish(UserCreated { id: 0 });
    // The fast handler does not wait for the slow one.
    until(|| log.0.lock().unwrap().len() == 1).await;
    assert_eq!(log.take(), ["created 0"]);
    for id in 1..=6 {
        events.publish(UserCreated { id });
        until(|| log.0.lock().unwrap().len() == usize::try_from(id).unwrap()).await;
    }
    assert_eq!(log.take().len(), 6);
    let mut seen = Vec::new();
    for _ in 0..3 {
        gate.0.notify_one();
        until(|| {
            log.0
                .lock()
                .unwrap()
                .iter()
                .any(|it| it.starts_with("slow"))
        })
        .await;
        seen.extend(log.take());
    }
    within(events.flush()).await;
    seen.extend(log.take());
    let (errors, handled): (Vec<_>, Vec<_>) = seen.iter().partition(|it| it.starts_with("error"));
    assert_eq!(handled, ["slow 0", "slow 5", "slow 6"]);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("its queue dropped 4 events"),
        "{errors:?}"
    );
    close(running).await;
}

/// A plugin that handlers need.
#[plugin(name = "relay", states = [Relay], collect = never)]
struct RelayPlugin {
    log: State<Log>,
}

struct Relay;

impl Hooks for RelayPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Relay> {
        Ok(Relay)
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.log.note("relay drains");
        Ok(())
    }
}

#[event_handler(OrderPaid, name = "receipts", collect = never)]
struct Receipts {
    relay: State<Relay>,
    log: State<Log>,
}

impl Hooks for Receipts {}

impl Handler<OrderPaid> for Receipts {
    async fn handle(&self, _: &OrderPaid, _: &EventContext) -> Result<()> {
        let _ = &self.relay;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.log.note("receipt");
        Ok(())
    }
}

#[tokio::test]
async fn what_waits_is_handled_before_what_handlers_need_drains() {
    let log = Log::default();
    let app = app(&time(), &log)
        .with(EventHandlersPlugin::default())
        .with(Receipts::default())
        .with(RelayPlugin::default());
    let (running, events) = boot(app).await;
    for _ in 0..3 {
        events.publish(OrderPaid);
    }
    close(running).await;
    assert_eq!(
        log.take(),
        ["receipt", "receipt", "receipt", "relay drains"]
    );
}

/// Publishes when its task ends, which is after all plugins have drained.
#[plugin(name = "publisher", collect = never)]
struct Publisher {
    events: State<Events>,
}

impl Hooks for Publisher {
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.events.publish(UserCreated { id: 1 });
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.events.publish(UserCreated { id: 2 });
        Ok(())
    }
}

#[tokio::test]
async fn events_of_ready_and_drain_are_handled() {
    let log = Log::default();
    let app = with_mailer(&time(), &log).with(Publisher::default());
    let (running, _) = boot(app).await;
    close(running).await;
    let mut seen = log.take();
    seen.retain(|it| it != "mailer drains");
    assert_eq!(seen, ["created 1", "created 2", "mailer closes"]);
}

#[tokio::test]
async fn a_handler_that_hangs_does_not_keep_the_app_from_closing() {
    let log = Log::default();
    let app = with_mailer(&time(), &log).close_timeout(Duration::from_millis(50));
    let (running, events) = boot(app).await;
    events.publish(UserCreated { id: 502 });
    events.publish(UserCreated { id: 1 });
    drop(events);
    let error = within(running.close()).await.unwrap_err();
    assert!(error.to_string().contains("event-handlers"), "{error}");
    let seen = log.take();
    assert!(seen.contains(&"mailer closes".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn a_handler_without_the_plugin_that_runs_it_is_an_error_of_the_plan() {
    let app = app(&time(), &Log::default()).with(Mailer::default());
    let errors = app.plan().unwrap_err();
    assert_eq!(errors.errors()[0].code(), "BOOT001");
    let text = errors.to_string();
    assert!(
        text.contains("`mailer`") && text.contains("EventHandlers"),
        "{text}"
    );
}

#[tokio::test]
async fn handlers_that_restart_are_attached_again() {
    let log = Log::default();
    let (running, events) = boot(with_mailer(&time(), &log)).await;
    within(running.handle().restart("mailer")).await.unwrap();
    log.take();
    assert_eq!(events.publish(UserCreated { id: 1 }), 1);
    within(events.flush()).await;
    assert_eq!(log.take(), ["created 1"]);
    close(running).await;
}

#[tokio::test]
async fn a_record_has_all_events() {
    let (running, events) = boot_alone().await;
    let record = events.record();
    events.publish(UserCreated { id: 1 });
    events.publish(OrderPaid);
    assert_eq!(record.names(), ["user.created", "order.paid"]);
    assert_eq!(*record.of::<UserCreated>()[0], UserCreated { id: 1 });
    assert_eq!(record.all().len(), 2);
    close(running).await;
}

#[tokio::test]
async fn the_memory_bus_passes_its_conformance() {
    let bus = MemoryBus::default();
    within(conformance::check(&bus, &bus.clone()))
        .await
        .unwrap();
}

#[tokio::test]
async fn events_reach_two_apps_on_one_bus_once() {
    let bus = MemoryBus::default();
    let (first, second) = (Log::default(), Log::default());
    let time = time();
    let app = |log: &Log| with_mailer(&time, log).supply(bus.port());
    let (one, here) = boot(app(&first)).await;
    let (other, there) = boot(app(&second)).await;
    let mut local = here.matching("**").unwrap();
    let mut remote = there.matching("**").unwrap();
    here.publish(UserCreated { id: 1 });
    here.publish(AddressChanged { id: 1 });
    let event = within(remote.recv()).await.unwrap();
    assert_eq!(
        (event.name(), event.is_remote(), event.at()),
        ("user.created", true, EPOCH)
    );
    assert_eq!(event.get::<UserCreated>().unwrap().id, 1);
    assert_eq!(
        within(remote.recv()).await.unwrap().name(),
        "user.address.changed"
    );
    assert!(!within(local.recv()).await.unwrap().is_remote());
    within(local.recv()).await.unwrap();
    // Back: by then both apps would have got the others twice.
    there.publish(UserCreated { id: 2 });
    assert!(within(local.recv()).await.unwrap().is_remote());
    assert!(!within(remote.recv()).await.unwrap().is_remote());
    within(here.flush()).await;
    within(there.flush()).await;
    for log in [first, second] {
        assert_eq!(log.take(), ["created 1", "changed 1", "created 2"]);
    }
    assert_eq!(here.history("**", 10).unwrap().len(), 3);
    drop((local, remote));
    close(one).await;
    close(other).await;
}

#[tokio::test]
async fn local_delivery_goes_on_while_the_bus_is_down() {
    let (bus, time) = (MemoryBus::default(), time());
    let (log, other_log) = (Log::default(), Log::default());
    let (one, here) = boot(with_mailer(&time, &log).supply(bus.port())).await;
    let (other, there) = boot(with_mailer(&time, &other_log).supply(bus.port())).await;
    here.check().await.unwrap();
    assert!(!here.critical());

    bus.cut();
    here.publish(UserCreated { id: 1 });
    here.publish(UserCreated { id: 2 });
    within(here.flush()).await;
    until(|| log.0.lock().unwrap().len() == 3).await;
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen[..2], ["created 1", "created 2"]);
    assert!(seen[2].contains("the bus is down"), "{seen:?}");
    assert!(here.check().await.is_err());

    bus.mend();
    time.advance(Duration::from_secs(1)).await;
    until(|| bus.subscriptions() == 2).await;
    here.check().await.unwrap();
    here.publish(UserCreated { id: 3 });
    until(|| {
        other_log
            .0
            .lock()
            .unwrap()
            .contains(&"created 3".to_owned())
    })
    .await;
    within(there.flush()).await;
    // Events that were published meanwhile are dropped, and not sent late.
    let seen: Vec<_> = other_log.take();
    assert!(!seen.contains(&"created 1".to_owned()), "{seen:?}");
    close(one).await;
    close(other).await;
}

#[tokio::test]
async fn an_app_boots_while_the_bus_is_down() {
    let (bus, time) = (MemoryBus::default(), time());
    bus.cut();
    let (running, events) = boot(app(&time, &Log::default()).supply(bus.port())).await;
    let mut created = events.on::<UserCreated>();
    events.publish(UserCreated { id: 1 });
    assert_eq!(within(created.recv()).await.unwrap().id, 1);
    assert!(events.check().await.is_err());
    drop(created);
    close(running).await;
}

#[tokio::test]
async fn what_waits_for_the_bus_is_sent_before_the_app_closes() {
    let (bus, time) = (MemoryBus::default(), time());
    let (one, here) = boot(app(&time, &Log::default()).supply(bus.port())).await;
    let (other, there) = boot(app(&time, &Log::default()).supply(bus.port())).await;
    let mut remote = there.on::<UserCreated>();
    for id in 0..100 {
        here.publish(UserCreated { id });
    }
    drop(here);
    close(one).await;
    for id in 0..100 {
        assert_eq!(within(remote.recv()).await.unwrap().id, id);
    }
    drop(remote);
    close(other).await;
}

#[tokio::test]
async fn messages_that_cannot_be_read_are_reported_and_unknown_events_match_patterns() {
    let (bus, log) = (MemoryBus::default(), Log::default());
    let (running, events) = boot(app(&time(), &log).supply(bus.port())).await;
    let mut all = events.matching("**").unwrap();
    let mut created = events.on::<UserCreated>();
    let send = async |body: serde_json::Value| {
        let message = json!({ "from": "another", "body": body }).to_string();
        bus.publish("events", message.into_bytes()).await.unwrap();
    };
    bus.publish("events", b"no json".to_vec()).await.unwrap();
    let event = |name: &str, version: u16, payload: serde_json::Value| json!({ "name": name, "version": version, "at": 1000, "payload": payload });
    send(event("user.created", 1, json!({ "id": "no number" }))).await;
    send(event("of.another.service", 1, json!([7]))).await;
    send(event("user.created", 2, json!({ "key": 7 }))).await;
    send(event("user.created", 1, json!({ "id": 7 }))).await;
    let unknown = within(all.recv()).await.unwrap();
    assert_eq!(
        (unknown.name(), unknown.payload().unwrap()),
        ("of.another.service", json!([7]))
    );
    assert_eq!(unknown.at(), EPOCH + Duration::from_secs(1));
    // A version that this program does not know is not read as its type.
    assert_eq!(within(all.recv()).await.unwrap().version(), 2);
    assert_eq!(within(created.recv()).await.unwrap().id, 7);
    until(|| log.0.lock().unwrap().len() == 2).await;
    let seen = log.take();
    assert!(
        seen.iter()
            .all(|it| it.contains("a message of the bus on `events` can't be read")),
        "{seen:?}"
    );
    drop((all, created));
    close(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_readers_get_events_of_many_threads_in_one_order() {
    let (running, events) = boot_alone().await;
    let mut one = events.on::<UserCreated>();
    let mut other = events.matching("user.*").unwrap();
    let threads = (0..4u32).map(|thread| {
        let events = (*events).clone();
        tokio::task::spawn_blocking(move || {
            for id in 0..200 {
                events.publish(UserCreated {
                    id: thread * 1000 + id,
                });
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        within(thread).await.unwrap();
    }
    let mut last = [None; 4];
    for _ in 0..800 {
        let event = within(one.recv()).await.unwrap();
        let same = within(other.recv())
            .await
            .unwrap()
            .get::<UserCreated>()
            .unwrap();
        assert_eq!(event, same);
        let (thread, id) = (event.id / 1000, event.id % 1000);
        assert!(last[thread as usize].replace(id) < Some(id));
    }
    drop((one, other));
    close(running).await;
}

#[tokio::test]
async fn a_collected_app_runs_its_handlers() {
    let log = Log::default();
    let app = App::only(Collected::default()).supply(log.clone());
    let (running, events) = boot(app).await;
    events.publish(OrderPaid);
    within(events.flush()).await;
    assert_eq!(log.take(), ["collected"]);
    close(running).await;
}

#[event_handler(OrderPaid)]
struct Collected {
    log: State<Log>,
}

impl Hooks for Collected {}

impl Handler<OrderPaid> for Collected {
    async fn handle(&self, _: &OrderPaid, _: &EventContext) -> Result<()> {
        self.log.note("collected");
        Ok(())
    }
}

#[test]
fn events_are_counted() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let log = Log::default();
            let configuration = Configuration::new().set("events.queue", 2);
            let app = with_mailer(&time(), &log).configure(configuration);
            let (running, events) = boot(app).await;
            let mut created = events.on::<UserCreated>();
            for id in [1, 500, 2] {
                events.publish(UserCreated { id });
                within(events.flush()).await;
            }
            assert_eq!(
                within(created.recv()).await.unwrap_err(),
                RecvError::Lagged(1)
            );
            drop(created);
            close(running).await;
        });
    });
    let counted = snapshotter.snapshot().into_vec().into_iter();
    let counted = counted.map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(metrics::Label::value).collect();
        let DebugValue::Counter(count) = value else {
            panic!("a counter")
        };
        format!("{} {} {count}", key.key().name(), labels.join(" "))
    });
    let mut counted: Vec<_> = counted.collect();
    counted.sort();
    let expected = [
        "events_handled_total mailer failed 1",
        "events_handled_total mailer ok 2",
        "events_lagged_total subscription 1",
        "events_published_total user.created 3",
    ];
    assert_eq!(counted, expected);
}

#[test]
fn errors_of_subscriptions_say_what_to_do() {
    let text = RecvError::Lagged(3).to_string();
    assert_eq!(
        text,
        "the subscription missed 3 events: read faster, or set `events.queue` to more"
    );
    let _ = anyhow!(RecvError::Closed);
}

/// A bus that takes messages, and can't be subscribed to.
#[derive(Default)]
struct Deaf {
    sent: AtomicUsize,
}

#[async_trait]
impl EventBus for Deaf {
    async fn publish(&self, _: &str, _: Vec<u8>) -> Result<()> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn subscribe(&self, _: &str) -> Result<BoxStream<'static, Vec<u8>>> {
        bail!("no subscription")
    }
}

#[tokio::test]
async fn a_bus_that_only_sends_is_unhealthy_and_reported_once() {
    let (bus, time, log) = (Arc::new(Deaf::default()), time(), Log::default());
    let port: Arc<dyn EventBus> = bus.clone();
    let (running, events) = boot(app(&time, &log).supply(Port::from_arc(port))).await;
    for sent in 1..=3 {
        events.publish(UserCreated { id: 1 });
        until(|| bus.sent.load(Ordering::SeqCst) == sent).await;
        time.advance(Duration::from_secs(1)).await;
        assert!(events.check().await.is_err());
    }
    let reported = log.take();
    assert_eq!(reported.len(), 1, "{reported:?}");
    drop(events);
    close(running).await;
}

#[tokio::test]
async fn handlers_without_time_are_an_error_of_the_boot() {
    let plugin = EventHandlersPlugin::default().handler_timeout(Duration::ZERO);
    let app = App::new().supply(time().clock());
    let app = app.with(EventsPlugin::default()).with(plugin);
    let text = within(app.boot()).await.unwrap_err().render();
    assert!(
        text.contains("[event-handlers] Plugin load failed"),
        "{text}"
    );
    assert!(text.contains("`handler_timeout` is zero"), "{text}");
}

#[event_handler(UserCreated, name = "storing", collect = never)]
struct Storing {
    log: State<Log>,
}

impl Hooks for Storing {}

impl Handler<UserCreated> for Storing {
    async fn handle(&self, event: &UserCreated, _: &EventContext) -> Result<()> {
        // Real time, as that of a database.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.log
            .0
            .lock()
            .unwrap()
            .push(format!("stored {}", event.id));
        Ok(())
    }
}

/// Also beyond the limit of a handler, and also if it has not seen the event yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn virtual_time_waits_until_events_are_handled() {
    let (time, log) = (time(), Log::default());
    let app = app(&time, &log).with(EventHandlersPlugin::default());
    let (running, events) = boot(app.with(Storing::default())).await;
    for id in 0..20 {
        events.publish(UserCreated { id });
        time.advance(Duration::from_mins(10)).await;
        assert_eq!(log.take(), [format!("stored {id}")]);
    }
    close(running).await;
}
