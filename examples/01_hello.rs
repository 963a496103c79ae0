//! A plugin, and an app that collects it.
//!
//! A plugin is a struct with `#[plugin]` and an `impl Hooks`. `App::collect` finds every plugin
//! that is linked into the program. There is no list of plugins.

use bootstrap::prelude::*;

#[plugin]
struct Hello {
    /// An option: plain data with a default.
    #[option(default = "world".into())]
    name: String,
}

impl Hooks for Hello {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        println!("hello, {}", self.name);
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        println!("goodbye, {}", self.name);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let running = App::collect().boot().await?;
    running.close().await?;
    Ok(())
}
