//! Where the current app goes, and where only who takes it along.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{Current, RequestScope, RequestState};
use support::{Probe, Trace, act, paused};

use super::{Config, config, note_hook};

#[test]
fn what_is_spawned_by_hand_is_in_no_app_unless_it_is_taken_along() {
    paused(async {
        let app = App::new().supply(Config("here")).on_start(async |_| {
            let bare = tokio::spawn(async { config().is_ok() }).await?;
            assert!(!bare);
            let bare = tokio::task::spawn_blocking(|| config().is_ok()).await?;
            assert!(!bare);

            let current = Current::try_current()?;
            let spawned = current.spawn(async { config() }).await?;
            assert_eq!(spawned?, "here");
            let entered = tokio::spawn(current.enter(async {
                tokio::task::yield_now().await;
                config()
            }));
            assert_eq!(entered.await??, "here");
            let blocking = move || current.enter_sync(config);
            assert_eq!(tokio::task::spawn_blocking(blocking).await??, "here");
            Ok(())
        });
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn what_is_taken_along_still_tells_of_its_hook() {
    paused(async {
        let trace = Trace::new();
        let (noted, spawned) = (trace.clone(), Arc::new(Mutex::new(None)));
        let task = Arc::clone(&spawned);
        let ready = act(move || {
            let (trace, task) = (noted.clone(), Arc::clone(&task));
            async move {
                let later = Current::try_current()?.spawn(async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    note_hook(&trace);
                });
                *task.lock().unwrap() = Some(later);
                Ok(())
            }
        });
        let app = App::new().with(Probe::new("a", &Trace::new()).ready(ready));
        let running = app.boot().await.unwrap();
        let later = spawned.lock().unwrap().take().unwrap();
        later.await.unwrap();
        assert_eq!(trace.events(), ["a: ready"]);
        running.close().await.unwrap();
    });
}

/// Notes what it can read when it is dropped.
struct Reads(Trace);

impl Drop for Reads {
    fn drop(&mut self) {
        self.0.add(config().unwrap_or("nothing"));
    }
}

#[test]
fn a_future_that_is_dropped_is_in_its_app_meanwhile() {
    paused(async {
        let running = App::new().supply(Config("here")).boot().await.unwrap();
        let trace = Trace::new();
        let hangs = || {
            let reads = Reads(trace.clone());
            async move {
                let _reads = reads;
                std::future::pending::<()>().await;
            }
        };
        let task = running.current().spawn(hangs());
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        // Also one that was never polled.
        drop(running.current().enter(hangs()));
        drop(hangs());
        assert_eq!(trace.events(), ["here", "here", "nothing"]);
        running.close().await.unwrap();
    });
}

/// S37: to enter one's own app changes nothing about who waits for whom.
#[test]
fn a_hook_that_enters_its_app_still_would_wait_for_itself() {
    paused(async {
        let app = App::new().on_start(async |cx| {
            let current = Current::try_current()?;
            let handle = cx.handle();
            let error = current.enter(async { handle.close().await }).await;
            assert!(error.unwrap_err().is_wait_for_itself());
            Ok(())
        });
        // It was asked to stop all the same.
        let running = app.boot().await.unwrap();
        running.wait().await;
        running.close().await.unwrap();
    });
}

#[test]
fn what_is_spawned_with_its_app_may_wait_for_the_end_of_it() {
    paused(async {
        let running = App::new().boot().await.unwrap();
        let current = running.current();
        let handle = current.handle();
        let closed = current.spawn(async move { handle.close().await });
        closed.await.unwrap().unwrap();
        running.close().await.unwrap();
    });
}

#[test]
fn a_panic_leaves_the_app_behind() {
    paused(async {
        let running = App::new().supply(Config("here")).boot().await.unwrap();
        let current = running.current();
        let panics = || current.enter_sync(|| panic!("on purpose"));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
        assert!(Current::try_current().is_err());
        running.close().await.unwrap();
    });
}

/// A state that holds its own app.
struct Keeper(Current, Trace);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.1.add(format_args!("{:?}", self.0.handle().status()));
    }
}

#[plugin(collect = never, states = [Keeper])]
struct KeeperPlugin {
    #[option]
    trace: Trace,
}

impl Hooks for KeeperPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Keeper> {
        Ok(Keeper(Current::try_current()?, self.trace.clone()))
    }
}

#[test]
fn a_state_that_keeps_its_app_is_dropped_when_that_closes() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(KeeperPlugin {
            trace: trace.clone(),
        });
        let running = app.boot().await.unwrap();
        let name = running.try_get::<State<Keeper>>().unwrap().0.name();
        assert_eq!(name.unwrap(), "keeper-plugin");
        running.close().await.unwrap();
        assert_eq!(trace.events(), ["Closing"]);
    });
}

#[test]
fn handles_go_to_any_thread() {
    fn goes_anywhere<T: Send + Sync + Clone + 'static>() {}
    goes_anywhere::<Current>();
    goes_anywhere::<RequestScope>();
    goes_anywhere::<RequestState<String>>();
}
