//! What looks like a cycle, and is none.

use bootstrap::prelude::*;

struct Config;
struct Table;
struct Names;
struct Pages;

#[plugin(states = [Config])]
struct ConfigPlugin;

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config)
    }
}

/// Parent and children may need the same, and children each other; both forms may be combined.
#[plugin(children = [Routes, NamesPlugin])]
struct Server {
    config: State<Config>,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [Table], child_of = Server)]
struct Routes {
    config: State<Config>,
    names: State<Names>,
}

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
        Ok(Table)
    }
}

#[plugin(states = [Names], child_of = Server, children = [Deep])]
struct NamesPlugin;

impl Hooks for NamesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Names> {
        Ok(Names)
    }
}

/// Below one child, and needs another one.
#[plugin(child_of = NamesPlugin)]
struct Deep {
    config: State<Config>,
}

impl Hooks for Deep {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [Pages], collect = never)]
struct Docs {
    table: State<Table>,
    names: State<Names>,
}

impl Hooks for Docs {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pages> {
        Ok(Pages)
    }
}

/// Several instances of a generic plugin are several children.
#[plugin(children = [Many<u8>, Many<u16>])]
struct Crowd;

impl Hooks for Crowd {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(collect = never)]
struct Many<T: Default + Send + Sync + 'static> {
    pages: Option<State<Pages>>,
    #[option]
    of: T,
}

impl<T: Default + Send + Sync + 'static> Hooks for Many<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

struct Toy<T>(T);

#[plugin(states = [Toy<T>], collect = never)]
struct Toys<T: Default + Send + Sync + 'static> {
    #[option]
    of: T,
}

impl<T: Default + Send + Sync + 'static> Hooks for Toys<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Toy<T>> {
        Ok(Toy(T::default()))
    }
}

/// Brings one instance, and needs another one.
#[plugin(collect = never, children = [Toys<u8>])]
struct Shelf {
    toy: State<Toy<u16>>,
}

impl Hooks for Shelf {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// Within one instance, and needs another one.
#[plugin(child_of = Toys<u8>)]
struct Box {
    toy: State<Toy<u16>>,
}

impl Hooks for Box {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {
    let app = App::new().with(Docs::default()).with(Server::default());
    let plan = app.with(ConfigPlugin).with(Crowd).plan().unwrap();
    let children = plan.order().map(|it| it.children().count());
    assert_eq!(children.sum::<usize>(), 5);
}
