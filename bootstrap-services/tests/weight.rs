//! What each service adds to a build, in crates.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::process::Command;

/// Returns the crates that `arguments` of `cargo tree` list.
fn crates(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| line.replace(" (*)", "").replace(" (proc-macro)", ""))
        .collect()
}

fn with(feature: &str) -> BTreeSet<String> {
    crates(&[
        "-p",
        "bootstrap-services",
        "--no-default-features",
        "--features",
        feature,
    ])
}

#[test]
fn each_feature_adds_only_what_its_crates_bring() {
    // The most crates that a program with this feature alone consists of.
    let limits = [
        ("", 45),
        ("named", 45),
        ("sse", 53),
        ("events", 53),
        ("cron", 64),
        ("cache", 67),
        ("limits", 66),
        ("logger", 72),
        ("metrics", 76),
        ("database", 130),
        ("audit", 130),
        ("jobs", 131),
        ("workflows", 131),
        ("external", 131),
        ("processes", 130),
    ];
    let heavier: Vec<_> = limits
        .into_iter()
        .map(|(feature, limit)| (feature, limit, with(feature).len()))
        .filter(|(_, limit, found)| found > limit)
        .collect();
    assert!(heavier.is_empty(), "feature, limit, found: {heavier:?}");
}

#[test]
fn hello_world_is_built_without_the_services() {
    let core = crates(&["-p", "bootstrap"]);
    assert!(core.len() <= 27, "{core:#?}");
}
