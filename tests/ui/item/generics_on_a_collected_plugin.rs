use bootstrap::prelude::*;

#[plugin]
struct Worker<T: Send + Sync + 'static> {
    #[local]
    queue: Vec<T>,
}

impl<T: Send + Sync + 'static> Hooks for Worker<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
