//! Pictures brought to another size, by a choice and never in silence.

use std::{fmt, str::FromStr};

use crate::{Filter, Frame, Resolution, VideoError};

/// How a picture comes to a size of another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The middle of it fills the size; what stands out is cut off.
    Crop,
    /// All of it lies in the middle, with black bars beside it.
    Pad,
    /// All of it fills the size, and shapes change.
    Stretch,
}

/// Shares of two aspect ratios that differ by no more than this look the same.
const SAME_SHAPE: f32 = 0.01;

impl Fit {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::Crop, Self::Pad, Self::Stretch];

    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Pad => "pad",
            Self::Stretch => "stretch",
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fit {
    type Err = VideoError;

    fn from_str(name: &str) -> Result<Self, VideoError> {
        let fit = Self::ALL.into_iter().find(|fit| fit.name() == name);
        fit.ok_or_else(|| VideoError::UnknownFit { name: name.chars().take(64).collect() })
    }
}

impl Frame {
    /// The picture at another size. Without a choice only one of the same shape will do.
    ///
    /// # Errors
    /// [`VideoError::OtherShape`] when the shapes differ and nothing was chosen, and as [`Self::filling`].
    pub fn fitted(&self, size: Resolution, fit: Option<Fit>) -> Result<Self, VideoError> {
        let own = self.resolution();
        if own == size {
            return Ok(self.clone());
        }
        let ratio = own.aspect_ratio() / size.aspect_ratio();
        let fit = match fit {
            Some(fit) => fit,
            None if (ratio - 1.0).abs() <= SAME_SHAPE => Fit::Stretch,
            None => return Err(VideoError::OtherShape { found: own, wanted: size }),
        };
        match fit {
            Fit::Stretch => self.resized(size, Filter::Bicubic),
            Fit::Crop => self.filling(size, Filter::Bicubic),
            Fit::Pad => {
                let scaled = |whole: u32, share: f32| ((whole as f32 * share).round() as u32).clamp(1, whole);
                let inner = Resolution::new(scaled(size.width(), ratio), scaled(size.height(), 1.0 / ratio))?;
                let (left, top) = ((size.width() - inner.width()) / 2, (size.height() - inner.height()) / 2);
                let mut padded = Self::filled(size, [0; 3]);
                padded.put(&self.resized(inner, Filter::Bicubic)?, left, top);
                Ok(padded)
            }
        }
    }

    /// Puts a smaller picture into this one.
    fn put(&mut self, picture: &Self, left: u32, top: u32) {
        let (width, line) = (self.resolution().width() as usize, 3 * picture.resolution().width() as usize);
        for (row, source) in picture.rgb().chunks_exact(line).enumerate() {
            let start = 3 * ((top as usize + row) * width + left as usize);
            self.rgb_mut()[start..start + line].copy_from_slice(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Resolution {
        text.parse().unwrap()
    }

    /// Red on the left, green in the middle, blue on the right.
    fn stripes(text: &str) -> Frame {
        let size = size(text);
        let colour = |column: u32| [[200, 0, 0], [0, 200, 0], [0, 0, 200]][(3 * column / size.width()) as usize];
        let line: Vec<u8> = (0..size.width()).flat_map(colour).collect();
        Frame::new(size, line.repeat(size.height() as usize)).unwrap()
    }

    fn pixel(frame: &Frame, column: usize, row: usize) -> [u8; 3] {
        let start = 3 * (row * frame.resolution().width() as usize + column);
        frame.rgb()[start..start + 3].try_into().unwrap()
    }

    #[test]
    fn a_picture_is_cut_padded_or_stretched() {
        let wide = stripes("96x32");
        let square = size("32x32");
        let cropped = wide.fitted(square, Some(Fit::Crop)).unwrap();
        assert_eq!([4, 16, 28].map(|column| pixel(&cropped, column, 16)), [[0, 200, 0]; 3]);
        let padded = wide.fitted(square, Some(Fit::Pad)).unwrap();
        assert_eq!([2, 29].map(|row| pixel(&padded, 16, row)), [[0; 3]; 2]);
        assert_eq!(pixel(&padded, 4, 16), [200, 0, 0]);
        let stretched = wide.fitted(square, Some(Fit::Stretch)).unwrap();
        assert_eq!([4, 16, 28].map(|column| pixel(&stretched, column, 1)), [[200, 0, 0], [0, 200, 0], [0, 0, 200]]);
        let tall = stripes("30x90").fitted(size("64x32"), Some(Fit::Crop)).unwrap();
        assert_eq!(pixel(&tall, 60, 30), [0, 0, 200]);
    }

    #[test]
    fn another_shape_wants_a_choice_and_the_same_shape_none() {
        let wide = stripes("96x32");
        assert_eq!(wide.fitted(size("96x32"), None).unwrap(), wide);
        assert_eq!(wide.fitted(size("48x16"), None).unwrap().resolution(), size("48x16"));
        let message = wide.fitted(size("32x32"), None).unwrap_err().to_string();
        assert!(message.contains("96x32") && message.contains("32x32") && message.contains("crop"), "{message}");
    }

    #[test]
    fn names_lead_back_to_ways() {
        for fit in Fit::ALL {
            assert_eq!(fit.to_string().parse::<Fit>().unwrap(), fit);
        }
        assert!("squeeze".parse::<Fit>().unwrap_err().to_string().contains("crop, pad or stretch"));
    }
}
