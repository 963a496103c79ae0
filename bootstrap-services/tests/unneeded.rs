//! Services that no plugin requires.

use bootstrap::{App, Configuration};
use bootstrap_services as _;

/// It costs nothing at boot: it is not in the plan. The plugins of the web layer, which the tests are built with, join on their own.
#[test]
fn a_service_that_no_plugin_requires_does_not_join_the_app() {
    // The page of the metrics is for operators, and joins unless it is disabled.
    let configuration = Configuration::new().set("metrics.enabled", false);
    let plan = App::collect().configure(configuration).plan().unwrap();
    let services = plan.order().filter(|plugin| {
        let file = plugin.declared().to_string().replace('\\', "/");
        file.contains("bootstrap-services/src/")
    });
    let joined: Vec<_> = services.map(|plugin| plugin.name().to_string()).collect();
    assert_eq!(joined, Vec::<String>::new());
}

#[test]
fn the_services_that_are_required_do_join() {
    let plan = App::collect().plan().unwrap();
    let places: Vec<_> = plan.order().map(|it| it.declared().to_string()).collect();
    let is_ours = |place: &&String| place.contains("bootstrap-services/src/");
    assert!(places.iter().filter(is_ours).count() >= 2, "{places:#?}");
}
