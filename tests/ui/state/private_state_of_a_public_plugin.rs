use bootstrap::prelude::*;

mod database {
    use bootstrap::prelude::*;

    struct Pool;

    #[plugin(states = [Pool])]
    pub struct Database;

    impl Hooks for Database {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
            Ok(Pool)
        }
    }
}

fn main() {
    let _ = App::new().with(database::Database);
}
