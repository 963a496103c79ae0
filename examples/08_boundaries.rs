//! Parts of an app that are separate, and may fail.
//!
//! Plugins in a scope see the states of that scope and of the scopes around it. Plugins outside do not
//! see them. A `recover` barrier handles the failures before it in its scope, and the boot goes on.

use anyhow::bail;
use bootstrap::prelude::*;

struct Endpoint(&'static str);

#[plugin(name = "endpoint", states = [Endpoint], collect = never)]
struct EndpointPlugin {
    #[option(required)]
    url: &'static str,
}

impl Hooks for EndpointPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Endpoint> {
        Ok(Endpoint(self.url))
    }
}

#[plugin(name = "client", collect = never)]
struct Client {
    endpoint: State<Endpoint>,
}

impl Hooks for Client {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        println!("{} connects to {}", cx.name(), self.endpoint.0);
        if self.endpoint.0.contains("analytics") {
            bail!("connection refused");
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut app = App::new();
    for (name, url) in [("orders", "orders.local"), ("analytics", "analytics.local")] {
        app.scope(name, |scope| {
            scope.register(EndpointPlugin { url });
            scope.register(Client::default());
            scope.recover(async |cx| {
                for error in cx.errors() {
                    println!("going on without it: {error}");
                }
                Ok(())
            });
        });
    }
    let app = app
        .with(EndpointPlugin { url: "app.local" })
        .with(Client::default());
    println!("{}", app.plan()?);
    app.max_concurrency(1).boot().await?.close().await?;
    Ok(())
}
