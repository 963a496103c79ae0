//! A part of an app: a plugin alone, a mock in the place of another, no background work.

use std::time::Duration;

use bootstrap::lifecycle::{Phase, Status};
use bootstrap::plugin_fn;
use bootstrap::prelude::*;
use bootstrap::testing::{Fault, paused, paused_with_io};
use tokio::time::{Instant, sleep, timeout};

use crate::plugins::{Clock, Database, Http, StoppedClock, SystemClock};

pub struct Greeting(&'static str);

#[plugin(states = [Greeting], collect = never)]
struct Greeter {
    clock: State<Clock>,
}

impl Hooks for Greeter {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Greeting> {
        Ok(Greeting(if self.clock.0 < 12 {
            "good morning"
        } else {
            "good evening"
        }))
    }
}

#[test]
fn a_plugin_alone_has_what_it_is_supplied_with_and_nothing_else() {
    paused(async {
        let mut app = App::new().with(Greeter::default()).supply(Clock(20));
        let record = app.record();
        let running = app.boot().await?;
        assert_eq!(running.try_get::<State<Greeting>>()?.0, "good evening");
        running.close().await?;
        let own = record.of("greeter").begun();
        own.assert_eq(["greeter: load", "greeter: close"]);
        anyhow::Ok(())
    })
    .unwrap();
}

#[test]
fn a_plugin_alone_that_lacks_something_is_an_error_of_the_plan() {
    let errors = App::new()
        .with(Http::default())
        .plan()
        .unwrap_err()
        .to_string();
    assert!(
        errors.contains("`http`") && errors.contains("Pool"),
        "{errors}"
    );
}

/// R61: a plugin is tested with a mock in the place of another, which is not loaded, nor is what
/// only that needed.
#[test]
fn a_mock_takes_the_place_of_a_plugin() {
    paused(async {
        let mut app = App::only(Greeter::default()).with(StoppedClock);
        let record = app.record();
        let running = app.boot().await?;
        assert_eq!(running.try_get::<State<Greeting>>()?.0, "good morning");
        running.close().await?;
        record
            .phase(Phase::Load)
            .begun()
            .assert_eq(["stopped-clock: load", "greeter: load"]);
        anyhow::Ok(())
    })
    .unwrap();
    let _ = SystemClock::default;
}

/// D61: everything is there, in memory, and no background work begins.
#[test]
fn an_app_can_be_tested_without_its_tasks() {
    paused(async {
        let mut app = App::new().with(Database).with(Http::default());
        app.register(plugin_fn("mailer", async |cx| {
            cx.spawn("outbox", async |_| panic!("it has been started"));
            Ok(())
        }));
        let mut app = app.without_tasks();
        let record = app.record();
        let running = app.boot().await?;
        sleep(Duration::from_mins(1)).await;
        assert_eq!(running.status(), Status::Ready);
        running.close().await?;
        assert!(record.phase(Phase::Run).events().is_empty());
        record.assert_before("http: drain", "http: close");
        anyhow::Ok(())
    })
    .unwrap();
}

#[test]
fn a_paused_clock_waits_for_what_happens_outside() {
    paused_with_io(Duration::from_millis(60), async {
        for _ in 0..3 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                std::thread::park_timeout(Duration::from_millis(5));
                let _ = sender.send(7);
            });
            let answer = timeout(Duration::from_secs(1), receiver).await;
            assert_eq!(answer.unwrap().unwrap(), 7);
        }
    });
}

#[test]
fn a_paused_clock_moves_to_each_timer_in_turn_also_when_it_waits_for_what_is_outside() {
    paused_with_io(Duration::from_millis(2), async {
        let began = Instant::now();
        let limited =
            async { timeout(Duration::from_secs(8), sleep(Duration::from_secs(6))).await };
        let near = async {
            for _ in 0..5 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let (limited, ()) = tokio::join!(limited, near);
        assert!(limited.is_ok());
        assert_eq!(began.elapsed(), Duration::from_secs(6));
    });
}

#[test]
fn sockets_work_on_a_paused_clock() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    paused_with_io(Duration::from_millis(50), async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            for _ in 0..20 {
                let byte = socket.read_u8().await.unwrap();
                socket.write_u8(byte).await.unwrap();
            }
        });
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        for byte in 0..20 {
            let limit = Duration::from_millis(100);
            let answer = async {
                client.write_u8(byte).await.unwrap();
                client.read_u8().await.unwrap()
            };
            assert_eq!(timeout(limit, answer).await.unwrap(), byte);
        }
        echo.await.unwrap();
    });
}

#[test]
fn a_fault_is_part_of_a_test_of_one_plugin() {
    let app = App::new().with(Greeter::default()).supply(Clock(3));
    let fault = Fault::of::<Greeter>(Phase::Load).fail("mute");
    let error = paused(app.fault(fault).boot()).unwrap_err();
    assert_eq!(error.to_string(), "[greeter] Plugin load failed: mute");
}

pub struct Book;

#[plugin(states = [Book])]
struct Library;

impl Hooks for Library {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Book> {
        Ok(Book)
    }
}

#[plugin]
struct Reader {
    book: State<Book>,
}

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let Book = *self.book;
        Ok(())
    }
}

/// S73: of a collected app only the part that is named, without what a replacement or a supplied state
/// takes the place of.
#[test]
fn a_part_of_a_collected_app_is_what_is_named_and_what_that_needs() {
    let names = |app: App| {
        let plan = app.plan().unwrap();
        let names = plan.order().map(|plugin| plugin.name().to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(App::only(["reader"])), ["library", "reader"]);
    assert_eq!(names(App::only(["library"])), ["library"]);
    let supplied = App::only(["reader"]).supply(Book).plan().unwrap();
    assert!(!format!("{supplied:?}").contains("library"), "{supplied:?}");

    let errors = App::only(["raeder"]).plan().unwrap_err().to_string();
    assert!(errors.contains("raeder"), "{errors}");
}
