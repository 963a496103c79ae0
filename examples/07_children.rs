//! Plugins that register plugins.
//!
//! The plugins that a `load` registers are its children. A child that is awaited loads at once and
//! returns handles to its states. The others load when `load` has returned, at the same time.
//! Dependents of the parent wait for all of its children.

use anyhow::bail;
use bootstrap::prelude::*;

struct Listener(u16);

#[plugin(name = "listener", states = [Listener], collect = never)]
struct ListenerPlugin {
    #[option(required)]
    port: u16,
}

impl Hooks for ListenerPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Listener> {
        if self.port < 1024 {
            bail!("port {} is reserved", self.port);
        }
        Ok(Listener(self.port))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        println!("port {} closes", cx.states().0);
        Ok(())
    }
}

#[plugin(name = "tenant", collect = never)]
struct Tenant {
    listener: State<Listener>,
    #[option(required)]
    name: &'static str,
}

impl Hooks for Tenant {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        println!(
            "{} serves {} on port {}",
            cx.name(),
            self.name,
            self.listener.0
        );
        Ok(())
    }
}

#[plugin(name = "server")]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        let listener = match cx.register(ListenerPlugin::new(80)).await {
            Ok(listener) => listener,
            // The error of a child is handled here, so the boot goes on.
            Err(error) => {
                println!("{error}");
                cx.register(ListenerPlugin::new(8080)).await?
            }
        };
        for name in ["apple", "pear"] {
            let listener = listener.clone();
            cx.register(Tenant { listener, name });
        }
        println!("the server has loaded; its tenants load now");
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let running = App::collect().max_concurrency(1).boot().await?;
    let report = running.report();
    for plugin in report.plugins.iter() {
        let parent = plugin.parent().map(|parent| &report.plugins[parent].name);
        println!(
            "{}: {}, child of {parent:?}",
            plugin.name, plugin.load.outcome
        );
    }
    running.close().await?;
    Ok(())
}
