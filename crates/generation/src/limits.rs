//! Sizes and lengths that a model can make, and the nearest to one that it cannot.

use models::{
    autoencoder::{SPATIAL_FACTOR, TEMPORAL_FACTOR},
    transformer::PATCH,
};
use video::{FrameRate, Resolution};

use crate::GenerationError;

/// Most frames that are made at once.
pub const MAX_FRAMES: usize = 1025;
/// How far a duration in seconds may be from one that works: what three decimals cannot say.
const SECONDS_TOLERANCE: f64 = 0.001;

/// How large the videos of a model may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels along each side of a latent position.
    pub spatial_factor: u32,
    /// Longest side in pixels.
    pub max_side: u32,
    /// Most tokens of one video, which bounds memory and time.
    pub max_tokens: usize,
}

impl Limits {
    /// The limits of misora's own models.
    pub const OWN: Self = Self { spatial_factor: SPATIAL_FACTOR as u32, max_side: 1024, max_tokens: 8192 };

    /// Both sides of a picture are multiples of this: the pixels of one patch.
    pub const fn side_step(self) -> u32 {
        self.spatial_factor * PATCH as u32
    }

    /// Shortest side in pixels.
    pub const fn min_side(self) -> u32 {
        2 * self.side_step()
    }

    /// Tokens of one latent frame.
    pub const fn tokens_per_frame(self, resolution: Resolution) -> usize {
        (resolution.width() / self.side_step()) as usize * (resolution.height() / self.side_step()) as usize
    }

    /// Checks a picture's size.
    ///
    /// # Errors
    /// [`GenerationError::Size`] with the nearest sizes that work.
    pub fn check_size(self, [width, height]: [u32; 2]) -> Result<Resolution, GenerationError> {
        let ([narrow, wide], [low, high]) = (self.nearest_sides(width), self.nearest_sides(height));
        if narrow == width && low == height {
            return Ok(Resolution::new(width, height)?);
        }
        let (smaller, larger) = (format!("{narrow}x{low}"), format!("{wide}x{high}"));
        Err(GenerationError::Size {
            width,
            height,
            rule: format!(
                "both sides must be multiples of {} from {} to {}",
                self.side_step(),
                self.min_side(),
                self.max_side
            ),
            nearest: one_or_two(smaller, larger),
        })
    }

    /// The size in the proportions of a picture that covers about as much as another size.
    pub fn size_like(self, picture: Resolution, [width, height]: [u32; 2]) -> [u32; 2] {
        let (across, down) = (f64::from(picture.width()), f64::from(picture.height()));
        let area = f64::from(width) * f64::from(height);
        let side = |share: f64| self.nearest_sides((area * share).sqrt().round() as u32)[0];
        [side(across / down), side(down / across)]
    }

    /// Checks a video as a whole and counts its tokens; size and length must be right by themselves.
    ///
    /// # Errors
    /// [`GenerationError::TooManyTokens`] with what would fit.
    pub fn check_tokens(self, resolution: Resolution, num_frames: usize) -> Result<usize, GenerationError> {
        let latent_frames = num_frames / TEMPORAL_FACTOR + 1;
        let tokens = latent_frames * self.tokens_per_frame(resolution);
        if tokens <= self.max_tokens {
            return Ok(tokens);
        }
        let frames = (self.max_tokens / self.tokens_per_frame(resolution)).saturating_sub(1) * TEMPORAL_FACTOR + 1;
        let side = (self.max_tokens / latent_frames).isqrt() as u32 * self.side_step();
        Err(GenerationError::TooManyTokens {
            width: resolution.width(),
            height: resolution.height(),
            frames: num_frames,
            tokens,
            limit: self.max_tokens,
            advice: format!(
                "at this size make at most {frames} frames, or at this length pictures of about {side}x{side}"
            ),
        })
    }

    /// The nearest sides that work, below and above; twice the same when it works itself or lies out of range.
    fn nearest_sides(self, side: u32) -> [u32; 2] {
        let (inside, step) = (side.clamp(self.min_side(), self.max_side), self.side_step());
        [inside / step * step, inside.next_multiple_of(step)]
    }
}

/// Checks a number of frames, of which there may be so many.
///
/// # Errors
/// [`GenerationError::FrameCount`] with the nearest numbers that work.
pub fn check_frames(num_frames: usize, most: usize) -> Result<usize, GenerationError> {
    let fewer = (num_frames.clamp(1, most) - 1) / TEMPORAL_FACTOR * TEMPORAL_FACTOR + 1;
    if fewer == num_frames {
        return Ok(num_frames);
    }
    let more = if (1..most).contains(&num_frames) { fewer + TEMPORAL_FACTOR } else { fewer };
    Err(GenerationError::FrameCount {
        found: num_frames,
        rule: format!("it makes {TEMPORAL_FACTOR}k + 1 of them, from 1 to {most}"),
        nearest: one_or_two(fewer.to_string(), more.to_string()),
    })
}

