//! The size of a picture in pixels.

use std::{fmt, str::FromStr};

use crate::VideoError;

/// Width and height in pixels, each at least 1 and at most [`Resolution::MAX_SIDE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resolution {
    width: u32,
    height: u32,
}

impl Resolution {
    /// Longest side that misora handles, in pixels.
    pub const MAX_SIDE: u32 = 16_384;

    /// Checks and makes a resolution.
    ///
    /// # Errors
    /// [`VideoError::Resolution`] when a side is 0 or above [`Self::MAX_SIDE`].
    pub fn new(width: u32, height: u32) -> Result<Self, VideoError> {
        let sides = 1..=Self::MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(VideoError::Resolution { width: width.into(), height: height.into() });
        }
        Ok(Self { width, height })
    }

    /// Width in pixels.
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub const fn height(self) -> u32 {
        self.height
    }

    /// Number of pixels.
    pub const fn pixel_count(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Width divided by height.
    pub fn aspect_ratio(self) -> f32 {
        self.width as f32 / self.height as f32
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Resolution {
    type Err = String;

    /// Reads `WxH`, as in `160x96`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (width, height) = text
            .split_once(['x', 'X', '×'])
            .and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)))
            .ok_or_else(|| format!("\"{text}\" is not a size; write it as WIDTHxHEIGHT, for example 160x96"))?;
        Self::new(width, height).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        let size: Resolution = "160x96".parse().unwrap();
        assert_eq!((size.width(), size.height(), size.pixel_count()), (160, 96, 15_360));
        assert_eq!(size.to_string().parse::<Resolution>().unwrap(), size);
    }

    #[test]
    fn refuses_empty_huge_and_senseless_sizes() {
        for text in ["0x10", "10x0", "100000x100000", "10", "axb", "", "-1x5"] {
            assert!(text.parse::<Resolution>().is_err(), "{text}");
        }
    }
}
