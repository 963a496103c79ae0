use bootstrap::prelude::*;

struct Borrowed<'a>(&'a str);

#[plugin(states = [Borrowed<'static>])]
struct Fine;

impl Hooks for Fine {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Borrowed<'static>> {
        Ok(Borrowed("x"))
    }
}

struct Other<'a>(&'a str);

#[plugin(states = [Other<'_>])]
struct NotFine;

impl Hooks for NotFine {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Other<'static>> {
        Ok(Other("x"))
    }
}

fn main() {}
