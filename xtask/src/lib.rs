//! Checks of the repository itself: what a compiler does not see and a reviewer should not have to.
//!
//! `cargo run -p xtask -- check` prints every finding; `cargo test` runs the same checks as ordinary tests.
//! Knows nothing of the crates that it checks beyond their manifests and their text.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`repository`] | the repository's files, as git sees them or made up for a test |
//! | [`report`] | what a check found |
//! | [`layering`] | which crate may depend on which, in one table |
//! | [`file_size`] | no Rust file grows beyond what a reader can hold |
//! | [`documentation`] | crate docs with a module map, and the lint for public items |
//! | [`public_items`] | a sentence of docs for every public item |
//! | [`leftovers`] | a developer's own paths, and macros for unfinished code |
//! | [`markdown`] | links that resolve, the changelog, commands in the README |
//! | [`rust_source`] | Rust text without comments, strings and tests |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot read its input should fail at once"))]

pub mod documentation;
pub mod file_size;
pub mod layering;
pub mod leftovers;
pub mod markdown;
pub mod public_items;
pub mod report;
pub mod repository;
pub mod rust_source;

pub use report::Report;
pub use repository::Repository;

/// A check's name, as `cargo run -p xtask -- check NAME` takes it, and the check.
pub type NamedCheck = (&'static str, fn(&Repository) -> Report);

/// Every check, in the order in which they are printed.
pub const CHECKS: &[NamedCheck] = &[
    ("layering", layering::check),
    ("file-size", file_size::check),
    ("documentation", documentation::check),
    ("public-items", public_items::check),
    ("leftovers", leftovers::check),
    ("links", markdown::check_links),
    ("changelog", markdown::check_changelog),
    ("readme-commands", markdown::check_readme_commands),
];
