//! A sentence of documentation for every public item.
//!
//! The compiler's lint `missing_docs` sees more (fields, variants, methods of traits) but only warns; this check runs
//! inside `cargo test`, and asks also for items of a library that are public only within its private modules.

use crate::{Report, Repository, rust_source};

/// What may stand between `pub` and the kind of an item.
const QUALIFIERS: &[&str] = &["async", "const", "extern", "unsafe"];
/// Kinds of items; modules document themselves, with `//!`.
const KINDS: &[&str] = &["const", "enum", "fn", "static", "struct", "trait", "type", "union"];

/// Looks for public items without docs in the sources of every library; a program has no public.
pub fn check(repository: &Repository) -> Report {
    let mut report = Report::default();
    let in_library = |path: &str| {
        path.split_once("/src/").is_some_and(|(folder, _)| repository.contains(&format!("{folder}/src/lib.rs")))
    };
    for (path, text) in repository.texts("rs").filter(|(path, _)| in_library(path)) {
        for (line, item) in undocumented(text) {
            report
                .fail(format!("{path}:{line}: `{item}` is public but has no docs; say in one sentence what it is for"));
        }
    }
    report
}

/// Line number and beginning of each public item that neither docs nor a lint's exception precede.
fn undocumented(text: &str) -> Vec<(usize, String)> {
    let code = rust_source::code_outside_tests(text);
    let (mut found, mut is_documented, mut open_brackets) = (Vec::new(), false, 0_usize);
    for (index, (line, code)) in text.lines().zip(code.lines()).enumerate() {
        let (line, code) = (line.trim_start(), code.trim());
        let is_attribute = open_brackets > 0 || code.starts_with("#[");
        if line.starts_with("///") || line.starts_with("#[doc") || line.starts_with("#[expect(missing_docs") {
            is_documented = true;
        }
        if is_attribute {
            let closed = code.matches(']').count();
            open_brackets = (open_brackets + code.matches('[').count()).saturating_sub(closed);
        } else if !code.is_empty() {
            if !is_documented && is_public_item(code) {
                found.push((index + 1, code.trim_end_matches(['{', ' ']).to_owned()));
            }
            is_documented = false;
        }
    }
    found
}

fn is_public_item(code: &str) -> bool {
    let mut words = code.split([' ', '<', '(', ':', '{']).filter(|word| !word.is_empty());
    words.next() == Some("pub")
        && words
            .find(|word| !QUALIFIERS.contains(word) || *word == "const" && !code.contains(" fn "))
            .is_some_and(|word| KINDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<usize> {
        undocumented(text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn documented_items_pass() {
        let text = "/// Docs.\npub fn a() {}\n\n/// Docs.\n#[derive(\n    Clone,\n)]\npub struct B;\n\
                    #[doc = \"Docs.\"]\npub const fn c() {}\n#[expect(missing_docs, reason = \"x\")]\npub enum D {}\n\
                    /// Docs.\n#[cfg(test)]\npub fn e() {}\n";
        assert_eq!(names(text), [] as [usize; 0]);
    }

    #[test]
    fn items_without_docs_are_named() {
        let text = "/// Docs.\npub fn a() {}\npub fn b() {}\n#[inline]\npub const unsafe fn c() {}\npub const D: u8 = 1;\n\
                    impl X {\n    pub fn e(&self) {}\n}\n// Not docs.\npub struct F<T>(T);\n";
        assert_eq!(names(text), [3, 5, 6, 8, 11]);
    }

    #[test]
    fn a_program_is_left_alone_and_a_library_is_not() {
        let repository = Repository::from_files([
            ("crates/a/src/main.rs", "pub fn a() {}\n"),
            ("crates/b/src/lib.rs", "//! Docs.\n"),
            ("crates/b/src/c.rs", "pub fn c() {}\n"),
        ]);
        let report = check(&repository);
        assert_eq!(report.failures().len(), 1, "{report:?}");
        assert!(report.failures()[0].starts_with("crates/b/src/c.rs:1"), "{report:?}");
    }

    #[test]
    fn what_is_not_an_item_of_the_public_is_left_alone() {
        let text = "pub(crate) fn a() {}\npub mod b;\npub use c::d;\nstruct E {\n    pub f: u8,\n}\n\
                    // pub fn g() {}\n#[cfg(test)]\nmod tests {\n    pub fn h() {}\n}\n";
        assert_eq!(names(text), [] as [usize; 0]);
    }
}
