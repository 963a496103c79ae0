//! The table of behaviours is true: every test that it names exists, and every identifier that a
//! test carries is in the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of `BEHAVIOURS.md`: identifier to test.
fn table() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("BEHAVIOURS.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, proof] = cells.as_slice() else {
            panic!("three cells: {line}");
        };
        if *id == "id" {
            continue;
        }
        let before = rows.insert((*id).to_owned(), proof.trim_matches('`').to_owned());
        assert!(before.is_none(), "{id} is in the table twice");
    }
    rows
}

/// The files of a folder and of the folders in it.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Every test, as its name, with the identifiers in its documentation.
fn all_tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for folder in [
        "it",
        "auto",
        "kit",
        "props",
        "matrix",
        "e2e",
        "../examples/bookmarks/tests",
        "../examples/shop/tests",
        "../bootstrap-services/tests",
        "../bootstrap-web/tests",
    ] {
        for file in files(&root().join(folder)) {
            let text = fs::read_to_string(file).unwrap();
            let mut docs = String::new();
            for line in text.lines().map(str::trim_start) {
                if let Some(doc) = line.strip_prefix("/// ") {
                    docs.push_str(doc);
                    docs.push(' ');
                } else if let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ") {
                    let name = rest.split('(').next().unwrap().to_owned();
                    found.insert(name, identifiers(&docs));
                    docs.clear();
                } else if !line.starts_with("#[") {
                    docs.clear();
                }
            }
        }
    }
    found
}

/// Words like `A12`, `R5`, `D60`, `S24` and `F3` that stand before a colon or a comma.
fn identifiers(docs: &str) -> BTreeSet<String> {
    let is_identifier = |word: &str| {
        let mut letters = word.chars();
        matches!(letters.next(), Some('A' | 'R' | 'D' | 'S' | 'F'))
            && word.len() > 1
            && letters.all(|c| c.is_ascii_digit())
    };
    docs.split(' ')
        .filter_map(|word| word.strip_suffix([':', ',']))
        .filter(|word| is_identifier(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_behaviour_has_the_test_that_the_table_names() {
    let tests = all_tests();
    for (id, test) in table() {
        if test.contains('/') {
            // A compile error: a file with the message.
            let folders = [root().join("ui"), root().join("web_ui")];
            let mut files = folders
                .map(|it| it.join(&test).with_extension("stderr"))
                .into_iter();
            assert!(files.any(|it| it.exists()), "{id}: no {test}");
        } else {
            let carries = tests
                .get(&test)
                .unwrap_or_else(|| panic!("{id}: no test `{test}`"));
            assert!(
                carries.contains(&id),
                "`{test}` does not say that it tests {id}"
            );
        }
    }
}

#[test]
fn every_identifier_of_a_test_is_in_the_table() {
    let table = table();
    for (test, ids) in all_tests() {
        for id in ids {
            assert!(
                table.contains_key(&id),
                "`{test}` names {id}, which is not in the table"
            );
        }
    }
}
