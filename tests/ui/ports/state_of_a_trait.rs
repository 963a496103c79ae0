//! What is known by its trait alone is provided at a port.

use bootstrap::prelude::*;

trait Mailer: Send + Sync {}

#[plugin]
struct Welcome {
    mailer: State<dyn Mailer>,
}

impl Hooks for Welcome {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
