use bootstrap::prelude::*;

#[plugin(name = "one", load_timeout = "1s", name = "two", load_timeout = "2s")]
struct Twice {
    #[option]
    #[option(default = 1)]
    number: u32,
    #[option]
    #[local]
    text: String,
    #[option(default = 1, required)]
    other: u32,
    #[local]
    #[local]
    memory: u8,
}

impl Hooks for Twice {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
