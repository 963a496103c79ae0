use bootstrap::prelude::*;

struct LeftState;
struct RightState;

#[plugin(states = [LeftState], children = [OfLeft])]
struct Left;

impl Hooks for Left {
    async fn load(&mut self, _: &mut LoadContext) -> Result<LeftState> {
        Ok(LeftState)
    }
}

#[plugin(collect = never)]
struct OfLeft {
    right: State<RightState>,
}

impl Hooks for OfLeft {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [RightState], children = [OfRight])]
struct Right;

impl Hooks for Right {
    async fn load(&mut self, _: &mut LoadContext) -> Result<RightState> {
        Ok(RightState)
    }
}

#[plugin(collect = never)]
struct OfRight {
    left: State<LeftState>,
}

impl Hooks for OfRight {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
