use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {}

trait Mailer: Send + Sync {}

struct Sent;

#[plugin(states = [Sent], ports = [dyn Mailer], collect = never)]
struct Mail;

impl Hooks for Mail {
    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        Ok(())
    }
}

// What depends on them has no errors of its own.
#[plugin]
struct Api {
    pool: State<Pool>,
    sent: Option<State<Sent>>,
}

impl Hooks for Api {}

fn main() {}
