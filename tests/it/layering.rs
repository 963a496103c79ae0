//! The house has floors: a room imports from lower floors only, and its files from each other only
//! in one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the runtime crate, from the ground up. `ARCHITECTURE.md` says why.
const FLOORS: [&str; 16] = [
    "base", "values", "report", "life", "declare", "health", "request", "collect", "plan", "drive",
    "live", "run", "close", "boot", "app", "testing",
];

/// Files that are one knot, because what they define is: a plugin describes itself by a
/// declaration, which can make a plugin; and hooks are called with contexts, which hold what hooks
/// made.
const KNOT: [&str; 5] = [
    "declare::context",
    "declare::declaration",
    "declare::descriptor",
    "declare::hooks",
    "declare::plugin",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bootstrap/src")
}

/// Every file of a room, as `room::file`, with what it says.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for room in FLOORS {
        for entry in fs::read_dir(source().join(room)).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.insert(format!("{room}::{file}"), fs::read_to_string(path).unwrap());
        }
    }
    files
}

/// What stands behind `crate::` in a file, outside of comments.
fn references(text: &str) -> BTreeSet<String> {
    let code = text.lines().map(|line| line.split("//").next().unwrap());
    let mut found = BTreeSet::new();
    for line in code {
        // `$crate` is the name of the crate for others, in its macros.
        let line = line.replace("$crate::", "");
        for reference in line.split("crate::").skip(1) {
            let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let path: String = reference.chars().take_while(|c| is_path(*c)).collect();
            found.insert(path.trim_end_matches(':').to_owned());
        }
    }
    found
}

#[test]
fn every_folder_is_a_room_on_a_floor() {
    let folders: BTreeSet<String> = fs::read_dir(source())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let floors: BTreeSet<String> = FLOORS.into_iter().map(str::to_owned).collect();
    assert_eq!(folders, floors);
}

#[test]
fn a_room_imports_from_lower_floors_only() {
    let floor = |room: &str| FLOORS.iter().position(|other| *other == room);
    for (file, text) in files() {
        let room = file.split("::").next().unwrap();
        for reference in references(&text) {
            let target = reference.split("::").next().unwrap();
            let Some(target_floor) = floor(target) else {
                panic!("{file} refers to `crate::{reference}`, which is no room");
            };
            assert!(
                Some(target_floor) <= floor(room),
                "{file} imports `crate::{reference}` from a higher floor"
            );
        }
    }
}

/// From each file to the files of its own room that it imports.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let files = files();
    let of = |(file, text): (&String, &String)| {
        let room = file.split("::").next().unwrap().to_owned();
        let own = references(text).into_iter().filter_map(|reference| {
            let mut parts = reference.split("::");
            let target = (parts.next()?, parts.next()?);
            let target = format!("{}::{}", target.0, target.1);
            (target.starts_with(&format!("{room}::")) && files.contains_key(&target))
                .then_some(target)
        });
        (file.clone(), own.collect())
    };
    files.iter().map(of).collect()
}

#[test]
fn the_files_of_a_room_import_each_other_in_one_direction() {
    let mut imports = imports();
    for targets in imports.values_mut() {
        targets.retain(|target| !KNOT.contains(&target.as_str()));
    }
    // Take away what imports nothing that is left, until nothing is.
    while let Some(free) = imports
        .iter()
        .find(|(_, targets)| targets.is_empty())
        .map(|(file, _)| file.clone())
    {
        imports.remove(&free);
        for targets in imports.values_mut() {
            targets.remove(&free);
        }
    }
    assert!(
        imports.is_empty(),
        "these files import each other: {imports:?}"
    );
}

#[test]
fn nobody_imports_from_the_door_of_its_own_room() {
    for (file, text) in files() {
        let room = file.split("::").next().unwrap();
        for line in text.lines().filter(|line| line.starts_with("use crate::")) {
            let through_the_door = line
                .strip_prefix(&format!("use crate::{room}::"))
                .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(char::is_uppercase));
            assert!(!through_the_door, "{file}: {line}");
        }
    }
}
