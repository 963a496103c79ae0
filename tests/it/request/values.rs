//! Setting and reading the values of a request.

use std::sync::Arc;

use bootstrap::error::{LookupFailure, LookupKey, SetError};
use bootstrap::{App, RequestScope, RequestState, Running};
use support::paused;

use super::{USER, User};

async fn app() -> Running {
    App::new().boot().await.unwrap()
}

/// R26: `get` is `None`, and `try_get` an error that says what to do.
#[test]
fn a_value_that_is_not_there_is_none_or_an_error_that_names_it() {
    paused(async {
        assert_eq!(USER.get(), None);
        assert_eq!(USER.take(), None);
        assert_eq!(
            USER.try_get().unwrap_err().to_string(),
            "the request state `current user` is not initialized: no request scope is entered here"
        );
        let running = app().await;
        let scope = running.request_scope();
        let not_set = "the request state `current user` is not initialized: nothing has set it in \
                       this request scope";
        scope.enter_sync(|| {
            assert_eq!(USER.get(), None);
            assert_eq!(USER.try_get().unwrap_err().to_string(), not_set);
        });
        scope.end();
        assert_eq!(
            scope.enter_sync(|| USER.try_get()).unwrap_err().to_string(),
            "the request state `current user` is gone: its request scope has ended"
        );
        running.close().await.unwrap();
    });
}

/// R11: a value of a request is set in a request, and elsewhere that is an error and no panic.
#[test]
fn a_value_can_not_be_set_outside_of_a_scope_or_after_its_end() {
    paused(async {
        let running = app().await;
        assert_eq!(
            USER.set(User(1)).unwrap_err().to_string(),
            "Cannot set value for state `current user`: no request scope is entered here"
        );
        let made = USER.get_or_insert_with(|| unreachable!("nobody could keep it"));
        assert!(matches!(made, Err(SetError::NoRequest { .. })));
        // An app alone is no scope.
        let set = running.current().enter_sync(|| USER.set(User(1)));
        assert!(matches!(set, Err(SetError::NoRequest { .. })));
        let scope = running.request_scope();
        scope.end();
        assert_eq!(
            scope.set(User(1)).unwrap_err().to_string(),
            "Cannot set value for state `User`: its request scope has ended"
        );
        let made = scope.get_or_insert_with(|| User(1));
        assert!(matches!(made, Err(SetError::RequestEnded { .. })));
        running.close().await.unwrap();
    });
}

/// R27: messages call a value by its type, unless it has a name.
#[test]
fn a_name_is_for_messages_and_that_of_the_type_without_one() {
    paused(async {
        static UNNAMED: RequestState<User> = RequestState::new();
        assert_eq!(
            (USER.name(), UNNAMED.name()),
            ("current user".into(), "User".into())
        );
        assert_eq!(format!("{UNNAMED:?}"), "RequestState(User)");
        let error = UNNAMED.try_get().unwrap_err();
        let key = LookupKey::InRequest("User".into());
        assert_eq!((error.key, error.why), (key, LookupFailure::NoRequest));
        // It is no part of what is found: that is the type.
        let running = app().await;
        running.request_scope().enter_sync(|| {
            USER.set(User(7)).unwrap();
            assert_eq!(UNNAMED.get().unwrap().0, 7);
        });
        running.close().await.unwrap();
    });
}

#[test]
fn a_value_is_set_replaced_and_taken() {
    paused(async {
        let running = app().await;
        let scope = running.request_scope();
        assert_eq!(scope.set(User(1)).unwrap(), None);
        let kept = scope.get::<User>().unwrap();
        assert_eq!(scope.set(User(2)).unwrap(), Some(Arc::clone(&kept)));
        assert_eq!((kept.0, scope.try_get::<User>().unwrap().0), (1, 2));
        // Another type is another value.
        scope.set(7_u32).unwrap();
        assert_eq!(scope.take::<User>(), Some(Arc::new(User(2))));
        assert_eq!((scope.take::<User>(), scope.get::<User>()), (None, None));
        assert_eq!(scope.get::<u32>().as_deref(), Some(&7));
        assert_eq!(scope.enter_sync(|| USER.set(User(3))).unwrap(), None);
        assert_eq!(scope.enter_sync(|| USER.take()), Some(Arc::new(User(3))));
        running.close().await.unwrap();
    });
}

#[test]
fn a_value_is_made_once_by_whoever_comes_first() {
    paused(async {
        let running = app().await;
        let scope = running.request_scope();
        // While the first one is made, somebody else sets it.
        let made = scope.get_or_insert_with(|| {
            scope.set(User(1)).unwrap();
            User(2)
        });
        assert_eq!(made.unwrap().0, 1);
        let found = scope.enter_sync(|| USER.get_or_insert_with(|| unreachable!("it is there")));
        assert_eq!(found.unwrap().0, 1);
        // One from around is one.
        let inner = scope.app().request_scope();
        assert_eq!(inner.get_or_insert_with(|| User(3)).unwrap().0, 1);
        running.close().await.unwrap();
    });
}

#[test]
fn an_inner_scope_sees_what_is_around_it_and_sets_its_own() {
    paused(async {
        let running = app().await;
        let outer = running.request_scope();
        outer.set(User(1)).unwrap();
        outer.set("around").unwrap();
        let nested = outer.enter(async {
            let inner = bootstrap::Current::try_current().unwrap().request_scope();
            inner.enter_sync(|| {
                assert_eq!(USER.get().unwrap().0, 1);
                assert_eq!(USER.set(User(2)).unwrap(), None);
                assert_eq!(USER.get().unwrap().0, 2);
                // What it takes is its own, and then the one around is seen again.
                assert_eq!(USER.take().unwrap().0, 2);
                assert_eq!(USER.take(), None);
                assert_eq!(USER.get().unwrap().0, 1);
                USER.set(User(3)).unwrap();
            });
            assert_eq!(USER.get().unwrap().0, 1);
            inner
        });
        let inner = nested.await;
        assert_eq!(*inner.get::<&str>().unwrap(), "around");
        // It keeps the one around from ending by itself, and not from being ended.
        drop(outer.clone());
        outer.end();
        assert_eq!(inner.get::<&str>(), None);
        assert_eq!(inner.get::<User>().unwrap().0, 3);
        running.close().await.unwrap();
    });
}

#[test]
fn one_scope_may_be_entered_by_many_at_a_time() {
    paused(async {
        let running = app().await;
        let scope = running.request_scope();
        let sets = scope.spawn(async {
            USER.set(User(7)).unwrap();
        });
        let reads = scope.spawn(async {
            while USER.get().is_none() {
                tokio::task::yield_now().await;
            }
            RequestScope::current().unwrap().try_get::<User>()
        });
        sets.await.unwrap();
        assert_eq!(reads.await.unwrap().unwrap().0, 7);
        running.close().await.unwrap();
    });
}
