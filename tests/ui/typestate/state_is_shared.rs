use bootstrap::prelude::*;

struct Counter(u32);

#[plugin(states = [Counter])]
struct Counters;

impl Hooks for Counters {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Counter> {
        Ok(Counter(0))
    }
}

#[plugin]
struct Adder {
    counter: State<Counter>,
}

impl Hooks for Adder {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.counter.0 += 1;
        Ok(())
    }
}

fn main() {}