/// The number of frames, at most so many, that lasts so many seconds from the first frame to the last.
///
/// # Errors
/// [`GenerationError::Duration`] with the nearest durations that work.
pub fn frames_from_seconds(seconds: f64, frame_rate: FrameRate, most: usize) -> Result<usize, GenerationError> {
    let step = TEMPORAL_FACTOR as f64 * frame_rate.frame_duration_secs();
    let longest = ((most - 1) / TEMPORAL_FACTOR) as f64;
    let rule = format!(
        "at {frame_rate} frames per second it must be a multiple of {} s from {} to {} s",
        decimals(step),
        decimals(step),
        decimals(longest * step)
    );
    let wrong = |advice: String| Err(GenerationError::Duration { seconds, rule: rule.clone(), advice });
    if !seconds.is_finite() || seconds <= 0.0 {
        return wrong(format!("the shortest is {} s, and a still picture is 1 frame", decimals(step)));
    }
    if seconds > longest * step + SECONDS_TOLERANCE {
        return wrong(format!("the longest is {} s", decimals(longest * step)));
    }
    let steps = (seconds / step).round().max(1.0);
    if (steps * step - seconds).abs() > SECONDS_TOLERANCE {
        let below = (seconds / step).floor();
        let nearest: Vec<String> =
            [below, below + 1.0].iter().filter(|steps| **steps > 0.0).map(|steps| decimals(steps * step)).collect();
        return wrong(format!("the nearest: {} s", nearest.join(" s or ")));
    }
    Ok(steps as usize * TEMPORAL_FACTOR + 1)
}

fn one_or_two(below: String, above: String) -> String {
    if below == above { format!("that works is {below}") } else { format!("that work are {below} and {above}") }
}

/// At most three decimals, without zeros at the end.
fn decimals(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T, GenerationError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn sizes_that_work_pass_and_others_hear_the_nearest() {
        for (width, height) in [(128, 128), (160, 96), (96, 160), (64, 64), (1024, 32)] {
            assert_eq!(Limits::OWN.check_size([width, height]).unwrap(), Resolution::new(width, height).unwrap());
        }
        for (size, nearest) in [
            ([100, 128], "the nearest that work are 96x128 and 112x128"),
            ([129, 127], "the nearest that work are 128x112 and 144x128"),
            ([0, 0], "the nearest that works is 32x32"),
            ([100_000, 100_000], "the nearest that works is 1024x1024"),
        ] {
            let message = message(Limits::OWN.check_size(size));
            assert!(message.ends_with(nearest), "{message}");
        }
    }

    #[test]
    fn a_size_like_a_picture_has_its_proportions() {
        let limits = Limits { spatial_factor: 16, max_side: 1280, max_tokens: 27_280 };
        for (picture, size) in
            [("1920x1080", [1248, 704]), ("100x100", [928, 928]), ("9x16", [704, 1248]), ("90x1", [1280, 96])]
        {
            assert_eq!(limits.size_like(picture.parse().unwrap(), [1280, 704]), size, "{picture}");
        }
    }

    #[test]
    fn frame_counts_that_work_pass_and_others_hear_the_nearest() {
        for frames in [1, 5, 9, 33, 65, 1025] {
            assert_eq!(check_frames(frames, MAX_FRAMES).unwrap(), frames);
        }
        for (frames, nearest) in [
            (0, "the nearest that works is 1"),
            (2, "the nearest that work are 1 and 5"),
            (32, "the nearest that work are 29 and 33"),
            (1026, "the nearest that works is 1025"),
            (usize::MAX, "the nearest that works is 1025"),
        ] {
            let message = message(check_frames(frames, MAX_FRAMES));
            assert!(message.ends_with(nearest), "{message}");
        }
    }

    #[test]
    fn seconds_become_frames_or_hear_the_nearest() {
        let rate = |text: &str| text.parse::<FrameRate>().unwrap();
        for (seconds, fps, frames) in [(2.0, "16", 33), (0.25, "16", 5), (1.333, "12", 17), (4.0, "24", 97)] {
            assert_eq!(frames_from_seconds(seconds, rate(fps), MAX_FRAMES).unwrap(), frames);
        }
        for (seconds, advice) in [
            (2.1, "the nearest: 2 s or 2.25 s"),
            (0.1, "the nearest: 0.25 s"),
            (0.0, "the shortest is 0.25 s, and a still picture is 1 frame"),
            (-3.0, "the shortest is 0.25 s, and a still picture is 1 frame"),
            (f64::NAN, "the shortest is 0.25 s, and a still picture is 1 frame"),
            (1e300, "the longest is 64 s"),
        ] {
            let message = message(frames_from_seconds(seconds, rate("16"), MAX_FRAMES));
            assert!(message.ends_with(advice), "{message}");
        }
    }

    #[test]
    fn large_and_long_together_hear_what_fits() {
        assert_eq!(Limits::OWN.check_tokens(Resolution::new(128, 128).unwrap(), 33).unwrap(), 576);
        let size = Resolution::new(1024, 1024).unwrap();
        assert_eq!(Limits::OWN.check_tokens(size, 5).unwrap(), Limits::OWN.max_tokens);
        let message = message(Limits::OWN.check_tokens(size, 33));
        assert!(message.contains("at most 5 frames") && message.contains("about 480x480"), "{message}");
        assert!(Limits::OWN.check_tokens(Resolution::new(480, 480).unwrap(), 33).is_ok());
    }
}
