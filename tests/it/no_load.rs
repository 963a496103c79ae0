//! Plugins without a `load`: everything else about them is as usual.

use bootstrap::prelude::*;
use support::{Trace, paused};

struct Value(Trace);

#[plugin(states = [Value], collect = never)]
struct Source {
    #[option(required)]
    trace: Trace,
}

impl Hooks for Source {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Value> {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        self.trace.add("load of the source");
        Ok(Value(self.trace.clone()))
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.trace.add("close of the source");
        Ok(())
    }
}

/// Depends on a state, and has every hook but `load`.
#[plugin(collect = never)]
struct Consumer {
    value: State<Value>,
    #[local]
    memory: Vec<u8>,
}

impl Hooks for Consumer {
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        assert!(self.memory.is_empty());
        self.value.0.add("ready of the consumer");
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        cx.stopped().await;
        self.value.0.add("end of the consumer's run");
        Ok(())
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.value.0.add("drain of the consumer");
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        // What `load` would have returned.
        let () = cx.states();
        self.value.0.add("close of the consumer");
        Ok(())
    }
}

#[test]
fn a_plugin_without_a_load_has_its_fields_in_every_other_hook() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(Consumer::default());
        app.register(Source {
            trace: trace.clone(),
        });
        let running = app.boot().await.unwrap();
        let report = running.close().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load of the source",
                "ready of the consumer",
                "drain of the consumer",
                "end of the consumer's run",
                "close of the consumer",
                "close of the source",
            ]
        );
        let consumer = report.plugin("consumer").unwrap();
        assert_eq!(consumer.load.outcome, bootstrap::report::Outcome::Done);
    });
}

#[plugin(collect = never)]
struct Marker {
    value: State<Value>,
}

impl Hooks for Marker {}

/// It counts as loaded only once everything that it requires has loaded.
#[test]
fn a_plugin_without_any_hook_keeps_its_place_in_the_order() {
    #[plugin(after = [Marker], collect = never)]
    struct Last {
        #[option(required)]
        trace: Trace,
    }

    impl Hooks for Last {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            self.trace.add("load of the last");
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Last {
                trace: trace.clone(),
            })
            .with(Marker::default())
            .with(Source {
                trace: trace.clone(),
            });
        let running = app.boot().await.unwrap();
        assert_eq!(trace.take(), ["load of the source", "load of the last"]);
        running.close().await.unwrap();
    });
}

/// One of a generic plugin is written or not for all of its types.
#[test]
fn a_generic_plugin_needs_no_load_either() {
    #[plugin(collect = never)]
    struct Generic<T: Send + Sync + 'static> {
        #[option(required)]
        value: T,
    }

    impl<T: Send + Sync + 'static> Hooks for Generic<T> {}

    paused(async {
        let generic = Generic { value: 7_u8 };
        assert_eq!(generic.value, 7);
        let running = App::new().with(generic).boot().await.unwrap();
        running.close().await.unwrap();
    });
}

#[test]
fn children_and_restarts_need_no_load() {
    #[plugin(collect = never)]
    struct Child {
        value: State<Value>,
    }

    impl Hooks for Child {
        async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
            self.value.0.add("ready of the child");
            Ok(())
        }
    }

    #[plugin(collect = never)]
    struct Parent {
        value: State<Value>,
    }

    impl Hooks for Parent {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            let () = cx.register(Child::default()).await?;
            self.value.0.add("load of the parent");
            Ok(())
        }
    }

    paused(async {
        let trace = Trace::new();
        let mut app = App::new().with(Parent::default());
        let source = app.register(Source {
            trace: trace.clone(),
        });
        let running = app.boot().await.unwrap();
        trace.take();
        running.restart(&source).await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "close of the source",
                "load of the source",
                "load of the parent",
                "ready of the child",
            ]
        );
        running.close().await.unwrap();
    });
}
