//! What a developer leaves behind: paths of their own machine, and macros for unfinished code.

use crate::{Report, Repository, rust_source};

/// Beginnings of paths that exist on one machine only, written so that this file does not hold them.
const OWN_PATHS: &[&str] =
    &[concat!("/", "root/"), concat!("/", "home/"), concat!("/", "work/"), concat!("/", "tmp/brief")];

/// Macros that mark unfinished code or print for its author.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Looks through every file for own paths, and through code that ships for unfinished parts.
pub fn check(repository: &Repository) -> Report {
    let mut report = Report::default();
    for (path, bytes) in repository.files() {
        for own_path in OWN_PATHS {
            if let Some(offset) = find_absolute(bytes, own_path.as_bytes()) {
                let line = 1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count();
                report.fail(format!(
                    "{path}:{line} holds a path below {own_path}, which only its author's machine has; \
                     make it relative to the repository, or an argument"
                ));
            }
        }
    }
    for (path, text) in repository.texts("rs").filter(|(path, _)| !is_test_file(path)) {
        let code = rust_source::code_outside_tests(text);
        for (index, line) in code.lines().enumerate() {
            for name in UNFINISHED.iter().filter(|name| calls_macro(line, name)) {
                report.fail(format!("{path}:{} calls {name}; finish this code or take it out", index + 1));
            }
        }
    }
    report
}

fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches" || part == "tests.rs")
}

/// Offset of `needle` where it begins a path, rather than continues one such as `a/home/b`.
fn find_absolute(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let continues = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-~})>*".contains(&byte);
    (0..bytes.len().saturating_sub(needle.len() - 1))
        .filter(|&at| bytes[at] == b'/' && bytes[at..].starts_with(needle))
        .find(|&at| at == 0 || !continues(bytes[at - 1]))
}

fn calls_macro(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_paths_are_found_with_their_line() {
        let text = format!("one\ndata = \"{}me/clip.mp4\"\n", OWN_PATHS[1]);
        let report = check(&Repository::from_files([("a.toml", text.as_str())]));
        assert_eq!(report.failures().len(), 1, "{report:?}");
        assert!(report.failures()[0].starts_with("a.toml:2"), "{report:?}");
    }

    #[test]
    fn paths_that_only_look_like_it_pass() {
        let text = format!("docs{}x and example.org{}x\n", OWN_PATHS[1], OWN_PATHS[2]);
        assert!(check(&Repository::from_files([("a.md", text.as_str())])).is_clean());
    }

    #[test]
    fn unfinished_code_is_found_where_it_ships() {
        let ships = "// todo!() in a comment\nfn a() { todo!(\"x\") }\nfn b() { my_dbg!(1) }\n#[cfg(test)]\nmod tests { fn c() { dbg!(1); } }\n";
        let test = "fn d() { dbg!(1); }";
        let report = check(&Repository::from_files([("src/a.rs", ships), ("tests/b.rs", test)]));
        assert_eq!(report.failures().len(), 1, "{report:?}");
        assert!(report.failures()[0].starts_with("src/a.rs:2 calls todo!"), "{report:?}");
    }
}
