//! What is known by its trait alone is provided at a port. Code that uses the field has no errors.

use bootstrap::prelude::{Hooks, Lazy, LoadContext, ReadyContext, Result, State, plugin};

trait Mailer: Send + Sync {
    fn send(&self) {}
}

#[bootstrap::supplied]
struct Pool;


#[plugin]
struct Welcome {
    pool: State<Pool>,
    mailer: State<dyn Mailer>,
    maybe: Option<State<dyn Mailer + 'static>>,
    later: Lazy<bootstrap::State<dyn Mailer>>,
}

impl Hooks for Welcome {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.mailer.send();
        if let Some(mailer) = &self.maybe {
            mailer.send();
        }
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.later.try_get()?.send();
        Ok(())
    }
}

fn main() {}
