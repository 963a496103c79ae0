use bootstrap::prelude::*;

struct One;
struct Other;

#[plugin]
struct Parent;

impl Hooks for Parent {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [One], child_of = Parent)]
struct First {
    other: State<Other>,
}

impl Hooks for First {
    async fn load(&mut self, _: &mut LoadContext) -> Result<One> {
        Ok(One)
    }
}

#[plugin(states = [Other], child_of = Parent)]
struct Second {
    one: State<One>,
}

impl Hooks for Second {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Other> {
        Ok(Other)
    }
}

fn main() {}
