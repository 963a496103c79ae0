use bootstrap::prelude::*;

struct Pool;

async fn too_late() -> Result<()> {
    let running = App::new().boot().await?;
    running.close().await?;
    running.try_get::<State<Pool>>()?;
    running.close().await?;
    Ok(())
}

fn main() {}
