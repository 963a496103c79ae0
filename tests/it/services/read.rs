//! Reading services by name, and setting them at run time.

use std::sync::Arc;

use bootstrap::App;
use bootstrap::prelude::*;
use bootstrap::service::ServiceError;
use support::{Trace, fails, paused, succeeds};

use super::{Noted, makes};

/// Reads the service in every hook that may.
#[plugin(collect = never)]
struct Reads {
    #[option]
    trace: Trace,
}

impl Reads {
    fn note(&self, hook: &str, found: Result<Arc<u32>, ServiceError>) {
        match found {
            Ok(value) => self.trace.add(format_args!("{hook}: {value}")),
            Err(error) => self.trace.add(format_args!("{hook}: {error}")),
        }
    }
}

impl Hooks for Reads {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        self.note("ready", cx.service("port"));
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        self.note("run", cx.service("port"));
        cx.stopped().await;
        anyhow::bail!("sore")
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        self.note("drain", cx.service("port"));
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        self.note("close", cx.service("port"));
        cx.set_service("port", 1).unwrap_err();
        Ok(())
    }
}

/// D10: every context after the start of services reads them; those of `close` come too late.
#[test]
fn every_context_reads_services_by_name() {
    paused(async {
        let trace = Trace::new();
        let (hook, error) = (trace.clone(), trace.clone());
        let app = App::new()
            .with(Reads {
                trace: trace.clone(),
            })
            .service("port", async |_| Ok(8080_u32))
            .on_ready(async move |cx| {
                hook.add(format_args!("on_ready: {}", cx.service::<u32>("port")?));
                Ok(())
            })
            .on_error(move |cx| {
                let port = cx.service::<u32>("port");
                error.add(format_args!("on_error: {}", port.unwrap()));
                async { Ok(()) }
            });
        let running = app.boot().await.unwrap();
        assert_eq!(*running.service::<u32>("port").unwrap(), 8080);
        tokio::task::yield_now().await;
        running.close().await.unwrap_err();
        assert_eq!(
            trace.events(),
            [
                "ready: 8080",
                "on_ready: 8080",
                "run: 8080",
                "drain: 8080",
                "on_error: 8080",
                "close: [port] the services of this app are gone: they are let go of before the \
                 first plugin closes; use them in `drain`, or in `App::on_close`"
            ]
        );
    });
}

/// D11: visible at once, for everybody, of whatever type; the one from before is handed back.
#[test]
fn a_service_is_set_at_run_time() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .service("noted", makes(&trace, "noted", succeeds()))
            .on_ready(async |cx| {
                let before = cx.set_service("conn", 7_u32)?;
                anyhow::ensure!(before.is_none());
                Ok(())
            })
            .on_ready(async |cx| {
                anyhow::ensure!(*cx.service::<u32>("conn")? == 7);
                Ok(())
            });
        let running = app.boot().await.unwrap();
        let before = running.set_service("conn", "text").unwrap().unwrap();
        assert_eq!(before.downcast_ref::<u32>(), Some(&7));
        assert_eq!(*running.service::<&str>("conn").unwrap(), "text");

        let before = running.set_service("noted", ()).unwrap().unwrap();
        assert_eq!(trace.count("drop(noted)"), 0, "it is the caller's now");
        assert!(before.is::<Noted>());
        drop(before);
        assert_eq!(trace.count("drop(noted)"), 1);
        running.close().await.unwrap();
    });
}

/// What is set later is dropped earlier.
#[test]
fn a_service_that_was_set_is_dropped_before_those_that_came_earlier() {
    paused(async {
        let trace = Trace::new();
        let noted = |name| Noted {
            name,
            trace: trace.clone(),
        };
        let app = App::new()
            .service("a", makes(&trace, "a", succeeds()))
            .service("b", makes(&trace, "b", succeeds()));
        let running = app.boot().await.unwrap();
        running.set_service("c", noted("c")).unwrap();
        drop(running.set_service("a", noted("another a")).unwrap());
        trace.take();
        running.close().await.unwrap();
        assert_eq!(trace.take(), ["drop(another a)", "drop(c)", "drop(b)"]);
    });
}

