use std::rc::Rc;

use bootstrap::prelude::*;

struct Shared(Rc<u8>);

#[plugin(states = [Shared])]
struct Sharer;

impl Hooks for Sharer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Shared> {
        Ok(Shared(Rc::new(1)))
    }
}

fn main() {}
