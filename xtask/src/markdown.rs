//! Links that resolve, the changelog, and the commands that the README shows.

use crate::{Report, Repository};

/// Programs that a reader of the README has, or is told to get.
const KNOWN_PROGRAMS: &[&str] = &[
    "apt-get", "brew", "cargo", "cat", "cd", "curl", "echo", "ffmpeg", "ffplay", "git", "misora", "mpv", "rustup",
    "sudo",
];

/// Beginnings of links that do not lead into the repository.
const ELSEWHERE: &[&str] = &["http://", "https://", "mailto:", "#"];

/// Follows every link in every Markdown file that leads into the repository.
pub fn check_links(repository: &Repository) -> Report {
    let mut report = Report::default();
    for (path, text) in repository.texts("md") {
        for (line, target) in links(text) {
            if target.is_empty() || ELSEWHERE.iter().any(|start| target.starts_with(start)) {
                continue;
            }
            let file = target.split('#').next().unwrap_or_default();
            let resolved = resolve(path, file);
            if !resolved.as_deref().is_some_and(|file| repository.contains(file)) {
                let looked_for = resolved.unwrap_or_else(|| "a place outside the repository".to_owned());
                report.fail(format!(
                    "{path}:{line} links to {target}, which is {looked_for}, where nothing is; \
                     put the link right, or commit the file"
                ));
            }
        }
    }
    report
}

/// Asks for a section that collects what the next release brings.
pub fn check_changelog(repository: &Repository) -> Report {
    let mut report = Report::default();
    let has_section = |text: &str| text.lines().any(|line| matches!(line.trim(), "## [Unreleased]" | "## Unreleased"));
    match repository.text("CHANGELOG.md") {
        None => report.fail("CHANGELOG.md is missing; start one as https://keepachangelog.com describes"),
        Some(text) if !has_section(text) => {
            report.fail("CHANGELOG.md has no section `## [Unreleased]`; add one at the top and note changes there");
        }
        Some(_) => {}
    }
    report
}

/// Asks that each command in a `sh` block of the README begins with a program that a reader can have.
pub fn check_readme_commands(repository: &Repository) -> Report {
    let mut report = Report::default();
    let Some(readme) = repository.text("README.md") else {
        report.fail("README.md is missing; say what the project is and how to run it");
        return report;
    };
    for (line, command) in shell_lines(readme) {
        for program in programs(&command) {
            let name = program.rsplit('/').next().unwrap_or_default();
            if !KNOWN_PROGRAMS.contains(&name) {
                report.fail(format!(
                    "README.md:{line} runs `{program}`, which is none of {}; fix the command, mark the block as \
                     text, or add the program to KNOWN_PROGRAMS in xtask/src/markdown.rs",
                    KNOWN_PROGRAMS.join(", ")
                ));
            }
        }
    }
    report
}

/// Line number and target of every link, image and reference outside code and HTML comments.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose_lines(text) {
        let line = without_inline_code(&line);
        let inline = line.match_indices("](").map(|(at, start)| enclosed(&line[at + start.len()..]));
        let html = ["src=\"", "href=\""].into_iter().flat_map(|attribute| {
            line.match_indices(attribute).map(|(at, start)| line[at + start.len()..].split('"').next())
        });
        let reference = line.starts_with('[').then(|| line.split_once("]: ")).flatten().map(|(_, target)| target);
        let targets = inline.chain(html.map(Option::unwrap_or_default)).chain(reference);
        // A title may follow the target: (file.md "Title").
        found.extend(targets.map(|target| (number, target.split_whitespace().next().unwrap_or_default().to_owned())));
    }
    found
}

/// Text up to the parenthesis that closes a link.
fn enclosed(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return &text[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// Lines outside fenced code, with HTML comments taken out.
fn prose_lines(text: &str) -> Vec<(usize, String)> {
    let (mut lines, mut fence, mut in_comment) = (Vec::new(), None, false);
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let marker = ["```", "~~~"].into_iter().find(|marker| trimmed.starts_with(marker));
        if !in_comment && marker.is_some() && (fence.is_none() || fence == marker) {
            fence = if fence.is_none() { marker } else { None };
            continue;
        }
        if fence.is_none() {
            lines.push((index + 1, without_comments(line, &mut in_comment)));
        }
    }
    lines
}

fn without_comments(line: &str, in_comment: &mut bool) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    loop {
        let (marker, opens) = if *in_comment { ("-->", false) } else { ("<!--", true) };
        let (before, after) = rest.split_once(marker).map_or((rest, None), |(before, after)| (before, Some(after)));
        if !*in_comment {
            kept.push_str(before);
        }
        let Some(after) = after else { return kept };
        (*in_comment, rest) = (opens, after);
    }
}

