//! Other orders than that of the plan.

use std::collections::BTreeSet;

use bootstrap::testing::{Record, paused};
use bootstrap::{App, plugin_fn};

fn four() -> App {
    let mut app = App::new();
    let base = app.register(plugin_fn("base", async |_| Ok(())));
    for name in ["a", "b", "c", "d"] {
        app.register(plugin_fn(name, async |_| Ok(()))).after(&base);
    }
    app
}

fn recorded(seed: Option<u64>, serial: bool) -> Record {
    let mut app = four();
    if let Some(seed) = seed {
        app = app.seed(seed);
    }
    if serial {
        app = app.max_concurrency(1);
    }
    let record = app.record();
    paused(async {
        app.boot().await.unwrap().close().await.unwrap();
    });
    record
}

#[test]
fn the_same_seed_is_the_same_order_and_another_one_another() {
    let orders: BTreeSet<Vec<String>> = (0..20)
        .map(|it| recorded(Some(it), false).lines())
        .collect();
    assert!(orders.len() > 10, "{}", orders.len());
    for seed in 0..5 {
        assert_eq!(
            recorded(Some(seed), false).lines(),
            recorded(Some(seed), false).lines()
        );
    }
}

#[test]
fn every_order_is_one_along_the_graph() {
    for seed in 0..20 {
        let record = recorded(Some(seed), false);
        for name in ["a", "b", "c", "d"] {
            record.assert_before("base: load done", &format!("{name}: load"));
            record.assert_before(&format!("{name}: close done"), "base: close");
        }
    }
}

#[test]
fn one_at_a_time_has_one_order() {
    assert_eq!(
        recorded(Some(3), true).begun().lines(),
        recorded(None, true).begun().lines()
    );
}
