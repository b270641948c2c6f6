//! Rust text without comments, strings and tests, so that a search meets only code that ships.
//!
//! Not a parser: just enough of the lexer's rules to know where code begins and ends. Lines keep their numbers.

/// The same text with comments, and the insides of strings and characters, blanked.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_non_code(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// [`code`] without the items under `#[cfg(test)]` and `#[test]`.
pub fn code_outside_tests(text: &str) -> String {
    let mut code = code(text);
    for attribute in ["#[cfg(test)]", "#[test]"] {
        let mut from = 0;
        while let Some(found) = code[from..].find(attribute) {
            let start = from + found;
            let end = end_of_item(&code, start + attribute.len());
            let blank: String = code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            from = start + blank.len();
            code.replace_range(start..end, &blank);
        }
    }
    code
}

/// Where the comment, string or character that starts at `at` ends; `at` itself when none does.
fn end_of_non_code(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => position(chars, at, |c| c == '\n'),
        '/' if next == Some('*') => end_of_block_comment(chars, at),
        '"' => end_of_quoted(chars, at, '"'),
        'r' if !continues_a_name(chars, at) => end_of_raw_string(chars, at),
        // A character, not a lifetime: 'x' or '\…'.
        '\'' if next == Some('\\') || chars.get(at + 2) == Some(&'\'') => end_of_quoted(chars, at, '\''),
        _ => at,
    }
}

/// Whether the `r` at `at` is part of a longer name; `br"…"` is a raw string all the same.
fn continues_a_name(chars: &[char], at: usize) -> bool {
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    let name_length = chars[..at].iter().rev().take_while(|c| is_name(c)).count();
    let is_byte_prefix = name_length == 1 && chars[at - 1] == 'b';
    name_length > 0 && !is_byte_prefix
}

fn position(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|&c| stop(c)).map_or(chars.len(), |offset| from + offset)
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_quoted(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn end_of_raw_string(chars: &[char], start: usize) -> usize {
    let quote = position(chars, start + 1, |c| c != '#');
    if chars.get(quote) != Some(&'"') {
        return start;
    }
    let hashes = quote - start - 1;
    let closes =
        |at: usize| chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (quote + 1..chars.len()).find(|&at| closes(at)).map_or(chars.len(), |at| at + 1 + hashes)
}

/// Byte offset behind the item that follows an attribute: its closing brace, or its semicolon if that is nearer.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in code[from..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return from + offset + 1;
                }
            }
            ';' if depth == 0 => return from + offset + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked() {
        let text = "a // x\n/* x /* x */ x */ b \"x \\\" x\" c r#\"x \" x\"# d br\"x\" e 'x' f '\\'' g <'x> for_r h";
        let kept: String = code(text).chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(kept, "abcdbefg<'x>for_rh");
        assert_eq!(code(text).lines().count(), text.lines().count());
    }

    #[test]
    fn tests_are_left_out_and_the_rest_stays() {
        let text = "fn a() { x }\n#[cfg(test)]\nmod tests { fn b() { y(\"}\") } }\nfn c() { z }\n#[cfg(test)]\nuse d::e;\nfn f() {}\n";
        let code = code_outside_tests(text);
        assert!(code.contains("fn a() { x }") && code.contains("fn c() { z }") && code.contains("fn f() {}"));
        assert!(!code.contains("tests") && !code.contains('y') && !code.contains("use"));
        assert_eq!(code.lines().count(), text.lines().count());
    }
}
