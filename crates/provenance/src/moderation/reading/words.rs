//! Letters to words, in one of several ways.

use super::{Reading, is_unspaced};

/// Letters that stand alone, one after another, and are then read as a word.
const LONE_LETTERS: usize = 3;
/// Doubled letters in one word; more than any English word has.
const DOUBLED: usize = 4;

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Whether letters are joined across what stands between them.
    joins: bool,
    leet: Leet,
    squeeze: Squeeze,
    /// What a masked letter is taken for.
    mask: Option<char>,
}

/// What digits and signs among letters are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leet {
    /// Themselves.
    Kept,
    /// Letters, with 1 as i.
    OneIsI,
    /// Letters, with 1 as l.
    OneIsL,
}

/// What becomes of repeated letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Squeeze {
    /// They stay.
    Kept,
    /// One is left.
    ToOne,
    /// Three and more become two.
    ToTwo,
    /// One vowel is left, and of three and more of another letter two.
    VowelsToOne,
}

impl Way {
    /// As it stands.
    pub(super) const PLAIN: Self = Self { joins: false, leet: Leet::Kept, squeeze: Squeeze::Kept, mask: None };
}

/// The ways in which a text can be read, the plain one first.
pub(super) fn ways(letters: &[char]) -> Vec<Way> {
    let mut ways = vec![Way::PLAIN];
    let lone = !lone_letters(letters).is_empty();
    let is_hidden = |letter: char| as_letter(letter, Leet::OneIsI).is_some();
    let is_beside = |pair: &[char]| is_hidden(pair[0]) && is_latin(pair[1]) || is_hidden(pair[1]) && is_latin(pair[0]);
    let signs = letters.windows(2).any(is_beside) || (lone && letters.iter().any(|letter| is_hidden(*letter)));
    let repeats = letters.windows(3).any(|three| is_latin(three[0]) && three[0] == three[1] && three[1] == three[2])
        || letters.windows(2).filter(|pair| is_latin(pair[0]) && pair[0] == pair[1]).count() >= DOUBLED;
    let masked = letters.windows(3).any(|three| is_word(three[0]) && is_mask(three[1]) && is_word(three[2]));
    let joins = is_parted(letters) || lone;
    let leets: &[Leet] = if signs { &[Leet::OneIsI, Leet::OneIsL] } else { &[Leet::Kept] };
    let squeezes: &[Squeeze] =
        if repeats { &[Squeeze::ToOne, Squeeze::ToTwo, Squeeze::VowelsToOne] } else { &[Squeeze::Kept] };
    for (&leet, &squeeze) in leets.iter().flat_map(|leet| squeezes.iter().map(move |squeeze| (leet, squeeze))) {
        let parted = Way { joins: false, leet, squeeze, mask: None };
        ways.push(parted);
        ways.extend(joins.then_some(Way { joins: true, ..parted }));
    }
    if masked {
        let unmasked = |mask| Way { joins: true, leet: Leet::OneIsI, squeeze: Squeeze::Kept, mask: Some(mask) };
        ways.extend("aeiou".chars().map(unmasked));
    }
    ways
}

/// Reads letters in one way.
pub(super) fn read(letters: &[char], way: Way) -> Reading {
    let mut reader = Reader { letters, way, reading: Reading::default(), last_unspaced: None, in_run: false };
    let merged = if way.joins { lone_letters(letters) } else { Vec::new() };
    let (mut index, mut merged) = (0, merged.into_iter().peekable());
    while index < letters.len() {
        if let Some(run) = merged.next_if(|run| run.start == index) {
            index = run.end;
            reader.chunk(run, true);
        } else if is_unspaced(letters[index]) {
            reader.character(index);
            index += 1;
        } else if letters[index].is_whitespace() {
            index += 1;
        } else {
            let end = end_of_chunk(letters, index);
            reader.chunk(index..end, false);
            index = end;
        }
    }
    reader.reading
}

struct Reader<'a> {
    letters: &'a [char],
    way: Way,
    reading: Reading,
    /// The last letter, if its script sets no spaces.
    last_unspaced: Option<usize>,
    /// Whether letters are read that stand alone one after another.
    in_run: bool,
}

