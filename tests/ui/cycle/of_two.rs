use bootstrap::prelude::*;

struct Egg;

#[plugin(states = [Egg])]
struct Chicken {
    egg: State<Hen>,
}

impl Hooks for Chicken {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Egg> {
        Ok(Egg)
    }
}

struct Hen;

#[plugin(states = [Hen])]
struct EggLayer {
    egg: State<Egg>,
}

impl Hooks for EggLayer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Hen> {
        Ok(Hen)
    }
}

fn main() {}
