// What `verify!` takes is an app. (`@check` is what the test does that it makes: `trybuild` builds
// no tests.)
use bootstrap::prelude::*;

fn my_app() -> App {
    App::collect()
}

fn main() {
    bootstrap::verify!(@check my_app);
    bootstrap::verify!(@check "config");
    bootstrap::verify!(@check my_app().plan(), ["config"]);
}
