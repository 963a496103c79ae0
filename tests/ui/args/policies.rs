use bootstrap::prelude::*;

#[plugin(retry = "3", supervise = 3)]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(retries = 3, restart)]
struct Client;

impl Hooks for Client {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

const ATTEMPTS: u32 = 3;

#[plugin(retry = ATTEMPTS)]
struct Worker;

impl Hooks for Worker {}

fn main() {}
