//! Code that is compiled elsewhere, and errors of the compiler: pages show them as they are there.

use std::fs;
use std::path::Path;

use super::{folder, read, repository};

/// The blocks of a page that begin with a fence and these words.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    let blocks = text.split(&*fence).skip(1);
    blocks
        .map(|block| block.split("```\n").next().unwrap())
        .collect()
}

/// The examples that a page names, by their paths from the root of the repository.
fn examples(text: &str) -> Vec<String> {
    let named = text.split('`').filter(|name| {
        name.starts_with("examples/") || name.starts_with("bootstrap-web/examples/")
    });
    let sources = named.filter(|name| Path::new(name).extension() == Some("rs".as_ref()));
    let paths = sources.map(|name| repository().join(name));
    paths
        .map(|path| {
            fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
        })
        .collect()
}

#[test]
fn code_that_documentation_tests_do_not_compile_is_part_of_an_example() {
    let mut compared = 0;
    let guides = [folder(), repository().join("bootstrap-web/guide")];
    for page in guides.iter().flat_map(|guide| fs::read_dir(guide).unwrap()) {
        let page = page.unwrap().path();
        // The page of a resource is a whole program, which a test of `bootstrap-web` compares.
        if page.is_dir() || page.ends_with("resource.md") {
            continue;
        }
        let text = fs::read_to_string(&page).unwrap();
        let sources = examples(&text);
        for block in blocks(&text, "rust,ignore") {
            let is_compiled = sources.iter().any(|source| source.contains(block));
            assert!(is_compiled, "{page:?} shows what no example has:\n{block}");
            compared += 1;
        }
    }
    assert!(compared >= 10, "{compared}");
}

/// Asserts that each line is one of the snapshot, in this order; without numbers of lines, and up to
/// a `..` at its end.
#[track_caller]
fn is_excerpt(shown: &str, snapshot: &str) {
    let plain = |line: &str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ')
            .to_owned()
    };
    let mut lines = snapshot.lines().map(plain);
    for line in shown.lines().map(plain) {
        let beginning = line.strip_suffix("..");
        let found = lines.any(|it| match beginning {
            Some(beginning) => it.starts_with(beginning),
            None => it == line,
        });
        assert!(found, "the compiler does not print this here:\n{line}");
    }
}

#[test]
fn errors_of_the_compiler_are_those_of_the_snapshots() {
    let snapshot =
        |file: &str| fs::read_to_string(repository().join("tests/ui").join(file)).unwrap();
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let page = read("01-first-service.md");
    let missing = |text: &str| {
        let mut texts = blocks(text, "text").into_iter();
        let error = texts.find(|text| text.starts_with("error[E0277]"));
        error
            .unwrap()
            .replace("src/main.rs", "ui/state/missing_provider.rs")
    };
    let expected = snapshot("state/missing_provider.stderr");
    is_excerpt(&missing(&page), &expected);
    // The lines of code are those of the program above.
    let program = blocks(&readme, "rust,no_run")[0];
    let shown = missing(&readme);
    let (code, rest): (Vec<&str>, Vec<&str>) = shown
        .lines()
        .partition(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    for line in code {
        let (_, code) = line.split_once("| ").unwrap();
        assert!(program.contains(code), "the program has no line {code:?}");
    }
    is_excerpt(&rest.join("\n"), &expected);
    let shown = blocks(&page, "text").join("");
    let of = |code: &str| {
        let from = shown.find(&format!("error[{code}]")).unwrap();
        let rest = &shown[from..];
        let end = rest[1..].find("error[").map_or(rest.len(), |at| at + 1);
        rest[..end].trim_end().to_owned()
    };
    is_excerpt(&of("E0119"), &snapshot("state/two_providers.stderr"));
    let cycle = of("E0080").replace("src/main.rs", "$DIR/ui/cycle/of_two.rs");
    is_excerpt(&cycle, &snapshot("cycle/of_two.stderr"));
}
