use bootstrap::prelude::*;

struct Pool;

trait Driver: Send + Sync + 'static {}

struct Postgres;

impl Driver for Postgres {}

struct Connections<D>(std::marker::PhantomData<D>);

#[plugin(states = [Connections<D>], collect = never)]
struct Database<D: Driver> {
    #[local]
    driver: std::marker::PhantomData<D>,
}

impl<D: Driver> Hooks for Database<D> {}

// The compiler evaluates it where the plugin is used, but only when it builds; `trybuild` checks.
const _: () = {
    let _declaration = <Database<Postgres> as bootstrap::extend::Declare>::DECLARATION;
};

fn main() {
    let _ = Pool;
    let _app = App::new().with(Database::<Postgres>::default());
}
