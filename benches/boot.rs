//! Boot and close of plugins that do nothing, beside the same futures run by hand.

use std::hint::black_box;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bootstrap::Result;
use bootstrap_benches::{Shape, app};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

type Job = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// The same work as a plugin that does nothing: a boxed future that is ready at once.
fn jobs(n: usize) -> Vec<Job> {
    (0..n).map(|_| Box::pin(async { Ok(()) }) as Job).collect()
}

/// Boots and closes; building the app is not measured, planning it is.
fn boot_and_close(runtime: &Runtime, n: usize, shape: Shape, runs: u64) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..runs {
        let app = app(n, shape);
        total += runtime.block_on(async {
            let began = Instant::now();
            let running = app.boot().await.expect("it boots");
            let report = running.close().await.expect("it closes");
            let took = began.elapsed();
            assert_eq!(black_box(report).plugins.len(), n);
            took
        });
    }
    total
}

/// Runs jobs twice, as a boot and a close would: making them is measured, as it is for plugins.
fn twice<F: Future<Output = ()>>(
    runtime: &Runtime,
    n: usize,
    runs: u64,
    run: impl Fn(Vec<Job>) -> F,
) -> Duration {
    runtime.block_on(async {
        let began = Instant::now();
        for _ in 0..runs {
            run(jobs(n)).await;
            run(jobs(n)).await;
        }
        began.elapsed()
    })
}

async fn in_order(jobs: Vec<Job>) {
    for job in jobs {
        black_box(job.await).expect("it succeeds");
    }
}

async fn unordered(jobs: Vec<Job>) {
    let mut jobs: FuturesUnordered<Job> = jobs.into_iter().collect();
    while let Some(done) = jobs.next().await {
        black_box(done).expect("it succeeds");
    }
}

async fn spawned(jobs: Vec<Job>) {
    let mut set: JoinSet<Result<()>> = jobs.into_iter().collect();
    while let Some(done) = set.join_next().await {
        black_box(done)
            .expect("it is not cancelled")
            .expect("it succeeds");
    }
}

fn boot(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for shape in [Shape::Flat, Shape::Chain] {
        for n in [10, 100, 1_000, 10_000] {
            let mut group = c.benchmark_group(format!("boot/{}/{n}", shape.name()));
            group.throughput(Throughput::Elements(n as u64));
            group.sample_size(20);
            let id = BenchmarkId::from_parameter;
            group.bench_function(id("bootstrap"), |b| {
                b.iter_custom(|runs| boot_and_close(&runtime, n, shape, runs));
            });
            group.bench_function(id("awaited in order"), |b| {
                b.iter_custom(|runs| twice(&runtime, n, runs, in_order));
            });
            // A chain can only be awaited in order.
            if matches!(shape, Shape::Flat) {
                group.bench_function(id("FuturesUnordered"), |b| {
                    b.iter_custom(|runs| twice(&runtime, n, runs, unordered));
                });
                group.bench_function(id("JoinSet"), |b| {
                    b.iter_custom(|runs| twice(&runtime, n, runs, spawned));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, boot);
criterion_main!(benches);
