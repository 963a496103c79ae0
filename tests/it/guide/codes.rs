//! The page of the codes lists every code, once, in the order of the list.

use std::collections::BTreeSet;

use bootstrap::error::Code;

use super::read;

#[test]
fn the_page_of_the_codes_lists_every_code() {
    let page = read("21-codes.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let known: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let sorted = |codes: &[&str]| {
        codes
            .iter()
            .map(|it| (*it).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(sorted(&listed), sorted(&known));
    assert_eq!(listed.len(), known.len(), "{listed:?}");
}

#[test]
fn codes_are_unique() {
    let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), Code::ALL.len());
}
