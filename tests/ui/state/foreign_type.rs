use bootstrap::prelude::*;

#[plugin(states = [Vec<u8>])]
struct Bytes;

impl Hooks for Bytes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

fn main() {}
