//! Publishing an event to one subscription, beside a broadcast channel of tokio.

use std::hint::black_box;
use std::sync::Arc;

use bootstrap::prelude::*;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::events::{Event, Events, EventsPlugin};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::sync::broadcast;

#[derive(Event, Serialize, Deserialize, Clone)]
#[event(name = "user.created")]
struct UserCreated {
    id: u64,
    name: String,
}

fn user(id: u64) -> UserCreated {
    let name = "Ada".to_owned();
    UserCreated { id, name }
}

/// How many events are published before they are read.
const BATCH: u64 = 100;

fn events(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let app = App::new().with(ClockPlugin).with(EventsPlugin::default());
    let running = runtime.block_on(app.boot()).expect("it boots");
    let events = running.try_get::<State<Events>>().expect("it is there");

    let mut group = c.benchmark_group("events to one subscription");
    group.throughput(Throughput::Elements(BATCH));
    let (sender, mut receiver) = broadcast::channel(1024);
    group.bench_function("broadcast of Arc", |b| {
        b.iter(|| {
            for id in 0..BATCH {
                let _ = sender.send(Arc::new(user(id)));
            }
            runtime.block_on(async {
                for _ in 0..BATCH {
                    let event: Arc<UserCreated> = receiver.recv().await.expect("an event");
                    black_box(event.id);
                }
            });
        });
    });
    let (cloning, mut receiving) = broadcast::channel(1024);
    group.bench_function("broadcast of clones", |b| {
        b.iter(|| {
            for id in 0..BATCH {
                let _ = cloning.send(user(id));
            }
            runtime.block_on(async {
                for _ in 0..BATCH {
                    let event: UserCreated = receiving.recv().await.expect("an event");
                    black_box(event.id);
                }
            });
        });
    });
    let mut subscription = events.on::<UserCreated>();
    group.bench_function("Events", |b| {
        b.iter(|| {
            for id in 0..BATCH {
                events.publish(user(id));
            }
            runtime.block_on(async {
                for _ in 0..BATCH {
                    let event = subscription.recv().await.expect("an event");
                    black_box(event.id);
                }
            });
        });
    });
    group.finish();
    drop((subscription, events));
    runtime.block_on(running.close()).expect("it closes");
}

criterion_group!(benches, events);
criterion_main!(benches);
