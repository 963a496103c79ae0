//! The same plugin twice, with separate states.
//!
//! `register` returns a registration, and its `handle()` is one that can be put into the field
//! of another plugin before anything has loaded: that is how a plugin is told which one it gets.

use bootstrap::prelude::*;

struct Greeting(String);

#[plugin(states = [Greeting], collect = never)]
struct Greeter {
    /// There is no default: whoever registers the plugin has to say it.
    #[option(required)]
    word: &'static str,
}

impl Hooks for Greeter {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Greeting> {
        println!("{} loads", cx.name());
        Ok(Greeting(format!("{}!", self.word)))
    }
}

#[plugin(collect = never)]
struct Speaker {
    first: State<Greeting>,
    second: State<Greeting>,
}

impl Hooks for Speaker {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        println!("{} {}", self.first.0, self.second.0);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut app = App::new();
    let hello = app.register(Greeter { word: "hello" });
    let servus = app.register(Greeter { word: "servus" });
    app.register(Speaker {
        first: hello.handle(),
        second: servus.handle(),
    });
    // One at a time, so that this program prints the same every time.
    app.max_concurrency(1).boot().await?.close().await?;
    Ok(())
}
