//! A plugin provides a state, and another plugin requires it.
//!
//! `Database` has a field `State<Config>`, so it loads after the plugin that lists `Config` in its
//! `states`. Without that plugin this program does not compile.

use bootstrap::prelude::*;

struct Config {
    database: String,
}

#[plugin(states = [Config])]
struct ConfigPlugin;

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        println!("reading the configuration");
        Ok(Config {
            database: "bookmarks.db".into(),
        })
    }
}

struct Connection {
    file: String,
}

#[plugin(states = [Connection])]
struct Database {
    config: State<Config>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Connection> {
        let file = self.config.database.clone();
        println!("opening {file}");
        Ok(Connection { file })
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        // The context has the states that `load` returned.
        println!("closing {}", cx.states().file);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let running = App::collect().boot().await?;
    let connection = running.try_get::<State<Connection>>()?;
    println!("using {}", connection.file);
    running.close().await?;
    Ok(())
}
