//! What a prompt asks for, read from its words in English or Chinese.

use worlds::{CameraMove, Colour, Motion, Shape, words::Words};

use crate::{KnownAnswers, Question};

/// Looks for the words of [`worlds::words`] in a prompt; what no word tells stays unknown.
///
/// The object that is named first is the main one, and its colour is the last one named before it. A longer phrase
/// goes before a shorter one that begins at the same place: "rolls behind" is not "rolls".
pub fn read_labels(prompt: &str) -> KnownAnswers {
    let text = prompt.to_lowercase();
    let shapes = find(&text, Shape::ALL.iter().map(|value| value.words()));
    let colours = find(&text, Colour::ALL.iter().map(|value| value.words()));
    let shape = shapes.first();
    let before = |found: &&Found| shape.is_none_or(|shape| found.start < shape.start);
    let colour = colours.iter().rev().find(before).or(colours.first());
    let camera = find(&text, CameraMove::ALL.iter().map(|value| value.words()));
    let mut motions = find(&text, Motion::ALL.iter().map(|value| value.words()));
    // What the camera does is not what the object does.
    motions.retain(|motion| !camera.iter().any(|camera| camera.start <= motion.start && motion.end <= camera.end));
    let motion = motions.first().map(|found| split_phrase(&text, found));
    KnownAnswers {
        colour: colour.map(|found| found.answer),
        shape: shape.map(|found| found.answer),
        motion,
        camera: camera.first().map(|found| found.answer),
    }
}

/// Chinese puts what is rolled behind inside the phrase: 从…后面滚过.
fn split_phrase(text: &str, found: &Found) -> usize {
    let rolls = found.answer == Motion::Roll.index();
    let behind = text.find('从').is_some_and(|from| text[from..].contains("后面"))
        || text.find('滚').is_some_and(|from| text[from..].contains("后面"));
    if rolls && behind { Motion::RollBehind.index() } else { found.answer }
}

#[derive(Clone, Copy, Debug)]
struct Found {
    answer: usize,
    start: usize,
    end: usize,
}

/// Where the words of each answer occur: by place, of those at one place the longest first.
fn find(text: &str, answers: impl Iterator<Item = Words>) -> Vec<Found> {
    let mut found = Vec::new();
    for (answer, words) in answers.enumerate() {
        for word in words.en.iter().chain(words.zh) {
            for (start, matched) in text.match_indices(word) {
                let end = start + matched.len();
                if stands_alone(text, start, end) {
                    found.push(Found { answer, start, end });
                }
            }
        }
    }
    found.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
    found
}

/// Whether an English word is not a part of a longer one; Chinese has no gaps between words.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (before, after) = (text[..start].chars().next_back(), text[end..].chars().next());
    let (first, last) = (text[start..].chars().next(), text[..end].chars().next_back());
    let goes_on = (letter(before) && letter(first)) || (letter(last) && letter(after));
    !goes_on
}

/// The answers as names, `-` for unknown ones.
pub fn names(answers: &KnownAnswers) -> [&'static str; 4] {
    Question::ALL.map(|question| answers.get(question).map_or("-", |answer| question.answer_name(answer)))
}

#[cfg(test)]
mod tests {
    use worlds::held_out_prompts;

    use super::*;
    use crate::question::true_answers;

    #[test]
    fn held_out_prompts_are_understood_in_both_languages() {
        for (prompt, labels) in held_out_prompts(128) {
            let truth = true_answers(&labels);
            let expected = KnownAnswers::from_fn(|question| Some(*truth.get(question)));
            assert_eq!(names(&read_labels(&prompt)), names(&expected), "{prompt}");
        }
    }

    #[test]
    fn words_of_people_are_understood() {
        for (prompt, expected) in [
            ("A RED sphere is rolling across the lawn", ["red", "ball", "roll", "-"]),
            ("On white snow a blue box rolls behind a green drum", ["blue", "cube", "roll-behind", "-"]),
            ("an orange hoop spins. The camera circles left", ["orange", "ring", "spin", "orbit-left"]),
            ("a boring ballad about coverings", ["-", "-", "-", "-"]),
            ("a cone tips over, a static shot", ["-", "cone", "topple", "still"]),
            ("雪地上，一个蓝色的立方体落下，镜头推近", ["blue", "cube", "fall", "dolly-in"]),
            ("一个红色的球从绿色方块后面滚过", ["red", "ball", "roll-behind", "-"]),
            ("", ["-", "-", "-", "-"]),
        ] {
            assert_eq!(names(&read_labels(prompt)), expected, "{prompt}");
        }
    }
}
