//! A hit of the cache beside bare moka, and a check of a rate limit beside bare governor.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::cache::{Cache, CachePlugin};
use bootstrap_services::clock::{Clock, ClockPlugin};
use bootstrap_services::limits::{Limits, LimitsPlugin, Quota};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;

const KEYS: u64 = 1_000;
const DAY: Duration = Duration::from_hours(24);
/// Allows everything: what is refused takes another way.
const MUCH: u32 = 1_000_000_000;

fn hits(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let app = App::new().with(ClockPlugin).with(CachePlugin::default());
    let running = runtime.block_on(app.boot()).expect("it boots");
    let cache = running.try_get::<State<Cache>>().expect("it is there");
    let region = cache.region::<u64, u64>("numbers").ttl(DAY).build();
    let region = region.expect("a region");
    let bare = moka::sync::Cache::<u64, Arc<u64>>::new(10_000);
    let expiring = moka::sync::Cache::builder().max_capacity(10_000);
    let expiring: moka::sync::Cache<u64, Arc<u64>> = expiring.time_to_live(DAY).build();
    for key in 0..KEYS {
        bare.insert(key, Arc::new(key));
        expiring.insert(key, Arc::new(key));
        runtime.block_on(region.insert(key, key));
    }

    let mut group = c.benchmark_group("a hit");
    let mut key = 0;
    let mut next = || {
        key = (key + 7) % KEYS;
        key
    };
    group.bench_function("moka", |b| b.iter(|| bare.get(&next())));
    group.bench_function("moka with ttl", |b| b.iter(|| expiring.get(&next())));
    group.bench_function("Region", |b| {
        b.iter(|| region.get(&next()).now_or_never().flatten());
    });
    let clock = Clock::system();
    group.bench_function("(reading the clock)", |b| b.iter(|| clock.elapsed()));
    group.finish();
    runtime.block_on(running.close()).expect("it closes");
}

fn checks(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let limits = LimitsPlugin::default().limit("all", Quota::per_second(MUCH));
    let app = App::new().with(ClockPlugin).with(limits);
    let running = runtime.block_on(app.boot()).expect("it boots");
    let limits = running.try_get::<State<Limits>>().expect("it is there");
    let limit = limits.named("all").expect("a limit");
    let much = governor::Quota::per_second(NonZeroU32::MIN.saturating_add(MUCH - 1));
    let bare = governor::RateLimiter::<String, DefaultKeyedStateStore<String>, _, _>::keyed(much);
    let informed =
        governor::RateLimiter::<String, DefaultKeyedStateStore<String>, _, _>::keyed(much)
            .with_middleware::<StateInformationMiddleware>();
    let keys: Vec<String> = (0..KEYS).map(|key| format!("192.0.2.{key}")).collect();

    let mut group = c.benchmark_group("a check");
    let mut index = 0;
    let mut next = || {
        index = (index + 7) % keys.len();
        &keys[index]
    };
    group.bench_function("governor", |b| b.iter(|| bare.check_key(next()).is_ok()));
    group.bench_function("governor with what remains", |b| {
        b.iter(|| {
            informed
                .check_key(next())
                .is_ok_and(|it| it.remaining_burst_capacity() > 0)
        });
    });
    group.bench_function("Limit", |b| {
        b.iter(|| limit.check(next()).now_or_never().is_some());
    });
    group.finish();
    runtime.block_on(running.close()).expect("it closes");
}

criterion_group!(benches, hits, checks);
criterion_main!(benches);
