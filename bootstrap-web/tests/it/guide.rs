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

/// The definitions of labels in a text: `("page-routes", "01-routes.md")`.
fn labels(text: &str) -> BTreeSet<(&str, &str)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('['));
    let definitions = lines.filter_map(|line| line.split_once("]: "));
    definitions
        .filter(|(label, _)| label.starts_with("page-"))
        .collect()
}

fn pages() -> Vec<String> {
    let entries = fs::read_dir("guide").unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let names = files.map(|file| file.file_name().into_string().unwrap());
    names.filter(|name| name != "README.md").collect()
}

#[test]
fn every_page_is_listed_in_the_guide() {
    let module = fs::read_to_string("src/guide.rs").unwrap();
    for name in pages() {
        assert!(module.contains(&format!("../guide/{name}")), "{name}");
        let found = labels(README).into_iter().find(|(_, file)| *file == name);
        let (label, _) = found.expect(&name);
        assert!(README.contains(&format!("][{label}] |")), "{name}");
    }
}

#[test]
fn pages_link_to_each_other_in_the_repository_and_in_the_documentation() {
    let list = labels(README);
    for name in pages() {
        let text = fs::read_to_string(format!("guide/{name}")).unwrap();
        let defined = labels(&text);
        assert!(defined.is_subset(&list), "{name}: {defined:?}");
        let used = text.split("][").skip(1);
        let used = used.filter_map(|rest| rest.split(']').next());
        let used: BTreeSet<&str> = used.filter(|label| label.starts_with("page-")).collect();
        let defined: BTreeSet<&str> = defined.into_iter().map(|(label, _)| label).collect();
        assert_eq!(used, defined, "{name}");
        assert!(!text.contains("(crate::guide::"), "{name}");
    }
    let modules = include_str!("../../guide/links/pages.md");
    for ((label, module), (other, _)) in labels(modules).into_iter().zip(list) {
        assert_eq!(label, other);
        let name = label.trim_start_matches("page-").replace('-', "_");
        assert_eq!(module, format!("mod@crate::guide::{name}"));
    }
}

const RESOURCE: &str = include_str!("../../guide/resource.md");
const NOTES: &str = include_str!("../../examples/notes/main.rs");

/// Returns the blocks of a kind in a page.
fn blocks(page: &'static str, kind: &str) -> Vec<&'static str> {
    let open = format!("\n```{kind}\n");
    let parts = page.split(&open).skip(1);
    parts
        .filter_map(|part| Some(part.split_once("\n```")?.0))
        .collect()
}

/// An open line of the web issue: a resource takes fewer than 70 lines.
#[test]
fn the_page_about_a_resource_has_its_whole_example_in_the_number_of_lines_that_it_promises() {
    let (program, test) = NOTES.split_once("#[cfg(test)]").unwrap();
    let [code @ .., of_test] = &*blocks(RESOURCE, "rust,ignore") else {
        panic!("no blocks");
    };
    // In a crate of its own, the migrations are where sqlx looks for them.
    let code = code
        .join("\n\n")
        .replace("migrate!()", "migrate!(\"examples/notes\")");
    let (head, program) = program.split_once("\n\n").unwrap();
    assert!(head.starts_with("//!"), "{head}");
    assert_eq!(code.trim(), program.trim());

    let lines = program.lines().filter(|line| !line.trim().is_empty());
    let lines = lines.count();
    assert!(RESOURCE.contains(&format!("in {lines} lines")), "{lines}");
    assert!(lines < 70, "{lines}");

    for line in of_test.lines() {
        let line = line.replace("migrate!()", "migrate!(\"examples/notes\")");
        assert!(test.contains(&line), "{line}");
    }
    let tables = include_str!("../../examples/notes/1_notes.sql").trim();
    assert_eq!(blocks(RESOURCE, "sql"), [tables]);
}
