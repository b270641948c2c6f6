//! Frames per second, as an exact fraction.

use std::{fmt, str::FromStr};

use crate::VideoError;

/// Frames per second as a fraction in lowest terms: 24, 30000/1001, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRate {
    num: u32,
    den: u32,
}

impl FrameRate {
    /// `num` frames every `den` seconds.
    ///
    /// # Errors
    /// [`VideoError::FrameRate`] when it lies outside 1/1000 to 1000 frames per second.
    pub fn new(num: u32, den: u32) -> Result<Self, VideoError> {
        let (n, d) = (u64::from(num), u64::from(den));
        if n == 0 || d == 0 || n > 1000 * d || d > 1000 * n {
            return Err(VideoError::FrameRate { num: n, den: d });
        }
        let divisor = greatest_common_divisor(num, den);
        Ok(Self { num: num / divisor, den: den / divisor })
    }

    /// Numerator of the reduced fraction.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Denominator of the reduced fraction.
    pub const fn den(self) -> u32 {
        self.den
    }

    /// Frames per second, rounded to a float.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Seconds from one frame to the next.
    pub fn frame_duration_secs(self) -> f64 {
        f64::from(self.den) / f64::from(self.num)
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

impl FromStr for FrameRate {
    type Err = String;

    /// Reads `24`, `30000/1001` or `29.97`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not a frame rate; write it as 24, 12.5 or 30000/1001");
        let (num, den) = match text.split_once('/') {
            Some((num, den)) => (num.trim().parse().map_err(|_| wrong())?, den.trim().parse().map_err(|_| wrong())?),
            None => {
                let rate: f64 = text.trim().parse().map_err(|_| wrong())?;
                if !(0.001..=1000.0).contains(&rate) {
                    return Err(wrong());
                }
                ((rate * 1000.0).round() as u32, 1000)
            }
        };
        Self::new(num, den).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_kept_exactly() {
        let ntsc: FrameRate = "30000/1001".parse().unwrap();
        assert_eq!((ntsc.num(), ntsc.den()), (30_000, 1001));
        assert_eq!("12.5".parse::<FrameRate>().unwrap().to_string(), "25/2");
        assert_eq!("24".parse::<FrameRate>().unwrap().to_string(), "24");
    }

    #[test]
    fn refuses_what_is_no_rate() {
        for text in ["0", "-5", "1/0", "nan", "inf", "1e9", "a", ""] {
            assert!(text.parse::<FrameRate>().is_err(), "{text}");
        }
    }
}
