use bootstrap::prelude::*;

struct Pool;
struct Cache;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {
    let mut app = App::new();
    let database = app.register(Database);
    let _: State<Cache> = database.handle();
}
