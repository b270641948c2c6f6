//! Crate docs with a module map, and the lint that asks for docs on public items.

use crate::{Report, Repository, rust_source};

/// Looks at each crate's manifest and root file.
pub fn check(repository: &Repository) -> Report {
    let mut report = Report::default();
    check_workspace_lint(repository, &mut report);
    for folder in repository.crate_folders() {
        check_lints_are_inherited(repository, folder, &mut report);
        for root in ["lib.rs", "main.rs"] {
            let path = format!("{folder}/src/{root}");
            if let Some(text) = repository.text(&path) {
                check_root_docs(&path, text, &mut report);
            }
        }
    }
    report
}

fn check_workspace_lint(repository: &Repository, report: &mut Report) {
    let level = repository
        .text("Cargo.toml")
        .and_then(|text| toml::from_str::<toml::Table>(text).ok())
        .and_then(|manifest| manifest.get("workspace")?.get("lints")?.get("rust")?.get("missing_docs").cloned());
    let level = level.as_ref().and_then(|level| level.as_str().or_else(|| level.get("level")?.as_str()));
    if !matches!(level, Some("warn" | "deny" | "forbid")) {
        report.fail(
            "Cargo.toml: [workspace.lints.rust] must hold `missing_docs = \"warn\"`, \
             so that no public item goes undocumented",
        );
    }
}

fn check_lints_are_inherited(repository: &Repository, folder: &str, report: &mut Report) {
    let path = format!("{folder}/Cargo.toml");
    let inherits = repository
        .text(&path)
        .and_then(|text| toml::from_str::<toml::Table>(text).ok())
        .and_then(|manifest| manifest.get("lints")?.get("workspace")?.as_bool());
    if inherits != Some(true) {
        report.fail(format!("{path}: add\n    [lints]\n    workspace = true\n  so that the workspace's lints apply"));
    }
}

fn check_root_docs(path: &str, text: &str, report: &mut Report) {
    let docs: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    if docs.is_empty() {
        report.fail(format!("{path} must open with `//!` docs: what the crate is for and what it does not know"));
        return;
    }
    let docs = docs.join("\n");
    for module in public_modules(text) {
        // `name`, [`name`] and [`name::Item`] all name a module.
        if !docs.contains(&format!("`{module}`")) && !docs.contains(&format!("`{module}::")) {
            report.fail(format!(
                "{path}: the module map in the `//!` docs does not name `{module}`; add the line\n    \
                 //! | [`{module}`] | what is in it |"
            ));
        }
    }
}

/// Names that follow `pub mod` in code, not in comments or tests.
fn public_modules(text: &str) -> Vec<String> {
    let code = rust_source::code_outside_tests(text);
    code.lines()
        .filter_map(|line| line.trim_start().strip_prefix("pub mod "))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace.lints.rust]\nmissing_docs = \"warn\"\n";
    const CRATE: &str = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n";

    fn failures(workspace: &str, manifest: &str, lib: &str) -> Vec<String> {
        let repository = Repository::from_files([
            ("Cargo.toml", workspace),
            ("crates/a/Cargo.toml", manifest),
            ("crates/a/src/lib.rs", lib),
        ]);
        check(&repository).failures().to_vec()
    }

    #[test]
    fn a_crate_with_docs_map_and_lints_passes() {
        let lib = "//! What it is for.\n//!\n//! | [`one`], [`two::Two`] | parts |\n\npub mod one;\npub mod two;\nmod three;\n";
        assert!(failures(WORKSPACE, CRATE, lib).is_empty());
    }

    #[test]
    fn each_gap_is_named() {
        let found = failures("[workspace]\n", "[package]\nname = \"a\"\n", "pub mod one;\n");
        assert_eq!(found.len(), 3, "{found:?}");
        let found = failures(WORKSPACE, CRATE, "//! Docs, but no map.\npub mod one;\n// pub mod two;\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("does not name `one`"));
    }
}
