use bootstrap::prelude::*;

#[plugin(collect = never)]
struct Worker<T: Clone, U: Send + 'static>
where
    U: std::fmt::Display,
{
    #[local]
    queue: Vec<(T, U)>,
}

impl<T, U> Hooks for Worker<T, U>
where
    T: Clone + Send + Sync + 'static,
    U: std::fmt::Display + Send + Sync + 'static,
{
}

fn main() {}
