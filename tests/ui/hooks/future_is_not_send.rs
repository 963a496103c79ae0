use std::rc::Rc;

use bootstrap::prelude::*;

#[plugin]
struct Local;

impl Hooks for Local {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let shared = Rc::new(1);
        tokio::task::yield_now().await;
        drop(shared);
        Ok(())
    }
}

fn main() {}
