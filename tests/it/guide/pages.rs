//! The guide can be read from the first page to the last in the repository. `cargo doc` checks the
//! links of the crate docs.

use std::fs;

use super::{folder, read};

/// Every page, in its order: `("first-service", "01-first-service.md")`.
fn pages() -> Vec<(String, String)> {
    let names = fs::read_dir(folder()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let numbered = |name: &String| name.starts_with(|c: char| c.is_ascii_digit());
    let mut names: Vec<String> = names.filter(numbered).collect();
    names.sort();
    let label = |name: &String| name[3..].trim_end_matches(".md").to_owned();
    names
        .iter()
        .map(|name| (label(name), name.clone()))
        .collect()
}

/// The link definitions of a page, `[label]: target` at the beginning of a line.
fn definitions(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('['));
    lines.filter_map(|line| line.split_once("]: ")).collect()
}

/// R60: every part of the library has a page, and pages have one shape.
#[test]
fn each_page_begins_with_a_title_and_ends_with_what_can_go_wrong_and_the_next_page() {
    let pages = pages();
    let next = pages
        .iter()
        .skip(1)
        .map(|(label, _)| format!("Next: [{{}}][page-{label}]"));
    let next = next.chain(["Back to the [{}][page-first-service].".to_owned()]);
    for ((_, file), next) in pages.iter().zip(next) {
        let text = read(file);
        assert!(text.starts_with("# "), "{file}");
        let (_, end) = text.split_once("\n## What can go wrong\n").expect(file);
        assert!(!end.contains("\n## "), "{file} has a section after that");
        let (before, after) = next.split_once("{}").unwrap();
        let is_next = |line: &str| line.starts_with(before) && line.ends_with(after);
        assert!(end.lines().any(is_next), "{file} does not end with {next}");
    }
}

#[test]
fn the_list_of_pages_has_all_of_them_in_their_order() {
    let text = read("README.md");
    let listed: Vec<(String, String)> = definitions(&text)
        .into_iter()
        .map(|(label, file)| (label.replacen("page-", "", 1), file.to_owned()))
        .collect();
    assert_eq!(listed, pages());
    let labels = text.lines().filter_map(|line| line.split_once("][page-"));
    let labels: Vec<&str> = labels
        .filter_map(|(_, rest)| rest.split(']').next())
        .collect();
    let expected: Vec<String> = pages().into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, expected);
}

#[test]
fn links_to_other_pages_are_defined_as_files_and_as_modules() {
    let pages = pages();
    let links = read("links/pages.md");
    let modules: Vec<(String, String)> = definitions(&links)
        .into_iter()
        .map(|(label, module)| (label.to_owned(), module.to_owned()))
        .collect();
    let expected = pages.iter().map(|(label, _)| {
        let module = format!("crate::guide::{}", label.replace('-', "_"));
        (format!("page-{label}"), module)
    });
    assert_eq!(modules, expected.collect::<Vec<_>>());
    for (_, file) in &pages {
        let text = read(file);
        let defined = definitions(&text);
        for (label, target) in &defined {
            let meant = pages
                .iter()
                .find(|(page, _)| *label == format!("page-{page}"));
            assert_eq!(
                meant.map(|(_, file)| file.as_str()),
                Some(*target),
                "{file}"
            );
            assert!(
                text.contains(&format!("][{label}]")),
                "{file} does not use {label}"
            );
        }
        for used in text.split("][page-").skip(1) {
            let label = format!("page-{}", used.split(']').next().unwrap());
            assert!(
                defined.iter().any(|(it, _)| *it == label),
                "{file}: {label}"
            );
        }
    }
}
