//! The report of what happened.

use std::collections::BTreeSet;
use std::time::Duration;

use bootstrap::report::Outcome;
use bootstrap::{App, plugin_fn};
use support::{Probe, Trace, fails, hangs, paused, register_graph, takes};

/// A52: the tree that avvio prints, with the time that each load took itself; a plugin hangs
/// under the one that it waited for last.
#[test]
fn the_boot_is_drawn_as_a_tree_of_waiting() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probe = |name, millis| {
            Probe::new(name, &trace)
                .load(takes(millis))
                .close(takes(millis))
        };
        let probes = vec![
            probe("config", 2),
            probe("database", 51),
            probe("api", 3),
            probe("metrics", 1),
            probe("cache", 5),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[1, 4], &[], &[0]]);
        let running = app.boot().await.unwrap();
        assert_eq!(
            running.report().to_string(),
            "boot 56 ms\n\
             ├─┬ config 2 ms\n\
             │ ├── cache 5 ms\n\
             │ └─┬ database 51 ms\n\
             │   └── api 3 ms\n\
             └── metrics 1 ms"
        );
        let report = running.close().await.unwrap();
        assert_eq!(
            report.close_tree(),
            "close 56 ms\n\
             ├─┬ api 3 ms\n\
             │ ├─┬ database 51 ms\n\
             │ │ └── config 2 ms\n\
             │ └── cache 5 ms\n\
             └── metrics 1 ms"
        );
    });
}

/// What a close spends its time on is often not `close`.
#[test]
fn a_report_holds_every_hook_and_the_tree_shows_those_that_took_time() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new().close_timeout(Duration::from_millis(500));
        let probes = vec![
            Probe::new("database", &trace).close(takes(3)),
            Probe::new("http", &trace)
                .ready(takes(7))
                .run(hangs())
                .drain(takes(310)),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let app = app.on_close(async |_| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        });
        let running = app.boot().await.unwrap();
        assert_eq!(
            running.report().boot_tree(),
            "boot 7 ms\n└─┬ database 0 us\n  └── http 0 us (ready 7 ms)"
        );
        let run = running.report().plugin("http").unwrap().run().unwrap();
        assert_eq!(run.outcome, Outcome::Started);

        let error = running.close().await.unwrap_err();
        let report = error.report();
        assert_eq!(
            report.close_tree(),
            "close 833 ms (drain 310 ms, stop 500 ms, hooks 20 ms)\n\
             └─┬ http 0 us (drain 310 ms, stop 500 ms timed out)\n  \
             └── database 3 ms"
        );
        let http = report.plugin("http").unwrap();
        assert_eq!(http.run().unwrap().outcome, Outcome::Cancelled);
        assert_eq!(http.run().unwrap().took, Some(Duration::from_millis(810)));
        assert_eq!(report.closing.unwrap().close, Duration::from_millis(3));
    });
}

#[test]
fn the_tree_of_a_failed_boot_shows_how_each_load_ended() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).load(takes(1)),
            Probe::new("b", &trace).load(fails("no")),
            Probe::new("c", &trace).load(hangs()),
            Probe::new("d", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[], &[1]]);
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.report().boot_tree(),
            "boot 1 ms\n├─┬ a 1 ms\n│ └── b 0 us failed\n└── c 1 ms cancelled"
        );
        let d = error.report().plugin("d").unwrap();
        assert_eq!(d.load.outcome, Outcome::NotStarted);
        assert_eq!(d.load.began, None);
    });
}

#[test]
fn a_report_can_be_had_while_booting() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("quick", &trace))
            .with(Probe::new("slow", &trace).load(takes(10)));
        let handle = app.handle();
        assert_eq!(handle.report().plugins.len(), 0);
        let boot = tokio::spawn(app.boot());
        tokio::time::sleep(Duration::from_millis(5)).await;
        let report = handle.report();
        assert_eq!(report.boot, None);
        assert_eq!(
            report.plugin("slow").unwrap().load.outcome,
            Outcome::Started
        );
        assert_eq!(report.plugin("quick").unwrap().load.outcome, Outcome::Done);
        assert_eq!(report.boot_tree(), "boot\n├── quick 0 us\n└── slow running");
        boot.await.unwrap().unwrap().close().await.unwrap();
    });
}

#[test]
fn a_report_finds_plugins_by_the_name_of_their_instance() {
    paused(async {
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("twin", &trace))
            .with(Probe::new("twin", &trace).load(takes(1)));
        let report = app.boot().await.unwrap().close().await.unwrap();
        assert!(report.plugin("twin").is_none());
        assert_eq!(
            report.plugin("twin#2").unwrap().load.took,
            Some(Duration::from_millis(1))
        );
    });
}

#[test]
fn a_report_and_a_plan_can_be_serialized() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("a", &trace).load(takes(2)),
            Probe::new("b", &trace).load(takes(3)),
        ];
        register_graph(&mut app, probes, &[&[], &[0]]);
        let plan = serde_json::to_value(app.plan().unwrap()).unwrap();
        assert_eq!(plan["plugins"][1]["name"], "b");
        assert_eq!(plan["plugins"][1]["requires"], serde_json::json!([0]));
        assert!(plan["plugins"][1]["registered"]["line"].is_u64());

        let report = app.boot().await.unwrap().close().await.unwrap();
        let report = serde_json::to_value(report).unwrap();
        assert_eq!(report["boot_us"], 5_000);
        assert_eq!(
            report["plugins"][1]["load"],
            serde_json::json!({
                "outcome": "done",
                "began_us": 2_000,
                "took_us": 3_000,
                "released_by": 0,
            })
        );
    });
}

/// The keys of JSON at every depth.
fn keys(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

/// A51: what the boot did is data. The keys are documented, and are not those of avvio, whose tree has one
/// time for each plugin.
#[test]
fn the_json_of_a_report_has_the_keys_that_the_guide_lists() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        app.register(plugin_fn("parent", async |cx| {
            cx.progress("half way");
            cx.register(plugin_fn("child", async |_| Ok(())));
            Ok(())
        }));
        let probes = vec![Probe::new("a", &trace).load(takes(2))];
        register_graph(&mut app, probes, &[&[]]);
        let report = app.boot().await.unwrap().close().await.unwrap();
        let json = serde_json::to_value(&report).unwrap();

        let plugins = json["plugins"].as_array().unwrap();
        let all = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert!(plugins.iter().all(|plugin| all(plugin) == all(&plugins[0])));
        let place = |name: &str| plugins.iter().position(|plugin| plugin["name"] == name);
        let child = &plugins[place("parent/child").unwrap()];
        assert_eq!(child["parent"], serde_json::json!(place("parent")));

        let mut found = BTreeSet::new();
        keys(&json, &mut found);
        let guide = include_str!("../../bootstrap/guide/14-see.md");
        let (_, table) = guide.split_once("| of | keys |").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let rows = table.lines().filter_map(|row| row.split('|').nth(2));
        let listed = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2));
        let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
        assert_eq!(found, listed);
    });
}

/// Whoever needed it and never loaded is passed over.
#[test]
fn a_plugin_is_drawn_although_what_needed_it_had_not_begun() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("base", &trace),
            Probe::new("fails", &trace).load(fails("no")),
            Probe::new("never", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[0], &[0]]);
        let error = app.max_concurrency(1).boot().await.unwrap_err();
        assert_eq!(error.report().close_tree(), "close 0 us\n└── base 0 us");
    });
}
