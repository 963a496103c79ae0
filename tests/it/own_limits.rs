//! How long a hook may still take, and errors that no hook returns.

use std::time::Duration;

use bootstrap::prelude::*;
use support::{Trace, paused};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[plugin(name = "limited", load_timeout = "5s", close_timeout = "3s", collect = never)]
struct Limited {
    #[option]
    trace: Trace,
}

impl Hooks for Limited {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        self.trace.add(format_args!("load {:?}", cx.remaining()));
        sleep(SECOND).await;
        self.trace.add(format_args!("load {:?}", cx.remaining()));
        cx.progress("half");
        self.trace.add(format_args!("load {:?}", cx.remaining()));
        Ok(())
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        self.trace.add(format_args!("ready {:?}", cx.remaining()));
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        self.trace.add(format_args!("run {:?}", cx.remaining()));
        cx.stopped().await;
        Ok(())
    }

    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        self.trace.add(format_args!("drain {:?}", cx.remaining()));
        sleep(SECOND).await;
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        self.trace.add(format_args!("close {:?}", cx.remaining()));
        Ok(())
    }
}

async fn remaining(change: impl FnOnce(App) -> App) -> Vec<String> {
    let trace = Trace::new();
    let app = change(App::new().with(Limited::default().trace(trace.clone())));
    let running = app.boot().await.unwrap();
    sleep(SECOND).await;
    running.close().await.unwrap();
    trace.events()
}

#[test]
fn what_remains_is_the_least_of_the_own_limit_and_of_the_whole() {
    paused(async {
        assert_eq!(
            remaining(|app| app).await,
            [
                "load Some(5s)",
                "load Some(4s)",
                "load Some(5s)",
                "ready Some(5s)",
                "run None",
                "drain Some(3s)",
                "close Some(3s)",
            ]
        );
        let whole = |app: App| app.boot_timeout(3 * SECOND).shutdown_timeout(2 * SECOND);
        assert_eq!(
            remaining(whole).await,
            [
                "load Some(3s)",
                "load Some(2s)",
                "load Some(2s)",
                "ready Some(2s)",
                "run None",
                "drain Some(2s)",
                "close Some(1s)",
            ]
        );
    });
}

#[test]
fn a_hook_without_limits_has_no_end() {
    #[plugin(name = "free", collect = never)]
    struct Free;

    impl Hooks for Free {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            assert_eq!(cx.remaining(), None);
            Ok(())
        }
    }

    paused(async {
        App::new()
            .with(Free)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    });
}

/// D22: what a plugin catches reaches those who track errors, and stops nothing.
#[test]
fn an_error_that_is_reported_reaches_on_error_and_stops_nothing() {
    #[plugin(name = "consumer", collect = never)]
    struct Consumer;

    impl Hooks for Consumer {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            cx.report_error(anyhow::anyhow!("cold"));
            Ok(())
        }

        async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
            cx.report_error(anyhow::anyhow!("odd message"));
            cx.handle()
                .report_error("kafka", anyhow::anyhow!("lost a partition"));
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let heard = trace.clone();
        let app = App::new().with(Consumer).on_error(move |cx| {
            heard.add(cx.error());
            async { Ok(()) }
        });
        let running = app.boot().await.unwrap();
        running.close().await.unwrap();
        let mut events = trace.events();
        events.sort();
        assert_eq!(
            events,
            [
                "[consumer] Plugin load failed: cold",
                "[consumer] Plugin ready failed: odd message",
                "[kafka] Plugin run failed: lost a partition",
            ]
        );
    });
}
