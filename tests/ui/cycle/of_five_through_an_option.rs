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
    c: State<C>,
}

impl Hooks for Two {
    async fn load(&mut self, _: &mut LoadContext) -> Result<B> {
        Ok(B)
    }
}

struct C;

#[plugin(states = [C])]
struct Three {
    d: Option<State<D>>,
}

impl Hooks for Three {
    async fn load(&mut self, _: &mut LoadContext) -> Result<C> {
        Ok(C)
    }
}

struct D;

#[plugin(states = [D])]
struct Four {
    e: State<E>,
}

impl Hooks for Four {
    async fn load(&mut self, _: &mut LoadContext) -> Result<D> {
        Ok(D)
    }
}

struct E;

#[plugin(states = [E])]
struct Five {
    a: State<A>,
    free: State<Free>,
}

impl Hooks for Five {
    async fn load(&mut self, _: &mut LoadContext) -> Result<E> {
        Ok(E)
    }
}

struct Free;

#[plugin(states = [Free])]
struct Aside;

impl Hooks for Aside {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Free> {
        Ok(Free)
    }
}

fn main() {}
