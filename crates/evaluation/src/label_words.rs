//! What a prompt asks for, read from its words in English or Chinese.

use worlds::{CameraMove, Colour, Motion, Shape, words::Words};

use crate::{KnownAnswers, Question};

/// How captions say some motions beside the words of [`worlds::words`].
const MORE_MOTIONS: [(Motion, &[&str]); 5] = [
    (Motion::Fall, &["落到"]),
    (Motion::RollBehind, &["滚到"]),
    (Motion::Orbit, &["flies around", "circles around", "orbits", "绕着", "环绕飞行"]),
    (Motion::FloatUp, &["floats into the air", "飘起"]),
    (Motion::Rest, &["floats on", "bobs on", "漂浮", "随着海浪起伏"]),
];

/// Looks for the words of [`worlds::words`] in a prompt; what no word tells stays unknown.
///
/// The object that is named first is the main one, and its colour is the last one named before it. A longer phrase
/// goes before a shorter one that begins at the same place: "rolls behind" is not "rolls".
pub fn read_labels(prompt: &str) -> KnownAnswers {
    let text = prompt.to_lowercase();
    let shapes = find(&text, Shape::ALL.iter().map(|value| value.words()).flat_map(numbered()));
    let colours = find(&text, Colour::ALL.iter().map(|value| value.words()).flat_map(numbered()));
    let cameras = find(&text, CameraMove::ALL.iter().map(|value| value.words()).flat_map(numbered()));
    let more = MORE_MOTIONS.iter().flat_map(|(motion, words)| words.iter().map(|word| (motion.index(), *word)));
    let mut motions = find(&text, Motion::ALL.iter().map(|value| value.words()).flat_map(numbered()).chain(more));
    // What the camera does is not what the object does.
    motions.retain(|motion| !cameras.iter().any(|camera| camera.start <= motion.start && motion.end <= camera.end));

    let shape = shapes.first();
    let before = |found: &&Found| shape.is_none_or(|shape| found.start < shape.start);
    // With one object, its colour may also follow: "the ball is red".
    let alone = shapes.iter().all(|other| shape.is_none_or(|shape| shape.answer == other.answer));
    let colour = colours.iter().rev().find(before).or(colours.first().filter(|_| alone));
    let motion = motions.first().map(|found| {
        // Chinese puts what is rolled behind inside the phrase: 从…后面滚过.
        let behind = found.answer == Motion::Roll.index() && text[..found.start].ends_with("后面");
        if behind { Motion::RollBehind.index() } else { found.answer }
    });
    KnownAnswers {
        colour: colour.map(|found| found.answer),
        shape: shape.map(|found| found.answer),
        motion,
        camera: cameras.first().map(|found| found.answer),
    }
}

/// Gives each answer's words their answer's number.
fn numbered() -> impl FnMut(Words) -> Vec<(usize, &'static str)> {
    let mut answers = 0..;
    move |words| {
        let answer = answers.next().unwrap_or_default();
        words.en.iter().chain(words.zh).map(|word| (answer, *word)).collect()
    }
}

#[derive(Clone, Copy, Debug)]
struct Found {
    answer: usize,
    start: usize,
    end: usize,
}

/// Where words occur: by place, of those at one place the longest first.
fn find(text: &str, words: impl Iterator<Item = (usize, &'static str)>) -> Vec<Found> {
    let mut found = Vec::new();
    for (answer, word) in words {
        for (start, matched) in text.match_indices(word) {
            let end = start + matched.len();
            if stands_alone(text, start, end) {
                found.push(Found { answer, start, end });
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
            ("the ball is red and bounces", ["red", "ball", "bounce", "-"]),
            ("a cone tips over, a static shot", ["-", "cone", "topple", "still"]),
            ("雪地上，一个蓝色的立方体落下，镜头推近", ["blue", "cube", "fall", "dolly-in"]),
            ("一个红色的球从绿色方块后面滚过", ["red", "ball", "roll-behind", "-"]),
            ("the camera orbits to the left around a still life", ["-", "-", "-", "orbit-left"]),
            ("a ring orbits a black cone", ["-", "ring", "orbit", "-"]),
            ("", ["-", "-", "-", "-"]),
        ] {
            assert_eq!(names(&read_labels(prompt)), expected, "{prompt}");
        }
    }
}
