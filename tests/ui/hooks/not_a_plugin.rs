use bootstrap::prelude::*;

struct Plain;

#[plugin(after = [Plain])]
struct Later;

impl Hooks for Later {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = App::new().with(Plain);
}
