//! What the runtime crate is called where it was renamed, so that the message can say what to
//! write. Only a hint: where the manifest can't be read, rustc reports the crate as missing.

use std::sync::OnceLock;
use std::{env, fs, path::Path};

use syn::Ident;

/// The name under which this crate's manifest has `bootstrap`, if that is another one.
pub(crate) fn runtime_crate() -> Option<Ident> {
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    let name = NAME.get_or_init(|| {
        let folder = env::var_os("CARGO_MANIFEST_DIR")?;
        let manifest = fs::read_to_string(Path::new(&folder).join("Cargo.toml")).ok()?;
        in_manifest(&manifest)
    });
    syn::parse_str(name.as_deref()?).ok()
}

/// Reads the two ways in which people rename a dependency; no TOML parser for one word.
fn in_manifest(manifest: &str) -> Option<String> {
    let mut table = String::new();
    let mut renamed = None;
    for line in manifest.lines() {
        let line: String = line.split_whitespace().collect();
        if let Some(header) = line.strip_prefix('[') {
            header.trim_end_matches(']').clone_into(&mut table);
        }
        let (of, dependency) = match table.rsplit_once("dependencies") {
            Some((_, one)) if one.starts_with('.') => (&one[1..], true),
            Some((_, "")) => (line.split(['=', '.']).next()?, true),
            _ => ("", false),
        };
        if dependency && of == "bootstrap" {
            return None;
        }
        if dependency && line.contains("package=\"bootstrap\"") {
            renamed = Some(of.replace('-', "_"));
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::in_manifest;

    #[test]
    fn a_renamed_dependency_is_found_however_it_is_written() {
        for manifest in [
            "[dependencies]\nboot-strap = { version = \"1\", package = \"bootstrap\" }",
            "[dependencies.boot-strap]\nversion = \"1\"\npackage = \"bootstrap\"\n",
            "[target.'cfg(unix)'.dev-dependencies]\nboot-strap={package=\"bootstrap\"}",
        ] {
            let name = in_manifest(manifest);
            assert_eq!(name.as_deref(), Some("boot_strap"), "{manifest}");
        }
    }

    #[test]
    fn one_that_has_its_name_is_not_renamed() {
        for manifest in [
            "",
            "[package]\nname = \"bootstrap\"",
            "[dependencies]\nbootstrap = \"1\"",
            "[dependencies]\nbootstrap.workspace = true\nboot = { package = \"bootstrap\" }",
            "[dependencies.bootstrap]\npackage = \"bootstrap\"",
            "[package.metadata]\nboot = { package = \"bootstrap\" }",
        ] {
            assert_eq!(in_manifest(manifest), None, "{manifest}");
        }
    }
}
