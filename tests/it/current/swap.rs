//! States whose content may be replaced, in the open.

use std::sync::Arc;

use bootstrap::Swap;
use bootstrap::prelude::*;
use support::{Trace, paused};

struct Table(u32);

struct Rates(Swap<Table>);

impl std::ops::Deref for Rates {
    type Target = Swap<Table>;

    fn deref(&self) -> &Swap<Table> {
        &self.0
    }
}

#[plugin(collect = never, states = [Rates])]
struct RatesPlugin;

impl Hooks for RatesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Rates> {
        Ok(Rates(Swap::new(Table(1))))
    }
}

/// Follows the table.
#[plugin(collect = never)]
struct Follower {
    rates: State<Rates>,
    #[option]
    trace: Trace,
}

impl Hooks for Follower {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let mut watch = self.rates.0.watch();
        loop {
            tokio::select! {
                Some(table) = watch.changed() => self.trace.add(table.0),
                () = cx.stopped() => return Ok(()),
            }
        }
    }
}

/// R64: who has the old content keeps it, and everybody else has the new one at once.
#[test]
fn the_content_of_a_state_is_replaced_while_the_app_runs() {
    paused(async {
        let trace = Trace::new();
        let follower = Follower {
            trace: trace.clone(),
            ..Follower::default()
        };
        let app = App::new().with(RatesPlugin).with(follower);
        let running = app.boot().await.unwrap();
        let (rates, same) = (
            running.try_get::<State<Rates>>().unwrap(),
            running.try_get::<State<Rates>>().unwrap(),
        );
        let kept = rates.0.load();
        tokio::task::yield_now().await;
        assert_eq!(rates.0.replace(Table(2)).0, 1);
        assert_eq!((kept.0, same.0.load().0), (1, 2));
        tokio::task::yield_now().await;
        let set = running
            .current()
            .enter_sync(|| State::<Rates>::set(Table(3)));
        assert_eq!(set.unwrap().0, 2);
        tokio::task::yield_now().await;
        assert_eq!(rates.0.update(|table| Table(table.0 * 2)).0, 3);
        tokio::task::yield_now().await;
        assert_eq!(trace.events(), ["2", "3", "6"]);
        running.close().await.unwrap();
    });
}

#[test]
fn a_watch_sees_the_last_of_several_changes_and_the_end() {
    paused(async {
        let swap = Swap::new(1);
        swap.replace(2);
        let mut watch = swap.watch();
        assert_eq!(*watch.load(), 2);
        swap.replace(3);
        swap.replace(4);
        assert_eq!(watch.changed().await.as_deref(), Some(&4));
        let mut other = watch.clone();
        swap.replace(5);
        drop(swap);
        assert_eq!(watch.changed().await.as_deref(), Some(&5));
        assert_eq!(watch.changed().await, None);
        assert_eq!(other.changed().await.as_deref(), Some(&5));
        assert_eq!(*other.load(), 5);
    });
}

#[test]
fn an_update_loses_nothing_that_others_replace_meanwhile() {
    let count = Arc::new(Swap::new(0_u32));
    let add = || {
        let count = Arc::clone(&count);
        std::thread::spawn(move || {
            for _ in 0..1_000 {
                count.update(|count| count + 1);
            }
        })
    };
    let threads = [add(), add(), add(), add()];
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*count.load(), 4_000);
}

#[test]
fn a_swap_is_made_of_its_value_and_does_not_print_it() {
    let (made, default) = (Swap::from(7), Swap::<u32>::default());
    assert_eq!((*made.load(), *default.load()), (7, 0));
    assert_eq!(
        format!("{made:?} {:?}", default.watch()),
        "Swap<i32> SwapWatch<u32>"
    );
}

/// What somebody else provides, for a plugin to write to.
#[bootstrap::supplied]
struct Logger(Swap<Option<&'static str>>);

#[plugin(collect = never)]
struct LoggerPlugin {
    out: State<Logger>,
}

impl Hooks for LoggerPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.out.0.replace(Some("ready to write"));
        Ok(())
    }
}

/// Depends on what the plugin writes, so it comes after that.
#[plugin(collect = never, after = [LoggerPlugin])]
struct Reader {
    logger: State<Logger>,
    #[option]
    trace: Trace,
}

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.trace.add(self.logger.0.load().unwrap_or("nothing"));
        Ok(())
    }
}

/// R7: the state is the caller's, who gives it to a plugin to write to, and to others to read.
#[test]
fn a_plugin_writes_to_a_state_that_its_caller_provides() {
    paused(async {
        let trace = Trace::new();
        let reader = Reader {
            trace: trace.clone(),
            ..Reader::default()
        };
        let logger = Swap::new(None);
        let mut caller = logger.watch();
        let app = App::new()
            .with(reader)
            .with(LoggerPlugin::default())
            .supply(Logger(logger));
        let running = app.boot().await.unwrap();
        assert_eq!(trace.events(), ["ready to write"]);
        assert_eq!(*caller.changed().await.unwrap(), Some("ready to write"));
        let logger = running.try_get::<State<Logger>>().unwrap();
        assert_eq!(*logger.0.load(), Some("ready to write"));
        running.close().await.unwrap();
    });
}
