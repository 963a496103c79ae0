//! Compile errors of `bootstrap-web`: what the compiler reports for each mistake, word for word.
//!
//! One mistake a file, named after it. To update the snapshots after a change, run
//! `TRYBUILD=overwrite cargo test -p bootstrap-tests --test web_ui`, and review the diff.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;

const FOLDERS: [&str; 5] = ["argument", "handler", "hook", "set", "attribute"];

#[test]
fn mistakes_are_reported_at_the_users_token() {
    let cases = trybuild::TestCases::new();
    for folder in FOLDERS {
        cases.compile_fail(format!("web_ui/{folder}/*.rs"));
    }
}

const TWO_ERRORS: [&str; 2] = [
    // `Rc` is neither `Send` nor `Sync`, which rustc reports one by one.
    "handler/captures_what_is_not_send",
    // The list of what is given stays ambiguous for the route behind both hooks.
    "hook/two_give_one_type_to_a_route",
];

/// rustc shows excerpts of the standard library only where the component `rust-src` is installed, so a
/// snapshot that has one fails on the default components.
#[test]
fn snapshots_have_one_error_and_do_not_quote_the_standard_library() {
    let snapshots = snapshots();
    assert!(snapshots.len() > 50, "only {} snapshots", snapshots.len());
    for (name, text) in snapshots {
        for place in ["$RUST", "/rustc/", "/rustlib/"] {
            assert!(!text.contains(place), "{name} quotes `{place}`");
        }
        let errors = text.lines().filter(|line| line.starts_with("error"));
        let expected = if TWO_ERRORS.contains(&&*name) { 2 } else { 1 };
        assert_eq!(errors.count(), expected, "{name}");
    }
}

/// Their names, `folder/file`, and texts.
fn snapshots() -> Vec<(String, String)> {
    let files = |folder| fs::read_dir(format!("web_ui/{folder}")).unwrap();
    let paths = FOLDERS
        .into_iter()
        .flat_map(|folder| files(folder).map(move |file| (folder, file.unwrap().path())));
    let snapshots = paths.filter(|(_, path)| path.extension() == Some("stderr".as_ref()));
    let read = snapshots.map(|(folder, path)| {
        let name = format!("{folder}/{}", path.file_stem().unwrap().display());
        (name, fs::read_to_string(path).unwrap())
    });
    read.collect()
}

/// Blocks of `text` are messages of this crate; those of axum are `console`.
#[test]
fn the_guide_quotes_the_snapshots() {
    let snapshots = snapshots();
    let page = fs::read_to_string("../bootstrap-web/guide/compile-errors.md").unwrap();
    let blocks = page.split("```text\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let mut quoted = 0;
    for line in blocks.flat_map(str::lines) {
        quoted += 1;
        let line = without_number(line);
        let is_quoted = |(_, text): &(String, String)| {
            text.lines().map(without_number).any(|known| known == line)
        };
        assert!(snapshots.iter().any(is_quoted), "no snapshot has `{line}`");
    }
    assert!(quoted > 40, "only {quoted} lines are quoted");
}

/// A line of a message without the number of the line of code that it shows.
fn without_number(line: &str) -> &str {
    line.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' ')
}
