use bootstrap::prelude::*;

struct Pool;

#[plugin(
    name = [database],
    states = Pool,
    load_timeout = 5,
    close_timeout = "5 parsecs",
    collect = "no",
    after,
    "text",
    replaces = 3
)]
struct Database {
    #[option(default)]
    one: u32,
    #[option(defautl = 3)]
    two: u32,
    #[option = 3]
    three: u32,
    #[local(4)]
    four: u32,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {}
