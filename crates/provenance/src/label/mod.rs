//! The label that people see: on the opening pictures, for two seconds or longer.
//!
//! Source: GB 45438-2025, 4.2.4: on the opening picture, for 2 s or more, its text at least 5 % of the short side high.

mod glyphs;

use glyphs::Glyph;
use video::{Frame, FrameRate, Resolution};

use crate::Language;

/// How long the label stays.
const SECONDS: f64 = 2.0;
/// The least height of the text, as a part of the short side.
const LEAST_HEIGHT: f64 = 0.05;
/// Short sides below this get the smaller letters, so that the label fits.
const SMALL_SIDE: u32 = 96;
/// Points between letters and around them.
const GAP: usize = 1;
const MARGIN: usize = 2;
/// How much of the picture shines through behind the letters, in 256ths.
const SHINES_THROUGH: u16 = 64;
const INK: u8 = 255;

/// A label for pictures of one size.
#[derive(Clone, Debug)]
pub struct Label {
    /// Where its letters are, by row, together with their margin.
    points: Vec<Vec<bool>>,
    /// Pixels for each point.
    scale: usize,
}

impl Label {
    /// Draws the label of a language for pictures of that size.
    pub fn new(language: Language, resolution: Resolution) -> Self {
        let short = resolution.width().min(resolution.height());
        let (glyph, texts): (fn(char) -> Glyph, [&str; 2]) = match language {
            Language::Chinese => (glyphs::chinese, ["AI生成", "AI"]),
            Language::English if short < SMALL_SIDE => (glyphs::small, ["AI-GENERATED", "AI"]),
            Language::English => (glyphs::large, ["AI-GENERATED", "AI"]),
        };
        let draw = |text: &str| {
            let letters: Vec<Glyph> = text.chars().map(glyph).collect();
            let points = points(&letters);
            let height = points.len() - 2 * MARGIN;
            let scale = ((f64::from(short) * LEAST_HEIGHT / height as f64).ceil() as usize).max(1);
            Self { points, scale }
        };
        let whole = draw(texts[0]);
        if whole.width() <= resolution.width() as usize { whole } else { draw(texts[1]) }
    }

    /// The number of opening frames that carry it.
    pub fn num_frames(frame_rate: FrameRate) -> usize {
        (frame_rate.as_f64() * SECONDS).ceil() as usize
    }

    fn width(&self) -> usize {
        self.points[0].len() * self.scale
    }

    /// Height of the letters in pixels.
    pub fn text_height(&self) -> usize {
        (self.points.len() - 2 * MARGIN) * self.scale
    }

    /// Draws it into the lower left corner: white on a darkened ground.
    pub fn draw(&self, frame: &mut Frame) {
        let (width, height) = (frame.resolution().width() as usize, frame.resolution().height() as usize);
        let top = height.saturating_sub(self.points.len() * self.scale);
        for (y, line) in frame.rgb_mut().chunks_exact_mut(width * 3).enumerate().skip(top) {
            let points = &self.points[(y - top) / self.scale];
            for (x, pixel) in line.chunks_exact_mut(3).enumerate().take(self.width()) {
                for channel in pixel {
                    *channel =
                        if points[x / self.scale] { INK } else { (u16::from(*channel) * SHINES_THROUGH / 256) as u8 };
                }
            }
        }
    }
}

/// Letters beside one another, with a margin around them.
fn points(letters: &[Glyph]) -> Vec<Vec<bool>> {
    let height = letters[0].len();
    let mut rows = vec![vec![false; MARGIN]; height];
    for (index, letter) in letters.iter().enumerate() {
        for (row, points) in rows.iter_mut().zip(*letter) {
            row.extend(std::iter::repeat_n(false, if index == 0 { 0 } else { GAP }));
            row.extend(points.bytes().map(|point| point == b'#'));
        }
    }
    rows.iter_mut().for_each(|row| row.extend([false; MARGIN]));
    let empty = vec![false; rows[0].len()];
    let margin = || std::iter::repeat_n(empty.clone(), MARGIN);
    margin().chain(rows).chain(margin()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_high_enough_and_stands_out_at_every_size() {
        for (width, height) in [(48, 32), (64, 64), (128, 128), (160, 96), (832, 480), (1920, 1080), (1080, 1920)] {
            let resolution = Resolution::new(width, height).unwrap();
            for language in [Language::English, Language::Chinese] {
                let label = Label::new(language, resolution);
                let short = f64::from(width.min(height));
                assert!(label.text_height() as f64 >= 0.05 * short, "{width}x{height}");
                assert!(label.width() <= width as usize && label.text_height() < height as usize, "{width}x{height}");
                for ground in [[0; 3], [255; 3], [128, 200, 40]] {
                    let mut frame = Frame::filled(resolution, ground);
                    label.draw(&mut frame);
                    let white = frame.rgb().chunks_exact(3).filter(|pixel| **pixel == [255; 3]).count();
                    let dark = frame.rgb().chunks_exact(3).filter(|pixel| pixel.iter().all(|&v| v < 70)).count();
                    assert!(white > 15 && dark > 60, "{width}x{height} on {ground:?}: {white} and {dark}");
                }
            }
        }
    }

    #[test]
    fn letters_of_one_alphabet_are_of_one_height() {
        type Alphabet = (fn(char) -> Glyph, &'static str);
        let alphabets: [Alphabet; 3] =
            [(glyphs::small, "AI-GENERATED"), (glyphs::large, "AI-GENERATED"), (glyphs::chinese, "AI生成")];
        for (glyph, text) in alphabets {
            let height = glyph('A').len();
            for letter in text.chars().map(glyph) {
                assert_eq!(letter.len(), height);
                assert!(letter.iter().all(|row| row.len() == letter[0].len()));
            }
        }
    }

    #[test]
    fn it_stays_for_two_seconds() {
        let frames = |rate: &str| Label::num_frames(rate.parse().unwrap());
        assert_eq!((frames("16"), frames("30000/1001"), frames("1")), (32, 60, 2));
    }
}
