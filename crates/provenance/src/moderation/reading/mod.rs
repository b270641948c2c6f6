//! A text as a reader sees it who is not fooled: plain letters, in several readings.
//!
//! Words stand one space apart; characters of scripts without spaces stand together, whatever stood between them. Where
//! letters are spaced out, replaced by digits, masked or repeated, there is a further reading for each way to undo it.

mod letters;
mod words;

use letters::{is_unspaced, plain};
use words::{Way, ways};

/// A text in all its readings.
pub(super) struct Readings {
    /// The plain one first.
    pub(super) readings: Vec<Reading>,
    /// How many words and characters lie before each letter of the text.
    steps: Vec<u32>,
}

/// A text in one reading.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Words, one space apart.
    pub(super) text: String,
    /// The letter that each byte comes from.
    origins: Vec<u32>,
    /// Parts made of single letters, in which any letter may begin a word.
    loose: Vec<std::ops::Range<usize>>,
}

impl Readings {
    /// Reads a text.
    pub(super) fn of(text: &str) -> Self {
        let letters = plain(text);
        let mut readings: Vec<Reading> = Vec::with_capacity(1);
        for way in ways(&letters) {
            let reading = words::read(&letters, way);
            if readings.iter().all(|known| known.text != reading.text || known.loose != reading.loose) {
                readings.push(reading);
            }
        }
        Self { readings, steps: steps(&letters) }
    }

    /// Where a part of a reading stands, in words and characters from the beginning.
    pub(super) fn place(&self, reading: &Reading, bytes: std::ops::Range<usize>) -> std::ops::Range<u32> {
        let step = |byte: usize| self.steps[reading.origins[byte] as usize];
        step(bytes.start)..step(bytes.end - 1) + 1
    }
}

impl Reading {
    /// Whether a word begins at `start`.
    pub(super) fn begins(&self, start: usize) -> bool {
        start == 0 || self.text.as_bytes()[start - 1] == b' ' || self.is_open(start, start)
    }

    /// Whether a word ends at `end`.
    pub(super) fn ends(&self, end: usize) -> bool {
        end == self.text.len() || self.text.as_bytes()[end] == b' ' || self.is_open(end, end - 1)
    }

    /// Whether there is no telling words apart on either side of `edge`, or the script sets no spaces.
    fn is_open(&self, edge: usize, inside: usize) -> bool {
        let is_loose = self.loose.iter().any(|part| part.start <= edge && edge <= part.end);
        is_loose || !self.text.as_bytes()[inside].is_ascii()
    }
}

/// A term as a reading would hold it.
pub(super) fn canonical(term: &str) -> String {
    words::read(&plain(term), Way::PLAIN).text
}

fn steps(letters: &[char]) -> Vec<u32> {
    let (mut count, mut in_word) = (0_u32, false);
    let number = |letter: &char| {
        let is_word = letter.is_alphanumeric() && !is_unspaced(*letter);
        if is_unspaced(*letter) || (is_word && !in_word) {
            count += 1;
        }
        in_word = is_word;
        count
    };
    letters.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        Readings::of(text).readings.into_iter().map(|reading| reading.text).collect()
    }

    #[test]
    fn plain_text_has_one_reading() {
        assert_eq!(texts("A red ball, rolling."), ["a red ball rolling"]);
        assert_eq!(texts("一个红色的球 rolls，滚过草地。"), ["一个红色的球 rolls 滚过草地"]);
        assert_eq!(texts("in 1945 a clip of 35 mm").len(), 1);
    }

    #[test]
    fn what_hides_words_is_undone() {
        for (hidden, found) in [
            ("n a k e d", "naked"),
            ("n.a-k_e·d", "naked"),
            ("a n a k e d man", "anaked man"),
            ("n4k3d", "naked"),
            ("n @ k 3 d", "naked"),
            ("k1ll", "kill"),
            ("ki11er", "killer"),
            ("g1rl", "girl"),
            ("nuuuude", "nude"),
            ("kiiillll", "kill"),
            ("n*ked", "naked"),
            ("p@rn$tar", "parnstar"),
            ("na.ked", "naked"),
            ("nnaakkeedd", "naked"),
            ("裸 体", "裸体"),
            ("裸.*体", "裸体"),
            ("裸，体，女，人", "裸体女人"),
        ] {
            let found_in = texts(hidden);
            assert!(found_in.iter().any(|text| text == found), "{hidden}: {found_in:?}");
        }
        assert_eq!(texts("第一句。第二句"), ["第一句 第二句"]);
    }

    #[test]
    fn places_are_the_same_in_every_reading() {
        let readings = Readings::of("one n a k e d 裸体 end");
        let places: Vec<_> = readings
            .readings
            .iter()
            .map(|reading| readings.place(reading, reading.text.len() - 3..reading.text.len()))
            .collect();
        assert!(places.len() > 1 && places.iter().all(|place| *place == (9..10)), "{places:?}");
    }
}
