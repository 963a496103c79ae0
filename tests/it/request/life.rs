//! How a request scope ends.

use bootstrap::error::{LookupError, LookupFailure};
use bootstrap::{App, RequestScope, Running, State};
use support::{Trace, log_to, paused};

use super::{USER, User};

#[bootstrap::supplied]
struct Config;

async fn app() -> Running {
    App::new().supply(Config).boot().await.unwrap()
}

/// Notes its drop.
struct Noted<const N: u32>(Trace);

impl<const N: u32> Drop for Noted<N> {
    fn drop(&mut self) {
        self.0.add(format_args!("drop {N}"));
    }
}

fn fill(scope: &RequestScope, trace: &Trace) {
    assert!(scope.set(Noted::<1>(trace.clone())).unwrap().is_none());
    let told = trace.clone();
    scope.on_end(move || told.add("clean up"));
    assert!(scope.set(Noted::<2>(trace.clone())).unwrap().is_none());
    // Set anew, it is the last one.
    assert!(scope.set(Noted::<1>(trace.clone())).unwrap().is_some());
    assert_eq!(trace.take(), ["drop 1"]);
}

const ENDED: [&str; 3] = ["drop 1", "drop 2", "clean up"];

#[test]
fn what_was_set_last_goes_first_once_the_last_handle_is_gone() {
    paused(async {
        let running = app().await;
        let trace = Trace::new();
        let scope = running.request_scope();
        fill(&scope, &trace);
        let entered = scope.enter(async {});
        drop(scope);
        assert_eq!(trace.events(), [""; 0]);
        entered.await;
        assert_eq!(trace.events(), ENDED);
        running.close().await.unwrap();
    });
}

#[test]
fn a_scope_lives_as_long_as_what_was_spawned_in_it() {
    paused(async {
        let running = app().await;
        let trace = Trace::new();
        let scope = running.request_scope();
        fill(&scope, &trace);
        let (go, goes) = tokio::sync::oneshot::channel();
        let task = scope.spawn(async { goes.await.is_ok() });
        drop(scope);
        tokio::task::yield_now().await;
        assert_eq!(trace.events(), [""; 0]);
        go.send(()).unwrap();
        assert!(task.await.unwrap());
        assert_eq!(trace.events(), ENDED);
        running.close().await.unwrap();
    });
}

#[test]
fn a_scope_that_is_ended_lets_go_of_everything_at_once_for_all() {
    paused(async {
        let running = app().await;
        let trace = Trace::new();
        let scope = running.request_scope();
        fill(&scope, &trace);
        // It holds itself, so nothing else would end it.
        scope.set(scope.clone()).unwrap();
        let other = scope.clone();
        assert!(!other.has_ended());
        scope.end();
        assert_eq!(trace.take(), ENDED);
        assert!(other.has_ended());
        assert!(other.get::<Noted<1>>().is_none());
        // What comes too late is done at once.
        let told = trace.clone();
        other.on_end(move || told.add("late"));
        assert_eq!(trace.take(), ["late"]);
        scope.end();
        drop((scope, other));
        assert_eq!(trace.events(), [""; 0]);
        running.close().await.unwrap();
    });
}

#[test]
fn an_end_that_panics_keeps_no_other_from_going() {
    struct Panics;

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }

    paused(async {
        let running = app().await;
        let (trace, log) = (Trace::new(), Trace::new());
        let scope = running.request_scope();
        fill(&scope, &trace);
        scope.set(Panics).unwrap();
        scope.on_end(|| panic!("in a clean-up"));
        {
            let _log = log_to(&log);
            drop(scope);
        }
        assert_eq!(trace.events(), ENDED);
        assert_eq!(
            log.events(),
            [
                "ERROR the end of a request scope panicked: in a clean-up",
                "ERROR the end of a request scope panicked: in a drop",
            ]
        );
        running.close().await.unwrap();
    });
}

/// Reads the request when it is dropped.
struct Reads(Trace);

impl Drop for Reads {
    fn drop(&mut self) {
        let user = USER.get().map_or(0, |user| user.0);
        self.0.add(format_args!("user {user}"));
    }
}

#[test]
fn a_request_that_is_dropped_is_in_its_scope_meanwhile() {
    paused(async {
        let running = app().await;
        let trace = Trace::new();
        let scope = running.request_scope();
        scope.set(User(7)).unwrap();
        let reads = Reads(trace.clone());
        let task = scope.spawn(async move {
            let _reads = reads;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        task.abort();
        task.await.unwrap_err();
        assert_eq!(trace.events(), ["user 7"]);
        running.close().await.unwrap();
    });
}

#[test]
fn a_scope_outlives_its_app_without_the_states_of_that() {
    paused(async {
        let running = app().await;
        let scope = running.request_scope();
        scope.set(User(7)).unwrap();
        assert!(scope.app().try_get::<State<Config>>().is_ok());
        running.close().await.unwrap();
        assert_eq!(scope.enter(async { USER.get().unwrap().0 }).await, 7);
        let error = scope.try_get::<State<Config>>().unwrap_err();
        assert!(matches!(
            error,
            LookupError {
                why: LookupFailure::NotLoaded { .. },
                ..
            }
        ));
        // Also one that is opened too late.
        let late = scope.app().request_scope();
        assert_eq!(late.get::<User>().unwrap().0, 7);
    });
}

#[test]
fn a_value_may_do_with_the_scope_what_it_likes_when_it_is_dropped() {
    struct Meddles(RequestScope);

    impl Drop for Meddles {
        fn drop(&mut self) {
            // No lock is held by then.
            assert!(self.0.set(User(1)).is_err());
            assert!(self.0.get::<User>().is_none());
            self.0.end();
        }
    }

    paused(async {
        let running = app().await;
        let scope = running.request_scope();
        scope.set(User(0)).unwrap();
        scope.set(Meddles(scope.clone())).unwrap();
        scope.end();
        assert!(scope.has_ended());
        running.close().await.unwrap();
    });
}
