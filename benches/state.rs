//! Reading a state, beside reading what an `Arc` holds.

use std::hint::black_box;
use std::sync::Arc;

use bootstrap::prelude::*;
use criterion::{Criterion, criterion_group, criterion_main};

#[bootstrap::supplied]
struct Number(u64);

#[plugin(name = "reader", states = [Readers], collect = never)]
struct Reader {
    number: State<Number>,
}

/// The field of a plugin, as its hooks read it.
struct Readers(State<Number>);

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Readers> {
        Ok(Readers(self.number.clone()))
    }
}

fn state(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let app = App::new().supply(Number(7)).with(Reader::default());
    let running = runtime.block_on(app.boot()).expect("it boots");
    let readers = running.try_get::<State<Readers>>().expect("it is there");
    let bound = readers.0.clone();
    let arc = Arc::new(Number(7));

    // A hundred reads in one measurement: one alone is below what a clock can tell.
    let mut group = c.benchmark_group("a hundred reads");
    group.bench_function("Arc", |b| {
        b.iter(|| (0..100).map(|_| black_box(&arc).0).sum::<u64>());
    });
    group.bench_function("State", |b| {
        b.iter(|| (0..100).map(|_| black_box(&bound).0).sum::<u64>());
    });
    group.finish();
    runtime.block_on(running.close()).expect("it closes");
}

criterion_group!(benches, state);
criterion_main!(benches);
