//! A port is a requirement, and no option; a list of them can't be optional.

use bootstrap::prelude::*;

trait Mailer: Send + Sync {}

#[plugin]
struct AsAnOption {
    #[option]
    mailer: Port<dyn Mailer>,
}

impl Hooks for AsAnOption {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct OptionalList {
    mailers: Option<Ports<dyn Mailer>>,
}

impl Hooks for OptionalList {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct TheThingItself {
    mailer: std::sync::Arc<dyn Mailer>,
}

impl Hooks for TheThingItself {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
