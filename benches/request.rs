//! Opening a request scope, setting a value and reading it, beside a bare task-local with a map; and
//! reading a state of the current app.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bootstrap::prelude::*;
use bootstrap::{RequestState, Running};
use criterion::{Criterion, criterion_group, criterion_main};

#[bootstrap::supplied]
struct Number(u64);

static NUMBER: RequestState<Number> = RequestState::new();

type Map = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

tokio::task_local! {
    static MAP: RefCell<Map>;
}

fn get_from_map() -> u64 {
    MAP.with(|map| {
        let map = map.borrow();
        let value = map.get(&TypeId::of::<Number>()).expect("it is set");
        let value = Arc::clone(value).downcast::<Number>();
        value.expect("it is a number").0
    })
}

async fn by_hand() -> u64 {
    MAP.with(|map| {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(Number(black_box(7)));
        map.borrow_mut().insert(TypeId::of::<Number>(), value);
    });
    get_from_map()
}

async fn request() -> u64 {
    NUMBER.set(Number(black_box(7))).expect("a scope");
    NUMBER.get().expect("it is set").0
}

/// Polls what is ready at once: a runtime would cost more than what is measured.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => unreachable!("it is ready"),
    }
}

fn open_set_get(c: &mut Criterion, running: &Running) {
    let mut group = c.benchmark_group("open, set, get");
    group.bench_function("task_local and HashMap", |b| {
        b.iter(|| ready(MAP.scope(RefCell::default(), by_hand())));
    });
    group.bench_function("RequestScope", |b| {
        b.iter(|| ready(running.request_scope().enter(request())));
    });
    group.finish();
}

fn get(c: &mut Criterion, running: &Running) {
    let scope = running.request_scope();
    scope.set(Number(7)).expect("it has not ended");
    let map = RefCell::default();
    let mut group = c.benchmark_group("a hundred reads of a request");
    ready(MAP.scope(map, async {
        by_hand().await;
        group.bench_function("task_local and HashMap", |b| {
            b.iter(|| (0..100).map(|_| black_box(get_from_map())).sum::<u64>());
        });
    }));
    scope.enter_sync(|| {
        group.bench_function("RequestState", |b| {
            let read = || NUMBER.get().expect("it is set").0;
            b.iter(|| (0..100).map(|_| black_box(read())).sum::<u64>());
        });
        group.bench_function("State of the current app", |b| {
            let read = || State::<Number>::current().expect("it is there").0;
            b.iter(|| (0..100).map(|_| black_box(read())).sum::<u64>());
        });
    });
    group.finish();
}

fn all(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let app = App::new().supply(Number(7));
    let running = runtime.block_on(app.boot()).expect("it boots");
    open_set_get(c, &running);
    get(c, &running);
    runtime.block_on(running.close()).expect("it closes");
}

criterion_group!(benches, all);
criterion_main!(benches);
