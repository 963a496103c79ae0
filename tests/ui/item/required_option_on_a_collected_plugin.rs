use bootstrap::prelude::*;

#[plugin]
struct Server {
    #[option(required)]
    port: u16,
    #[option(default = 4)]
    threads: usize,
    #[option(required)]
    host: String,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = App::new().with(Server {
        port: 80,
        threads: 2,
        host: String::new(),
    });
}
