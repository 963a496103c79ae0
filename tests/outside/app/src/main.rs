use bootstrap::prelude::*;

#[plugin]
struct Api {
    pool: State<store::Pool>,
}

impl Hooks for Api {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        println!("{} connections", self.pool.0);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let running = App::collect().boot().await?;
    println!("{:?}", running.plan());
    running.close().await?;
    Ok(())
}
