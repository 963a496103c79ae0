//! Planning, which is to be linear: a hundred thousand plugins with three edges each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bootstrap::{App, Registration, plugin_fn};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Plugins made at run time, each after three others, registered in the order of their names or
/// not.
fn app(n: usize, name: impl Fn(usize) -> usize) -> App {
    let mut app = App::new();
    let mut registrations: Vec<Registration<_>> = Vec::with_capacity(n);
    for i in 0..n {
        let name = format!("plugin-{:06}", name(i));
        let mut registration = app.register(plugin_fn(name, async |_| Ok(())));
        for back in [1, 7, 31] {
            if let Some(earlier) = i.checked_sub(back) {
                registration = registration.after(&registrations[earlier]);
            }
        }
        registrations.push(registration);
    }
    app
}

/// The time for planning alone, without that for dropping the plan.
fn plan_only(app: &App, runs: u64) -> Duration {
    let timed = |_| {
        let began = Instant::now();
        let plan = black_box(app.plan());
        let took = began.elapsed();
        assert!(plan.is_ok());
        took
    };
    (0..runs).map(timed).sum()
}

fn plan(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    group.sample_size(20);
    for n in [1_000, 10_000, 100_000] {
        group.throughput(Throughput::Elements(n as u64));
        let sorted = app(n, |i| i);
        group.bench_function(BenchmarkId::new("registered by name", n), |b| {
            b.iter_custom(|runs| plan_only(&sorted, runs));
        });
        // A permutation of the names that leaves nothing in order.
        let shuffled = app(n, |i| i * 7_919 % n);
        group.bench_function(BenchmarkId::new("registered in disorder", n), |b| {
            b.iter_custom(|runs| plan_only(&shuffled, runs));
        });
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
