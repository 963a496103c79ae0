//! Services that no plugin requires.

use bootstrap::{App, Configuration};
use bootstrap_services as _;

/// It costs nothing at boot: it is not in the plan.
#[test]
fn a_service_that_no_plugin_requires_does_not_join_the_app() {
    // The page of the metrics is for operators, and joins unless it is disabled.
    let configuration = Configuration::new().set("metrics.enabled", false);
    let plan = App::collect().configure(configuration).plan().unwrap();
    let names = plan.order().map(|plugin| plugin.name().to_string());
    let joined: Vec<_> = names.filter(|name| !is_of_the_web_layer(name)).collect();
    assert_eq!(joined, Vec::<String>::new());
}

/// The tests are built with `bootstrap-web`, whose plugins join on their own.
fn is_of_the_web_layer(name: &str) -> bool {
    ["web", "http", "health", "proxies", "access-log", "config"]
        .iter()
        .any(|ours| {
            name == *ours
                || name.starts_with(&format!("{ours}/"))
                || name.starts_with(&format!("{ours}."))
        })
}
