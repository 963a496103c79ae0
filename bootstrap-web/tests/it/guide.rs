//! The guide is complete.

use std::collections::BTreeSet;
use std::fs;

const README: &str = include_str!("../../guide/README.md");

/// Returns the first parts of the lines of a text that begin and continue as given.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> BTreeSet<&'a str> {
    let lines = text.lines();
    let part = |line: &'a str| Some(line.strip_prefix(begin)?.split_once(end)?.0);
    lines.filter_map(part).collect()
}

#[test]
fn every_feature_is_in_the_table_of_the_guide() {
    let manifest = include_str!("../../Cargo.toml");
    let features = manifest.split_once("\n[features]\n").unwrap().1;
    let features = features.split_once("\n[").unwrap().0;
    let mut features = between(features, "", " = [");
    features.remove("default");
    assert_eq!(between(README, "| `", "` | "), features);
}

#[test]
fn every_page_is_listed_in_the_guide() {
    let listed: BTreeSet<_> = README
        .lines()
        .filter_map(|line| {
            Some(
                line.strip_prefix("| [")?
                    .split_once("](")?
                    .1
                    .split_once(')')?
                    .0,
            )
        })
        .collect();
    let module = fs::read_to_string("src/guide.rs").unwrap();
    for entry in fs::read_dir("guide").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(module.contains(&format!("../guide/{name}")), "{name}");
        assert!(
            name == "README.md" || listed.contains(name.as_str()),
            "{name}"
        );
    }
}
