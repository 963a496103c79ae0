//! Requests that run at the same time never see each other's values.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{RequestScope, RequestState, Running};
use support::{paused, threaded};
use tokio::task::JoinSet;

use super::{USER, User};

#[bootstrap::supplied]
struct Name(&'static str);

async fn app(name: &'static str) -> Running {
    App::new().supply(Name(name)).boot().await.unwrap()
}

/// Sets, waits, and reads again, as often as there are values.
async fn request(number: u32) -> u32 {
    assert!(USER.set(User(number)).unwrap().is_none());
    for round in 0..5 {
        tokio::time::sleep(Duration::from_micros(u64::from((number * 7 + round) % 13))).await;
        assert_eq!(USER.try_get().unwrap().0, number);
        tokio::task::yield_now().await;
    }
    USER.get().unwrap().0
}

/// R25: on one thread as on several.
#[test]
fn a_thousand_interleaved_scopes_see_their_own_values() {
    let test = async || {
        let running = app("one").await;
        let mut requests = JoinSet::new();
        for number in 0..1_000 {
            requests.spawn(running.request_scope().enter(request(number)));
        }
        let mut ended = requests.join_all().await;
        ended.sort_unstable();
        assert_eq!(ended, (0..1_000).collect::<Vec<_>>());
        assert_eq!(USER.get(), None);
        running.close().await.unwrap();
    };
    paused(test());
    threaded(test());
}

/// R25: also those of one task.
#[test]
fn scopes_that_take_turns_in_one_task_see_their_own_values() {
    paused(async {
        let running = app("one").await;
        let (one, other) = (running.request_scope(), running.request_scope());
        let both = tokio::join!(one.enter(request(1)), other.enter(request(2)));
        assert_eq!(both, (1, 2));
        running.close().await.unwrap();
    });
}

/// R25: what is spawned is in the scope only on purpose.
#[test]
fn a_scope_crosses_a_spawn_only_on_purpose() {
    paused(async {
        let running = app("one").await;
        let read = async || USER.get().map(|user| user.0);
        let scope = running.request_scope();
        let inside = scope.enter(async {
            USER.set(User(7))?;
            assert_eq!(tokio::spawn(read()).await?, None);
            let here = RequestScope::current().unwrap();
            assert_eq!(here.spawn(read()).await?, Some(7));
            assert_eq!(tokio::spawn(here.enter(read())).await?, Some(7));
            // What is current is the scope as well.
            let current = bootstrap::Current::try_current()?;
            assert_eq!(current.spawn(read()).await?, Some(7));
            let blocking = move || here.enter_sync(|| USER.get().map(|user| user.0));
            assert_eq!(tokio::task::spawn_blocking(blocking).await?, Some(7));
            anyhow::Ok(())
        });
        inside.await.unwrap();
        running.close().await.unwrap();
    });
}

/// R9, R24: neither states nor scopes of one app are seen from another.
#[test]
fn scopes_of_two_apps_share_nothing() {
    paused(async {
        let (one, other) = (app("one").await, app("other").await);
        let read = async || {
            let name = State::<Name>::try_current().unwrap().0;
            (name, USER.get().map(|user| user.0))
        };
        let (first, second) = (one.request_scope(), other.request_scope());
        first.set(User(1)).unwrap();
        let seen = first.enter(async {
            let inner = second.enter(read()).await;
            (read().await, inner, read().await)
        });
        let expected = (("one", Some(1)), ("other", None), ("one", Some(1)));
        assert_eq!(seen.await, expected);
        one.close().await.unwrap();
        other.close().await.unwrap();
    });
}

#[plugin(collect = never)]
struct Spawns;

impl Hooks for Spawns {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        let scope = bootstrap::Current::try_current()?.request_scope();
        scope.set(User(7))?;
        let spawned = async {
            cx.spawn("task", async |_| {
                assert_eq!(USER.get(), None);
                assert!(RequestScope::current().is_none());
                Ok(())
            });
            USER.try_get().map(|user| user.0)
        };
        assert_eq!(scope.enter(spawned).await?, 7);
        Ok(())
    }
}

#[test]
fn a_hook_may_open_scopes_and_its_tasks_are_in_none() {
    paused(async {
        let running = App::new().with(Spawns).boot().await.unwrap();
        tokio::task::yield_now().await;
        running.close().await.unwrap();
    });
}

#[test]
fn an_app_that_is_booted_within_a_scope_is_outside_of_it() {
    paused(async {
        let outer = app("outer").await;
        let booted = outer.request_scope().enter(async {
            USER.set(User(7))?;
            let inner = App::new().on_start(async |_| {
                assert_eq!(USER.get(), None);
                Ok(())
            });
            inner.boot().await?.close().await?;
            anyhow::Ok(())
        });
        booted.await.unwrap();
        outer.close().await.unwrap();
    });
}

/// R23: code far away reads the app and the request, and nobody has handed it either.
#[test]
fn states_of_the_app_are_read_in_a_scope() {
    paused(async {
        static GREETING: RequestState<String> = RequestState::new();
        let running = app("one").await;
        let scope = running.request_scope();
        let far = async || {
            let name = State::<Name>::try_current()?.0;
            anyhow::Ok(format!("{} {name}", GREETING.try_get()?))
        };
        scope.set("hello".to_owned()).unwrap();
        assert_eq!(scope.enter(far()).await.unwrap(), "hello one");
        assert_eq!(scope.app().try_get::<State<Name>>().unwrap().0, "one");
        running.close().await.unwrap();
    });
}
