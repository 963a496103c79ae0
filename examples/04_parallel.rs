//! Plugins that do not depend on each other load at the same time.
//!
//! Five plugins take 50 ms each. One after the other they would take 250 ms. The boot takes as long
//! as the longest chain, which is 100 ms, because four of them only wait for `base`.

use std::time::Duration;

use bootstrap::plugin_fn;
use bootstrap::prelude::*;
use tokio::time::{Instant, sleep};

#[tokio::main]
async fn main() -> Result<()> {
    let wait = Duration::from_millis(50);
    let mut app = App::new();
    let base = app.register(plugin_fn("base", async move |_| {
        sleep(wait).await;
        Ok(())
    }));
    for name in ["mail", "cache", "search", "metrics"] {
        let plugin = app.register(plugin_fn(name, async move |_| {
            sleep(wait).await;
            Ok(())
        }));
        plugin.after(&base);
    }

    println!("{}", app.plan()?);
    let began = Instant::now();
    let running = app.boot().await?;
    let chains = began.elapsed().as_secs_f64() / wait.as_secs_f64();
    println!("faster than one after the other: {}", chains < 5.0);
    // The tree shows which plugin waited for which, and how long each hook took.
    eprintln!("{}", running.report());
    running.close().await?;
    Ok(())
}
