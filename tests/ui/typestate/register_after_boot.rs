use bootstrap::prelude::*;

#[plugin]
struct Late;

impl Hooks for Late {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

async fn too_late() -> Result<()> {
    let mut running = App::new().boot().await?;
    running.register(Late);
    running.on_ready(async |_| Ok(()));
    running.on_start(async |_| Ok(()));
    Ok(())
}

fn main() {}
