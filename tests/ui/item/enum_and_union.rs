//! What is no struct is reported, and keeps the rest of the program from nothing.

use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
enum Database {
    Sqlite,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin]
union Bits {
    float: f32,
    int: u32,
}

impl Hooks for Bits {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct Server {
    pool: State<Pool>,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = App::new().with(Database::Sqlite).with(Bits::default());
}
