//! Compile errors: what the compiler says to each mistake, word for word.
//!
//! One mistake a file, named after it. To take the messages over after a change, run
//! `TRYBUILD=overwrite cargo test -p bootstrap-tests --test ui`, and read them aloud.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::Path;

/// rustc shows excerpts of the standard library only where the component `rust-src` is installed, so
/// a snapshot that has one fails on the default components.
#[test]
fn no_snapshot_quotes_the_standard_library() {
    let mut snapshots = 0;
    let mut quoting = Vec::new();
    for folder in fs::read_dir("ui").unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension() != Some("stderr".as_ref()) {
                continue;
            }
            snapshots += 1;
            if quotes_the_standard_library(&path) {
                quoting.push(path);
            }
        }
    }
    assert!(snapshots > 100, "only {snapshots} snapshots were found");
    assert!(quoting.is_empty(), "{quoting:?}");
}

fn quotes_the_standard_library(snapshot: &Path) -> bool {
    let text = fs::read_to_string(snapshot).unwrap();
    ["$RUST", "/rustc/", "/rustlib/"]
        .iter()
        .any(|place| text.contains(place))
}

#[test]
fn mistakes_are_reported_at_the_users_token() {
    // Correct programs are in the package `pass`: beside one of them `trybuild` would build what all cases need, and
    // not only check it, and would compile one case after the other.
    let cases = trybuild::TestCases::new();
    for folder in [
        "args",
        "item",
        "state",
        "ports",
        "hooks",
        "cycle",
        "family",
        "config",
        "typestate",
        "verify",
    ] {
        cases.compile_fail(format!("ui/{folder}/*.rs"));
    }
}
