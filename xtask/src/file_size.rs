//! No Rust file grows beyond what a reader can hold.

use crate::{Report, Repository};

/// More lines than this fail.
const MAX_LINES: usize = 500;
/// More lines than this are worth a look.
const LOOK_AGAIN_LINES: usize = 400;

/// Counts the lines of every Rust file.
pub fn check(repository: &Repository) -> Report {
    let mut report = Report::default();
    for (path, text) in repository.texts("rs") {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            report.fail(format!("{path} has {lines} lines, more than {MAX_LINES}; split it by what its parts are for"));
        } else if lines > LOOK_AGAIN_LINES {
            report.hint(format!("{path} has {lines} lines; see whether it holds two things"));
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_fail_and_longish_ones_are_hinted_at() {
        let (at_limit, longish, long) = ("\n".repeat(400), "\n".repeat(500), "\n".repeat(501));
        let repository = Repository::from_files([
            ("a.rs", at_limit.as_str()),
            ("b.rs", longish.as_str()),
            ("c.rs", long.as_str()),
            ("c.md", long.as_str()),
        ]);
        let report = check(&repository);
        assert_eq!((report.hints().len(), report.failures().len()), (1, 1), "{report:?}");
        assert!(report.hints()[0].starts_with("b.rs") && report.failures()[0].starts_with("c.rs"));
    }
}
