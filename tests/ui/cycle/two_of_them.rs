use bootstrap::prelude::*;

struct A;

#[plugin(states = [A])]
struct One {
    b: State<B>,
}

impl Hooks for One {
    async fn load(&mut self, _: &mut LoadContext) -> Result<A> {
        Ok(A)
    }
}

struct B;

#[plugin(states = [B])]
struct Two {
    a: State<A>,
}

impl Hooks for Two {
    async fn load(&mut self, _: &mut LoadContext) -> Result<B> {
        Ok(B)
    }
}

struct C;

#[plugin(states = [C])]
struct Three {
    d: State<D>,
}

impl Hooks for Three {
    async fn load(&mut self, _: &mut LoadContext) -> Result<C> {
        Ok(C)
    }
}

struct D;

#[plugin(states = [D])]
struct Four {
    c: State<C>,
    a: State<A>,
}

impl Hooks for Four {
    async fn load(&mut self, _: &mut LoadContext) -> Result<D> {
        Ok(D)
    }
}

fn main() {}
