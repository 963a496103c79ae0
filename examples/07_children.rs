//! Plugins that bring plugins with them.
//!
//! What a plugin registers in its `load` are its children. One that is awaited loads at once, and
//! gives its states; the others load when `load` has returned, at the same time. Whoever needs the
//! plugin waits for all of them.

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
            bail!("port {} is not for everybody", self.port);
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
        let listener = match cx.register(ListenerPlugin { port: 80 }).await {
            Ok(listener) => listener,
            // Whoever handles the error of a child has recovered from it.
            Err(error) => {
                println!("{error}");
                cx.register(ListenerPlugin { port: 8080 }).await?
            }
        };
        for name in ["apple", "pear"] {
            let listener = listener.clone();
            cx.register(Tenant { listener, name });
        }
        println!("the server has loaded; its tenants come now");
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
            "{}: {}, brought by {parent:?}",
            plugin.name, plugin.load.outcome
        );
    }
    running.close().await?;
    Ok(())
}
