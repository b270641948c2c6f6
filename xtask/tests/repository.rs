//! The repository's checks, run on the repository itself.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot read the repository should fail at once")]

use xtask::{CHECKS, Repository};

fn assert_clean(name: &str) {
    let (_, check) = CHECKS.iter().find(|(known, _)| *known == name).unwrap();
    let report = check(&Repository::open_workspace().unwrap());
    report.hints().iter().for_each(|hint| println!("hint: {hint}"));
    assert!(report.is_clean(), "{name}:\n  {}", report.failures().join("\n  "));
}

#[test]
fn crates_depend_only_on_what_they_may() {
    assert_clean("layering");
}

#[test]
fn no_rust_file_is_too_long() {
    assert_clean("file-size");
}

#[test]
fn every_crate_is_documented() {
    assert_clean("documentation");
}

#[test]
fn every_public_item_is_documented() {
    assert_clean("public-items");
}

#[test]
fn nothing_is_left_behind() {
    assert_clean("leftovers");
}

#[test]
fn every_link_resolves() {
    assert_clean("links");
}

#[test]
fn the_changelog_has_a_place_for_what_comes_next() {
    assert_clean("changelog");
}

#[test]
fn the_readme_shows_only_commands_that_are_known() {
    assert_clean("readme-commands");
}

#[test]
fn every_check_is_run_here() {
    let here = include_str!("repository.rs");
    for (name, _) in CHECKS {
        assert!(here.contains(&format!("assert_clean(\"{name}\")")), "add a test that runs the check \"{name}\"");
    }
}
