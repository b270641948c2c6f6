//! The same film in another way: what changes no answer, and what generated videos suffer from.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use video::Frame;

use super::examples::Example;
use crate::{Answers, KnownAnswers, pixels::GROUP, question::mirrored};

/// Furthest that a picture is moved, as a share of its shorter side.
const MAX_SHIFT: f32 = 3.0 / 32.0;
/// Strongest noise, in steps of 256 to either side.
const MAX_NOISE: f32 = 12.0;
/// How many films in a hundred are cut to one picture, which shows neither motion nor camera.
const STILLS: u32 = 4;
/// How many films in a hundred are cut shorter.
const CUTS: u32 = 20;

/// A film that somebody else might have made, and what is known of it.
pub(super) fn varied(example: &Example, rng: &mut ChaCha8Rng) -> (Vec<Frame>, KnownAnswers) {
    let size = example.frames[0].resolution();
    let variation = Variation::draw(size.width().min(size.height()), rng);
    let answers = if variation.mirror { mirrored(example.answers) } else { example.answers };
    let (frames, answers) = cut(&example.frames, answers, rng);
    (frames.iter().map(|frame| variation.of(frame, rng)).collect(), answers)
}

/// Most films whole, some shorter, some a single picture.
fn cut<'a>(frames: &'a [Frame], answers: Answers, rng: &mut ChaCha8Rng) -> (&'a [Frame], KnownAnswers) {
    let known = KnownAnswers::from_fn(|question| Some(*answers.get(question)));
    match rng.random_range(0..100) {
        chance if chance < STILLS => {
            let only = rng.random_range(0..frames.len());
            let seen = KnownAnswers { motion: None, camera: None, ..known };
            (&frames[only..=only], seen)
        }
        // Little at the beginning, where things fall and topple.
        chance if chance < STILLS + CUTS && frames.len() > 2 * GROUP => {
            let first = rng.random_range(0..=1);
            (&frames[first..frames.len() - GROUP + first], known)
        }
        _ => (frames, known),
    }
}

/// How a film differs from its original, the same in all of its frames.
#[derive(Clone, Copy, Debug)]
struct Variation {
    mirror: bool,
    /// To the left and up, in pixels.
    shift: [i32; 2],
    /// Factor of each colour, around middle grey.
    gains: [f32; 3],
    /// Added to every colour.
    lift: f32,
    /// 1 leaves colours as they are, 0 would make them grey.
    saturation: f32,
    /// How often neighbours are mixed.
    blurs: usize,
    /// Largest error of a value.
    noise: f32,
}

impl Variation {
    fn draw(short_side: u32, rng: &mut ChaCha8Rng) -> Self {
        let furthest = (short_side as f32 * MAX_SHIFT) as i32;
        let contrast = rng.random_range(0.88..1.1);
        Self {
            mirror: rng.random(),
            shift: [0; 2].map(|_| rng.random_range(-furthest..=furthest)),
            gains: [0; 3].map(|_| contrast * rng.random_range(0.94..1.06)),
            lift: rng.random_range(-10.0..10.0),
            saturation: rng.random_range(0.8..1.1),
            blurs: [0, 0, 0, 0, 1, 1, 1, 2, 2, 3][rng.random_range(0..10)],
            noise: if rng.random() { rng.random_range(0.0..MAX_NOISE) } else { 0.0 },
        }
    }

    fn of(&self, frame: &Frame, rng: &mut ChaCha8Rng) -> Frame {
        let [width, height] = [frame.resolution().width() as usize, frame.resolution().height() as usize];
        let mut values = self.moved(frame.rgb(), [width, height]);
        for _ in 0..self.blurs {
            blur(&mut values, width);
        }
        let mut noise = vec![0; values.len()];
        if self.noise > 0.0 {
            rng.fill(&mut noise[..]);
        }
        let mut varied = frame.clone();
        let (colours, _) = values.as_chunks::<3>();
        let (errors, _) = noise.as_chunks::<3>();
        let (out, _) = varied.rgb_mut().as_chunks_mut::<3>();
        for ((out, colour), errors) in out.iter_mut().zip(colours).zip(errors) {
            let grey = colour.iter().sum::<f32>() / 3.0;
            for channel in 0..3 {
                let value = grey + self.saturation * (colour[channel] - grey);
                let error = self.noise / 128.0 * f32::from(i8::from_ne_bytes([errors[channel]]));
                out[channel] = (128.5 + self.gains[channel] * (value - 128.0) + self.lift + error) as u8;
            }
        }
        varied
    }

