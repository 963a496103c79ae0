use bootstrap::prelude::*;

struct Pool;

#[plugin(nam = "database", state = [Pool], load_timeot = "5s", colect = never, befor = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {
    // The item is usable all the same: one mistake is one error.
    let _ = App::new().with(Database);
}
