//! What a policy's terms stand for: each one becomes the patterns that are looked for.
//!
//! `stab+` stands for the word with its common endings, `behead*` for all words that begin so, and `{0-17}` for the numbers
//! from 0 to 17 in digits, in English and in Chinese.

use super::reading::canonical;

/// Most patterns that one term may stand for.
const MOST_PATTERNS: usize = 4000;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    /// Words, one space apart.
    pub(super) text: String,
    /// Whether a word may go on behind it.
    pub(super) goes_on: bool,
}

/// All that a term stands for.
///
/// # Errors
/// What is wrong with the term.
pub(super) fn patterns(term: &str) -> Result<Vec<Pattern>, String> {
    let mut found: Vec<Pattern> = Vec::new();
    for numbered in with_numbers(term)? {
        let mut phrases = vec![String::new()];
        let mut goes_on = false;
        let words: Vec<&str> = numbered.split_whitespace().collect();
        for (index, word) in words.iter().enumerate() {
            let forms = match (word.strip_suffix('+'), word.strip_suffix('*')) {
                (Some(stem), _) => inflected(&canonical(stem)),
                (_, Some(stem)) if index + 1 == words.len() => {
                    goes_on = true;
                    vec![canonical(stem)]
                }
                (_, Some(_)) => return Err("has a * before its end; * stands behind the last word".into()),
                _ => vec![canonical(word)],
            };
            phrases = phrases
                .iter()
                .flat_map(|phrase| forms.iter().map(move |form| format!("{phrase} {form}")))
                .take(MOST_PATTERNS + 1)
                .collect();
        }
        // Characters without spaces join across words.
        let joined = |phrase: &str| if phrase.is_ascii() { phrase.trim().to_owned() } else { canonical(phrase) };
        found.extend(phrases.into_iter().map(|phrase| Pattern { text: joined(&phrase), goes_on }));
        if found.len() > MOST_PATTERNS {
            return Err(format!("stands for more than {MOST_PATTERNS} phrases; split it"));
        }
    }
    match found.iter().map(|pattern| pattern.text.chars().count()).min() {
        None | Some(0) => Err("holds no letters".into()),
        Some(1) if found.iter().any(|pattern| pattern.text.is_ascii()) => {
            Err("is a single letter, which stands everywhere".into())
        }
        Some(_) => Ok(found),
    }
}

/// A word with its common endings.
fn inflected(word: &str) -> Vec<String> {
    let mut forms: Vec<String> =
        ["", "s", "es", "ed", "d", "ing", "er", "ers", "r", "rs"].map(|end| format!("{word}{end}")).into();
    if let Some(stem) = word.strip_suffix('e') {
        forms.extend(["ing", "ings"].map(|end| format!("{stem}{end}")));
    }
    if let Some(stem) = word.strip_suffix('y') {
        forms.extend(["ies", "ied", "ier"].map(|end| format!("{stem}{end}")));
    }
    if let Some(last) = word.chars().last().filter(|last| last.is_ascii_alphabetic() && !"aeiouwxy".contains(*last)) {
        forms.extend(["ed", "ing", "er", "ers"].map(|end| format!("{word}{last}{end}")));
    }
    forms
}

/// The term once for each number, where it holds `{from-to}`.
fn with_numbers(term: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = term.split_once('{') else { return Ok(vec![term.to_owned()]) };
    let hint = "write numbers as {0-17}, at most 99";
    let (range, after) = rest.split_once('}').ok_or(hint)?;
    let (from, to) = range.split_once('-').ok_or(hint)?;
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number < 100).ok_or(hint);
    let (from, to) = (number(from)?, number(to)?);
    if from > to {
        return Err(hint.into());
    }
    Ok((from..=to)
        .flat_map(|number| [number.to_string(), english(number), chinese(number)])
        .map(|number| format!("{before}{number}{after}"))
        .collect())
}

fn english(number: u32) -> String {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    match (number / 10, number % 10) {
        (0 | 1, _) => SMALL[number as usize].to_owned(),
        (tens, 0) => TENS[tens as usize].to_owned(),
        (tens, ones) => format!("{} {}", TENS[tens as usize], SMALL[ones as usize]),
    }
}

fn chinese(number: u32) -> String {
    const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let digit = |number: u32| DIGITS[number as usize];
    match (number / 10, number % 10) {
        (0, ones) => digit(ones).to_owned(),
        (1, 0) => "十".to_owned(),
        (1, ones) => format!("十{}", digit(ones)),
        (tens, 0) => format!("{}十", digit(tens)),
        (tens, ones) => format!("{}十{}", digit(tens), digit(ones)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(term: &str) -> Vec<String> {
        patterns(term).unwrap().into_iter().map(|pattern| pattern.text).collect()
    }

    #[test]
    fn endings_and_numbers_are_spelled_out() {
        let forms = texts("stab+ a man");
        assert!(
            ["stab a man", "stabs a man", "stabbed a man", "stabbing a man"]
                .iter()
                .all(|form| forms.contains(&(*form).into()))
        );
        assert!(texts("strangle+").contains(&"strangling".into()) && texts("body+").contains(&"bodies".into()));
        assert_eq!(
            texts("{11-12} years old"),
            [
                "11 years old",
                "eleven years old",
                "十一 years old",
                "12 years old",
                "twelve years old",
                "十二 years old"
            ]
        );
        assert!(texts("{20-21}岁").contains(&"二十一岁".into()));
        assert_eq!(patterns("behead*").unwrap(), [Pattern { text: "behead".into(), goes_on: true }]);
        assert_eq!(texts("Self-Harm"), ["self harm"]);
        assert_eq!(texts("裸體"), ["裸体"]);
    }

    #[test]
    fn terms_that_say_nothing_are_refused() {
        for (term, problem) in [
            ("", "no letters"),
            ("!?", "no letters"),
            ("a", "single letter"),
            ("be* head", "before its end"),
            ("{9} years", "{0-17}"),
            ("{9-1} years", "{0-17}"),
            ("{1-100} years", "{0-17}"),
            ("{1-2", "{0-17}"),
            ("a+ b+ c+ d+ e+", "more than"),
        ] {
            let message = patterns(term).unwrap_err();
            assert!(message.contains(problem), "{term}: {message}");
        }
    }
}
