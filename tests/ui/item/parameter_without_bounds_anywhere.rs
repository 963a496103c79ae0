//! The first error has the whole remedy; the others are of the compiler, about the `impl` alone.

use bootstrap::prelude::*;

#[plugin(collect = never)]
struct Worker<T> {
    #[local]
    queue: Vec<T>,
}

impl<T> Hooks for Worker<T> {}

fn main() {}
