use bootstrap::prelude::*;

#[plugin]
struct Http {
    #[option(default = 80)]
    port: u16,
}

impl Http {
    fn port(&self) -> u16 {
        self.port
    }
}

impl Hooks for Http {}

fn main() {}