impl Reader<'_> {
    fn push(&mut self, letter: char, origin: usize) {
        self.reading.text.push(letter);
        self.reading.origins.resize(self.reading.text.len(), origin as u32);
    }

    fn space(&mut self, origin: usize) {
        if !self.reading.text.is_empty() && !self.reading.text.ends_with(' ') {
            self.push(' ', origin);
        }
    }

    fn character(&mut self, index: usize) {
        let follows = self.last_unspaced.is_some_and(|last| self.is_one_word(last, index));
        if !follows {
            self.space(index);
        }
        self.push(self.letters[index], index);
        self.last_unspaced = Some(index);
    }

    /// Whether two characters are read together. The end of a sentence parts them, unless it stands behind every character.
    fn is_one_word(&self, last: usize, next: usize) -> bool {
        let ends = |letter: &char| matches!(letter, '。' | '!' | '?' | ';' | '\n');
        let stands_alone = |index: usize| {
            let is_unspaced_at = |index: Option<usize>| {
                index.and_then(|index| self.letters.get(index)).is_some_and(|letter| is_unspaced(*letter))
            };
            !is_unspaced_at(index.checked_sub(1)) && !is_unspaced_at(Some(index + 1))
        };
        !self.letters[last + 1..next].iter().any(ends) || (stands_alone(last) && stands_alone(next))
    }

    /// Letters without a space between them, or single ones that are read as a word.
    fn chunk(&mut self, chunk: std::ops::Range<usize>, is_run: bool) {
        let letters = &self.letters[chunk.clone()];
        self.in_run = is_run;
        let has_letter = letters.iter().any(|letter| is_latin(*letter));
        let leet = if has_letter { self.way.leet } else { Leet::Kept };
        let (mut pieces, mut longest, mut piece) = (0, 0, 0);
        let (mut begin, mut last) = (None, None);
        for (offset, &letter) in letters.iter().enumerate() {
            let index = chunk.start + offset;
            let Some(letter) = self.read_as((letter, index), &chunk, leet) else {
                piece = 0;
                continue;
            };
            if piece == 0 {
                pieces += 1;
                last = None;
                if begin.is_none() || !self.way.joins {
                    self.space(index);
                    begin = begin.or(Some(self.reading.text.len()));
                }
            }
            piece += 1;
            longest = longest.max(piece);
            if !self.is_left_out(letter, &mut last) {
                self.push(letter, index);
            }
        }
        if let Some(begin) = begin {
            self.last_unspaced = None;
            if self.way.joins && longest == 1 && (is_run || pieces >= LONE_LETTERS) {
                self.reading.loose.push(begin..self.reading.text.len());
            }
        }
    }

    /// The letter that something in a chunk is taken for; nothing where it parts words.
    fn read_as(&self, (letter, index): (char, usize), chunk: &std::ops::Range<usize>, leet: Leet) -> Option<char> {
        let near = |index: Option<usize>| {
            index.filter(|index| chunk.contains(index)).is_some_and(|index| is_word(self.letters[index]))
        };
        let (before, after) = (self.in_run || near(index.checked_sub(1)), self.in_run || near(Some(index + 1)));
        match letter {
            _ if is_mask(letter) && before && after && self.way.mask.is_some() => self.way.mask,
            // At the end of a word it is what it looks like.
            '!' | '+' if !after => None,
            _ if leet != Leet::Kept && (before || after || is_word(letter)) => {
                as_letter(letter, leet).or_else(|| is_word(letter).then_some(letter))
            }
            _ => is_word(letter).then_some(letter),
        }
    }

    fn is_left_out(&self, letter: char, last: &mut Option<(char, usize)>) -> bool {
        let count = match *last {
            Some((same, count)) if same == letter => count + 1,
            _ => 1,
        };
        *last = Some((letter, count));
        match self.way.squeeze {
            Squeeze::Kept => false,
            Squeeze::ToOne => count > 1,
            Squeeze::VowelsToOne if matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u') => count > 1,
            Squeeze::ToTwo | Squeeze::VowelsToOne => count > 2,
        }
    }
}

/// Runs of single letters, one space apart, where they are long enough not to be chance.
fn lone_letters(letters: &[char]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<(std::ops::Range<usize>, usize)> = Vec::new();
    let mut index = 0;
    while index < letters.len() {
        if letters[index].is_whitespace() || is_unspaced(letters[index]) {
            index += 1;
            continue;
        }
        let end = end_of_chunk(letters, index);
        if letters[index..end]
            .iter()
            .filter(|letter| is_word(**letter) || as_letter(**letter, Leet::OneIsI).is_some())
            .count()
            == 1
        {
            match runs.last_mut() {
                Some((run, count)) if run.end + 1 == index => (run.end, *count) = (end, *count + 1),
                _ => runs.push((index..end, 1)),
            }
        }
        index = end;
    }
    if runs.iter().all(|(_, count)| *count < LONE_LETTERS) {
        return Vec::new();
    }
    runs.into_iter().filter(|(_, count)| *count > 1).map(|(run, _)| run).collect()
}

fn end_of_chunk(letters: &[char], start: usize) -> usize {
    let is_end = |letter: &char| letter.is_whitespace() || is_unspaced(*letter);
    letters[start..].iter().position(is_end).map_or(letters.len(), |length| start + length)
}

/// Whether something other than a space parts letters.
fn is_parted(letters: &[char]) -> bool {
    let chunks = letters.split(|letter| letter.is_whitespace() || is_unspaced(*letter));
    chunks.into_iter().any(|chunk| {
        let words = chunk.split(|letter| !is_word(*letter)).filter(|word| !word.is_empty());
        words.count() > 1
    })
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() && !is_unspaced(letter)
}

fn is_latin(letter: char) -> bool {
    letter.is_alphabetic() && !is_unspaced(letter)
}

const fn is_mask(letter: char) -> bool {
    matches!(letter, '*' | '#' | '_' | '%' | '×')
}

/// The letter that a digit or a sign is used for.
const fn as_letter(letter: char, leet: Leet) -> Option<char> {
    Some(match letter {
        '0' => 'o',
        '1' | '!' | '|' if matches!(leet, Leet::OneIsL) => 'l',
        '1' | '!' | '|' => 'i',
        '2' => 'z',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        _ => return None,
    })
}