fn without_inline_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// A link's target as a path from the root, or `None` when it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let folder = if target.starts_with('/') { "" } else { from.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Commands in `sh` blocks with their line numbers, continued lines joined and comments left out.
fn shell_lines(text: &str) -> Vec<(usize, String)> {
    let (mut commands, mut in_shell, mut in_other) = (Vec::<(usize, String)>::new(), false, false);
    let mut continued = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            let opens_shell = matches!(trimmed, "```sh" | "```bash" | "```shell");
            (in_shell, in_other) = (!in_shell && !in_other && opens_shell, !in_shell && !in_other && !opens_shell);
            continued = false;
        } else if in_shell && !trimmed.is_empty() && !trimmed.starts_with('#') {
            let part = trimmed.strip_suffix('\\').unwrap_or(trimmed);
            match commands.last_mut() {
                Some((_, command)) if continued => command.push_str(part),
                _ => commands.push((index + 1, part.trim_start_matches("$ ").to_owned())),
            }
            continued = trimmed.ends_with('\\');
        }
    }
    commands
}

/// The program of each part of a command line that `|`, `&&`, `||` or `;` joins, variables before it skipped.
fn programs(command: &str) -> Vec<String> {
    let (mut parts, mut quote) = (vec![String::new()], None);
    for c in command.chars() {
        match quote {
            None if matches!(c, '|' | '&' | ';') => parts.push(String::new()),
            None if c == '#' && parts.last().is_some_and(|part| part.ends_with(' ')) => break,
            _ => {
                if matches!(c, '"' | '\'') {
                    quote = match quote {
                        None => Some(c),
                        Some(open) if open == c => None,
                        open => open,
                    };
                }
                parts.iter_mut().last().into_iter().for_each(|part| part.push(c));
            }
        }
    }
    let is_variable = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    parts.iter().filter_map(|part| part.split_whitespace().find(|word| !is_variable(word))).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_from_where_they_stand() {
        let page =
            "[a](../README.md) [b](b.md#part) ![c](/docs/c.png) [d](https://x.org/d) [e](#here)\n[f]: b.md \"T\"\n";
        let repository = Repository::from_files([
            ("README.md", "[docs](docs/)"),
            ("docs/a.md", page),
            ("docs/b.md", ""),
            ("docs/c.png", ""),
        ]);
        assert_eq!(check_links(&repository), Report::default());
    }

    #[test]
    fn a_broken_link_is_named_with_its_line() {
        let page = "one\n[a](gone.md) and [b](../../x.md) <img src=\"no.png\">\n";
        let report = check_links(&Repository::from_files([("docs/a.md", page)]));
        assert_eq!(report.failures().len(), 3, "{report:?}");
        assert!(report.failures()[0].starts_with("docs/a.md:2 links to gone.md, which is docs/gone.md"), "{report:?}");
    }

    #[test]
    fn code_and_comments_are_no_links() {
        let page = "`[a](gone.md)`\n```text\n[b](gone.md)\n```\n<!-- [c](gone.md)\n[d](gone.md) --> text\n";
        assert!(check_links(&Repository::from_files([("a.md", page)])).is_clean());
    }

    #[test]
    fn a_changelog_needs_its_section() {
        assert!(check_changelog(&Repository::from_files([("CHANGELOG.md", "# Log\n\n## [Unreleased]\n")])).is_clean());
        assert!(!check_changelog(&Repository::from_files([("CHANGELOG.md", "# Log\n")])).is_clean());
        assert!(!check_changelog(&Repository::default()).is_clean());
    }

    #[test]
    fn commands_of_the_readme_are_known_programs() {
        let good = "```sh\n# comment\nA=1 cargo run -- \\\n  generate \"a; b | c\"\necho x | target/release/misora -\n```\n```text\nnonsense here\n```\n";
        assert_eq!(check_readme_commands(&Repository::from_files([("README.md", good)])), Report::default());
        let bad = "```sh\ncargo build && crago test  # oh; no\n```\n";
        let report = check_readme_commands(&Repository::from_files([("README.md", bad)]));
        assert_eq!(report.failures().len(), 1, "{report:?}");
        assert!(report.failures()[0].starts_with("README.md:2 runs `crago`"), "{report:?}");
    }
}
