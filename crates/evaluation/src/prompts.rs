//! Prompts, and what a video of each must show.

use std::{io::Read, path::Path};

use crate::{EvaluationError, KnownAnswers, Question, label_words::read_labels, question::true_answers};

/// Longest file of prompts that is read.
const MAX_BYTES: u64 = 4 << 20;

/// A prompt and what its videos must show, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledPrompt {
    /// What is asked for.
    pub prompt: String,
    /// What must be seen.
    pub expected: KnownAnswers,
}

impl LabelledPrompt {
    /// A prompt whose labels are read from its words.
    pub fn from_words(prompt: &str) -> Self {
        Self { prompt: prompt.to_owned(), expected: read_labels(prompt) }
    }
}

/// Clear prompts for combinations of colour, shape and motion that training never sees.
pub fn held_out(count: usize) -> Vec<LabelledPrompt> {
    let known = |labels| {
        let answers = true_answers(&labels);
        KnownAnswers::from_fn(|question| Some(*answers.get(question)))
    };
    let prompts = worlds::held_out_prompts(count).into_iter();
    prompts.map(|(prompt, labels)| LabelledPrompt { prompt, expected: known(labels) }).collect()
}

/// Reads a file with one prompt on each line.
///
/// A line is a prompt alone, whose labels are then read from its words, or a prompt, colour, shape, motion and camera
/// with tabs between them, where `-` stands for what is not to be counted. Empty lines and lines that begin with `#`
/// are passed over.
///
/// # Errors
/// [`EvaluationError::PromptLine`] names the first line that is neither, [`EvaluationError::Prompts`] a file that is
/// no text, too long or empty, [`EvaluationError::File`] one that cannot be read.
pub fn read_file(path: &Path) -> Result<Vec<LabelledPrompt>, EvaluationError> {
    let unreadable = |source| EvaluationError::File { action: "read", path: path.into(), source };
    let wrong = |reason: String| EvaluationError::Prompts { path: path.into(), reason };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("it is longer than {} MiB; split it", MAX_BYTES >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        wrong(format!("line {line} is not UTF-8 text; write one prompt on each line"))
    })?;
    let prompts =
        parse(&text).map_err(|(line, reason)| EvaluationError::PromptLine { path: path.into(), line, reason })?;
    if prompts.is_empty() {
        return Err(wrong("it holds no prompt; write one on each line".into()));
    }
    Ok(prompts)
}

/// The prompts of a text, or the first bad line and what is wrong with it.
fn parse(text: &str) -> Result<Vec<LabelledPrompt>, (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut prompts = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        prompts.push(parse_line(line).map_err(|reason| (index + 1, reason))?);
    }
    Ok(prompts)
}

fn parse_line(line: &str) -> Result<LabelledPrompt, String> {
    let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
    let prompt = columns[0];
    if prompt.is_empty() {
        return Err("the prompt before the first tab is empty".into());
    }
    let labels = match columns.as_slice() {
        [_] => return Ok(LabelledPrompt::from_words(prompt)),
        [_, labels @ ..] if labels.len() == Question::ALL.len() => labels,
        _ => {
            return Err(format!(
                "it has {} columns; write a prompt alone, or prompt, colour, shape, motion and camera with tabs \
                 between them and - for what is not to be counted",
                columns.len()
            ));
        }
    };
    let mut expected = KnownAnswers::default();
    for (question, label) in Question::ALL.into_iter().zip(labels) {
        if !matches!(*label, "" | "-") {
            *expected.get_mut(question) = Some(question.parse(label)?);
        }
    }
    Ok(LabelledPrompt { prompt: prompt.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_and_without_labels_are_read() {
        let text =
            "\u{feff}# mine\n\na red ball rolls\r\nanything\tblue\tcube\tfall\tpan-left\nno camera\tRed\tball\t-\t\n";
        let prompts = parse(text).unwrap();
        assert_eq!(prompts.len(), 3);
        assert_eq!(prompts[0], LabelledPrompt::from_words("a red ball rolls"));
        assert_eq!(prompts[0].expected.colour, Some(0));
        let name = |index: usize, question: Question| {
            prompts[index].expected.get(question).map(|answer| question.answer_name(answer))
        };
        assert_eq!(Question::ALL.map(|question| name(1, question)), ["blue", "cube", "fall", "pan-left"].map(Some));
        assert_eq!(Question::ALL.map(|question| name(2, question)), [Some("red"), Some("ball"), None, None]);
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, line, part) in [
            ("a\nb\tpink\tball\troll\tstill", 2, "\"pink\" is not a colour; choose one of red"),
            ("a\tred", 1, "it has 2 columns"),
            ("\n\n\tred\tball\troll\tstill", 3, "is empty"),
            ("a\tred\tball\tfly\tstill", 1, "\"fly\" is not a motion"),
        ] {
            let (found, reason) = parse(text).unwrap_err();
            assert_eq!(found, line, "{text}");
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn files_that_hold_no_prompts_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompts.txt");
        assert!(matches!(read_file(&path), Err(EvaluationError::File { .. })));
        for (bytes, part) in
            [(&b"# nothing\n"[..], "no prompt"), (b"a\nb \xff", "line 2 is not UTF-8"), (b"a\tb", "line 1")]
        {
            std::fs::write(&path, bytes).unwrap();
            let message = read_file(&path).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("prompts.txt"), "{message}");
        }
        std::fs::write(&path, "x".repeat(MAX_BYTES as usize + 1)).unwrap();
        assert!(read_file(&path).unwrap_err().to_string().contains("longer than 4 MiB"));
    }

    #[test]
    fn held_out_prompts_say_everything() {
        let prompts = held_out(16);
        assert_eq!(prompts.len(), 16);
        assert!(
            prompts.iter().all(|prompt| Question::ALL.iter().all(|question| prompt.expected.get(*question).is_some()))
        );
    }
}
