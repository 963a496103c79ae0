use bootstrap::prelude::*;

#[bootstrap::supplied]
struct Pool;

#[plugin]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        // A read without an edge is a race.
        let _ = cx.try_get::<State<Pool>>();
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        // It is too late for that.
        cx.register(Database);
        Ok(())
    }
}

fn main() {}
