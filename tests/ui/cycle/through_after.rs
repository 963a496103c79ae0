use bootstrap::prelude::*;

struct A;

#[plugin(states = [A], after = [Second])]
struct First;

impl Hooks for First {
    async fn load(&mut self, _: &mut LoadContext) -> Result<A> {
        Ok(A)
    }
}

struct B;

#[plugin(states = [B])]
struct Second {
    a: State<A>,
}

impl Hooks for Second {
    async fn load(&mut self, _: &mut LoadContext) -> Result<B> {
        Ok(B)
    }
}

fn main() {}
