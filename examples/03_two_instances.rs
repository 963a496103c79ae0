//! The same plugin twice, with separate states.
//!
//! `register` returns a registration. Its `handle()` can be put into the field of another plugin
//! before anything has loaded, and binds that field to this instance.

use bootstrap::prelude::*;

struct Greeting(String);

#[plugin(states = [Greeting], collect = never)]
struct Greeter {
    /// An option without a default: it is an argument of `Greeter::new`.
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
    let hello = app.register(Greeter::new("hello"));
    let servus = app.register(Greeter::new("servus"));
    app.register(Speaker {
        first: hello.handle(),
        second: servus.handle(),
    });
    // One hook at a time, so that this program always prints the same.
    app.max_concurrency(1).boot().await?.close().await?;
    Ok(())
}
