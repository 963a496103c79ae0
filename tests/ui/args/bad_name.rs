use bootstrap::prelude::*;

#[plugin(name = "")]
struct Empty;

#[plugin(name = "two words")]
struct Spaced;

#[plugin(name = "config#1")]
struct Numbered;

macro_rules! loads {
    ($($plugin:ty)*) => {$(
        impl Hooks for $plugin {
            async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
                Ok(())
            }
        }
    )*};
}

loads!(Empty Spaced Numbered);

fn main() {}
