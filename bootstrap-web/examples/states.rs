//! States: a plugin provides them, handlers take them.
//!
//! `cargo run -p bootstrap-web --example states --all-features`, and then `curl localhost:3000/visits`.

use std::sync::atomic::{AtomicU64, Ordering};

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

/// Counts visits.
#[derive(Default)]
struct Visits(AtomicU64);

/// How the service greets.
struct Greeting(String);

#[plugin(name = "visits", states = [Visits, Greeting])]
struct VisitsPlugin {
    #[option(default = "welcome".into())]
    greeting: String,
}

impl Hooks for VisitsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Visits, Greeting)> {
        Ok((Visits::default(), Greeting(self.greeting.clone())))
    }
}

/// The arguments are requirements: without a plugin that provides them this does not compile.
async fn visit(visits: State<Visits>, greeting: State<Greeting>) -> String {
    let number = visits.0.fetch_add(1, Ordering::Relaxed) + 1;
    format!("{}, visitor {number}", greeting.0)
}

async fn count(visits: State<Visits>) -> String {
    visits.0.load(Ordering::Relaxed).to_string()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/visits", count).post("/visits", visit)
}

#[tokio::main]
async fn main() -> bootstrap::Exit {
    let _log = bootstrap::log_to_stderr("info");
    App::collect().run().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_apps_have_states_of_their_own() -> Result<()> {
        let app = |greeting: &str| {
            let visits = VisitsPlugin::default().greeting(greeting.to_owned());
            App::only(Api::default())
                .with(WebPlugin::default())
                .with(visits)
        };
        let one = app("hello").boot().await?;
        let two = app("hi").boot().await?;
        let client = one.try_get::<State<Web>>()?.client();
        client.post("/visits").await.assert_text("hello, visitor 1");
        client.post("/visits").await.assert_text("hello, visitor 2");
        client.get("/visits").await.assert_text("2");
        let client = two.try_get::<State<Web>>()?.client();
        client.post("/visits").await.assert_text("hi, visitor 1");
        one.close().await?;
        two.close().await?;
        Ok(())
    }
}
