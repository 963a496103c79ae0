//! A plugin without states needs no `load`, whatever other hooks it has.

use bootstrap::prelude::*;

#[plugin]
struct Nothing;

impl Hooks for Nothing {}

#[plugin]
struct Closes;

impl Hooks for Closes {
    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        Ok(())
    }
}

#[plugin(collect = never)]
struct Generic<T: Send + Sync + 'static> {
    #[option(required)]
    value: T,
}

impl<T: Send + Sync + 'static> Hooks for Generic<T> {}

fn main() {
    App::collect().with(Generic { value: 7 }).plan().unwrap();
}
