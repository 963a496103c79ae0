use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

#[derive(Default)]
struct Session {
    user: String,
}

#[plugin(states = [Session])]
struct Sessions;

impl Hooks for Sessions {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Session> {
        Ok(Session::default())
    }
}

async fn authenticate(session: State<Session>) {
    session.user = "ada".to_owned();
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(authenticate)
}

fn main() {}