    /// Mirrored and shifted; what comes in at an edge is like the edge.
    fn moved(&self, rgb: &[u8], [width, height]: [usize; 2]) -> Vec<f32> {
        let source =
            |position: usize, shift: i32, length: usize| (position as i32 + shift).clamp(0, length as i32 - 1) as usize;
        let columns: Vec<usize> = (0..width)
            .map(|x| if self.mirror { width - 1 - x } else { x })
            .map(|x| source(x, self.shift[0], width))
            .collect();
        let mut values = Vec::with_capacity(width * height * 3);
        for y in (0..height).map(|y| source(y, self.shift[1], height)) {
            let (line, _) = rgb[y * width * 3..(y + 1) * width * 3].as_chunks::<3>();
            for x in &columns {
                values.extend_from_slice(&line[*x].map(f32::from));
            }
        }
        values
    }
}

/// Mixes each value with its neighbours to all sides, by quarters and a half.
fn blur(values: &mut [f32], width: usize) {
    let stride = width * 3;
    let copy = values.to_vec();
    for (line, source) in values.chunks_exact_mut(stride).zip(copy.chunks_exact(stride)) {
        for index in 3..stride - 3 {
            line[index] = 0.5 * source[index] + 0.25 * (source[index - 3] + source[index + 3]);
        }
    }
    let copy = values.to_vec();
    let height = values.len() / stride;
    for y in 1..height.saturating_sub(1) {
        let [above, here, below] = [y - 1, y, y + 1].map(|y| &copy[y * stride..(y + 1) * stride]);
        let line = &mut values[y * stride..(y + 1) * stride];
        for (out, ((above, here), below)) in line.iter_mut().zip(above.iter().zip(here).zip(below)) {
            *out = 0.5 * here + 0.25 * (above + below);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use video::Resolution;

    use super::*;
    use crate::Question;

    const PLAIN: Variation =
        Variation { mirror: false, shift: [0; 2], gains: [1.0; 3], lift: 0.0, saturation: 1.0, blurs: 0, noise: 0.0 };

    fn frame() -> Frame {
        let size = Resolution::new(6, 4).unwrap();
        Frame::new(size, (0..72).map(|index| (index * 3) as u8).collect()).unwrap()
    }

    fn vary(variation: Variation, frame: &Frame) -> Frame {
        variation.of(frame, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn nothing_changes_when_nothing_is_to_change() {
        assert_eq!(vary(PLAIN, &frame()), frame());
    }

    #[test]
    fn a_mirror_turns_rows_around_and_a_shift_moves_them() {
        let mirror = Variation { mirror: true, ..PLAIN };
        let mirrored = vary(mirror, &frame());
        assert_eq!(mirrored.rgb()[..3], frame().rgb()[15..18]);
        assert_eq!(vary(mirror, &mirrored), frame());
        let shifted = vary(Variation { shift: [2, 1], ..PLAIN }, &frame());
        assert_eq!(shifted.rgb()[..3], frame().rgb()[24..27]);
        assert_eq!(shifted.rgb()[15..18], frame().rgb()[33..36], "the edge goes on");
    }

    #[test]
    fn colours_noise_and_blur_do_what_they_say() {
        let grey = Frame::filled(Resolution::new(6, 4).unwrap(), [128, 128, 128]);
        assert_eq!(vary(Variation { lift: 5.0, ..PLAIN }, &grey).rgb()[0], 133);
        assert_eq!(vary(Variation { blurs: 3, saturation: 0.8, gains: [1.1; 3], ..PLAIN }, &grey), grey);
        let noisy = vary(Variation { noise: 10.0, ..PLAIN }, &grey);
        assert!(noisy != grey && noisy.rgb().iter().all(|value| value.abs_diff(128) <= 10));
        let mut dot = vec![0.0; 5 * 5 * 3];
        dot[12 * 3] = 16.0;
        blur(&mut dot, 5);
        assert_eq!([dot[12 * 3], dot[11 * 3], dot[7 * 3], dot[6 * 3]], [4.0, 2.0, 2.0, 1.0]);
    }

    #[test]
    fn films_of_every_length_come_out_and_a_still_tells_less() {
        let example = Example { frames: vec![frame(); 17], answers: Answers::default() };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let drawn: Vec<_> = (0..300).map(|_| varied(&example, &mut rng)).collect();
        for (length, questions) in [(17, 4), (13, 4), (1, 2)] {
            let alike: Vec<_> = drawn.iter().filter(|(frames, _)| frames.len() == length).collect();
            let answered =
                |known: &KnownAnswers| Question::ALL.iter().filter(|question| known.get(**question).is_some()).count();
            assert!(!alike.is_empty() && alike.iter().all(|(_, known)| answered(known) == questions));
        }
    }
}
