use bootstrap::prelude::*;

use std::marker::PhantomData;

#[plugin]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(child_of = Server)]
struct Routes<T: Default + Send + Sync + 'static> {
    #[local]
    of: PhantomData<T>,
}

impl<T: Default + Send + Sync + 'static> Hooks for Routes<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