/// A factory has the last word, and what was set before it starts is let go of.
#[test]
fn a_service_that_was_set_before_it_starts_is_replaced_by_its_factory() {
    paused(async {
        let trace = Trace::new();
        let early = Noted {
            name: "early",
            trace: trace.clone(),
        };
        let app = App::new()
            .service("a", makes(&trace, "a", succeeds()))
            .on_loaded(async move |cx| {
                cx.set_service("a", early)?;
                Ok(())
            });
        let running = app.boot().await.unwrap();
        assert_eq!(trace.take(), ["make(a)+", "make(a)-", "drop(early)"]);
        assert_eq!(running.service::<Noted>("a").unwrap().name, "a");
        running.close().await.unwrap();
    });
}

/// D32: a factory may say that there is no such service here.
#[test]
fn a_service_may_be_disabled() {
    paused(async {
        let app = App::new()
            .service_if("mailer", async |_| Ok(None::<u32>))
            .service_if("cache", async |_| Ok(Some(3_u32)));
        let running = app.boot().await.unwrap();
        assert_eq!(*running.service::<u32>("cache").unwrap(), 3);
        let error = running.service::<u32>("mailer").unwrap_err();
        assert!(matches!(&error, ServiceError::Disabled { service } if service == "mailer"));
        assert_eq!(
            error.to_string(),
            "[mailer] the service is disabled: its factory returned `None`; do without it, or \
             configure it"
        );
        assert!(running.set_service("mailer", 1_u32).unwrap().is_none());
        assert_eq!(*running.service::<u32>("mailer").unwrap(), 1);
        running.close().await.unwrap();
    });
}

#[test]
fn a_service_that_is_not_there_is_an_error_with_those_that_are() {
    paused(async {
        let running = App::new().boot().await.unwrap();
        assert_eq!(
            running.service::<u32>("mailer").unwrap_err().to_string(),
            "[mailer] this app has no services: register it, with `App::service`"
        );
        running.close().await.unwrap();

        let app = App::new()
            .service("cache", async |_| Ok(()))
            .service("auth", async |_| Ok(()));
        let running = app.boot().await.unwrap();
        let error = running.service::<u32>("mailer").unwrap_err();
        assert_eq!(
            error.to_string(),
            "[mailer] no service of this app has this name, only `auth`, `cache`: register it, \
             with `App::service`"
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_service_of_another_type_is_an_error_that_names_both() {
    mod other {
        pub(super) struct Noted;
    }
    paused(async {
        let trace = Trace::new();
        let app = App::new().service("a", makes(&trace, "a", succeeds()));
        let running = app.boot().await.unwrap();
        assert_eq!(
            running.service::<u32>("a").unwrap_err().to_string(),
            "[a] the service is a `Noted`, not a `u32`: ask for what it is"
        );
        let Err(error) = running.service::<other::Noted>("a") else {
            panic!("it is of another type");
        };
        let said = error.to_string();
        assert!(said.contains("services::Noted`, not a `"), "{said}");
        assert!(said.contains("::other::Noted`"), "{said}");
        running.close().await.unwrap();
    });
}

/// D23: an error from outside of any hook has a context as well, and what that reads may be absent.
#[test]
fn an_error_is_heard_of_with_a_context_whatever_is_there_by_then() {
    paused(async {
        let trace = Trace::new();
        let heard = trace.clone();
        let app = App::new()
            .service("mailer", async |_| Ok(()))
            .with(support::Probe::new("fails", &Trace::new()).load(fails("no")))
            .on_error(move |cx| {
                heard.add(cx.service::<()>("mailer").is_err());
                heard.add(cx.try_get::<State<u32>>().is_err());
                heard.add(cx.error());
                async { Ok(()) }
            });
        app.boot().await.unwrap_err();
        assert_eq!(
            trace.events(),
            ["true", "true", "[fails] Plugin load failed: no"]
        );
    });
}
