//! The names at the root of the crate and the methods of `App`, as the sources have them: they are few,
//! and in the list of the whole public API, `bootstrap/public-api.txt`. Only a nightly rustdoc can
//! compare all of that list (`.ci/public-api/compare`); this is the part that every `cargo test` sees.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn bootstrap() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bootstrap")
}

fn read(path: &str) -> String {
    fs::read_to_string(bootstrap().join(path)).unwrap()
}

/// The names in `{A, b::C as D}`, or of a single path.
fn names(list: &str) -> Vec<String> {
    let list = list.trim().trim_start_matches('{').trim_end_matches('}');
    let name = |item: &str| {
        let own = item.rsplit([' ', ':']).next().unwrap_or_default();
        own.to_owned()
    };
    let items = list.split(',').map(str::trim);
    items.filter(|it| !it.is_empty()).map(name).collect()
}

/// What `pub use` names in the root of the crate, and its macros.
fn root() -> BTreeSet<String> {
    let source = read("src/lib.rs");
    let mut found = BTreeSet::new();
    for statement in source.split("\npub use ").skip(1) {
        let (path, _) = statement.split_once(';').unwrap();
        let list = path.find('{').map_or(path, |at| &path[at..]);
        found.extend(names(list));
    }
    let macros = |file: PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let marked = text.split("#[macro_export]\n").skip(1);
        let name = |it: &str| {
            let name = it.trim_start().strip_prefix("macro_rules! ")?;
            Some(format!("{}!", name.split_once(' ')?.0))
        };
        marked.filter_map(name).collect::<Vec<_>>()
    };
    let files = sources(&bootstrap().join("src"));
    let macros = files.into_iter().flat_map(macros);
    found.extend(macros.filter(|name| !name.starts_with("__")));
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

/// The public functions in the `impl App` blocks of a file.
fn methods(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for block in text.split("\nimpl App {\n").skip(1) {
        let (block, _) = block.split_once("\n}\n").unwrap();
        for line in block.lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("pub ").unwrap_or_default();
            let line = line.strip_prefix("async ").unwrap_or(line);
            if let Some(name) = line.strip_prefix("fn ") {
                let end = name.find(['(', '<']).unwrap();
                found.insert(name[..end].to_owned());
            }
        }
    }
    found
}

fn of_app() -> BTreeSet<String> {
    let files = sources(&bootstrap().join("src/app"));
    let texts = files
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| methods(&text)).collect()
}

/// The lines of the committed list, each with whether it belongs to an implementation of a trait.
fn listed() -> Vec<(String, bool)> {
    let mut of_trait = false;
    let list = read("public-api.txt");
    let line = |line: &str| {
        if line.starts_with("impl") {
            of_trait = line.contains(" for ");
        }
        (line.to_owned(), of_trait)
    };
    list.lines().map(line).collect()
}

/// What a line names behind a path, if it names something directly below that.
fn named<'a>(line: &'a str, path: &str) -> Option<&'a str> {
    let line = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line);
    let (kind, rest) = line.strip_prefix("pub ")?.split_once(path)?;
    let is_kind = kind.ends_with(' ') && !kind.contains([':', '(']) && kind != "mod ";
    let end = rest.find(['<', '(', ' ']).unwrap_or(rest.len());
    let name = rest[..end].trim_end_matches(':');
    (is_kind && !name.contains(':')).then_some(name)
}

#[test]
fn the_names_at_the_root_are_the_listed_ones_and_few() {
    let names = listed().into_iter();
    let listed: BTreeSet<_> = names
        .filter_map(|(line, _)| named(&line, "bootstrap::").map(str::to_owned))
        .collect();
    let found = root();
    assert_eq!(found, listed);
    assert!(found.len() <= 40, "{} names", found.len());
}

#[test]
fn the_methods_of_an_app_are_the_listed_ones_and_few() {
    let own = listed().into_iter().filter(|(_, of_trait)| !of_trait);
    let listed: BTreeSet<_> = own
        .filter_map(|(line, _)| named(&line, "bootstrap::App::").map(str::to_owned))
        .collect();
    let mut found = of_app();
    assert!(found.len() <= 31, "{} methods", found.len());
    found.extend(methods(&read("src/testing/app.rs")));
    assert_eq!(found, listed);
}
