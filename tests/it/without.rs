//! `App::disable` of a type that is not part of the app.

use bootstrap::plan::Location;
use bootstrap::prelude::*;

macro_rules! loads_nothing {
    ($($plugin:ty)*) => {$(
        impl Hooks for $plugin {
            async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
                Ok(())
            }
        }
    )*};
}

#[plugin(name = "consumer", collect = never)]
struct Consumer;

#[plugin(name = "server", children = [Routes], collect = never)]
struct Server;

#[plugin(name = "routes", collect = never)]
struct Routes;

loads_nothing!(Consumer Server Routes);

fn warnings(app: &App) -> Vec<String> {
    let plan = app.plan().unwrap();
    plan.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn a_type_of_which_there_is_no_plugin_is_a_warning() {
    let app = App::new().with(Server);
    let at = Location::new(file!(), line!() + 1, 1);
    let app = app.disable::<Consumer>("it only serves");
    assert_eq!(
        warnings(&app),
        [format!(
            "`Consumer` is disabled at {at}, and no plugin of this app is one"
        )]
    );
}

#[test]
fn a_type_that_is_registered_is_none_also_if_it_is_off_by_itself() {
    let app = App::new().disable::<Consumer>("it only serves");
    assert_eq!(warnings(&app.with(Consumer)), [""; 0]);
    let mut app = App::new().disable::<Consumer>("it only serves");
    app.register(Consumer).enabled(false, "not now");
    assert_eq!(warnings(&app), [""; 0]);
}

#[test]
fn a_type_that_a_member_is_declared_to_bring_is_none() {
    let app = App::new().with(Server).disable::<Routes>("no routes");
    assert_eq!(warnings(&app), [""; 0]);
    let without_server = App::new().disable::<Routes>("no routes");
    assert_eq!(warnings(&without_server).len(), 1);
}
