#![deny(unused_must_use)]

use bootstrap::prelude::*;

async fn forgotten() -> Result<()> {
    App::new();
    App::new().boot();
    App::new().boot().await;
    App::new().boot().await?;
    App::new().boot().await?.close();
    App::new().run().await;
    Ok(())
}

fn main() {}
