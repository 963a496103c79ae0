use bootstrap::prelude::*;

#[plugin(collect = never)]
struct Worker<T> {
    #[local]
    queue: Vec<T>,
}

impl<T: Send + Sync + 'static> Hooks for Worker<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
