//! The patches that a clip becomes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// Patches of one clip along time, height and width; an image has one in time.
///
/// Ordered by size in time, then height, then width, so that equal shapes can be put side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenGrid {
    /// Latent frames.
    pub frames: usize,
    /// Patch rows.
    pub rows: usize,
    /// Patch columns.
    pub columns: usize,
}

impl TokenGrid {
    /// The grid of latents `[C, T, H, W]` cut into patches of 1 × `patch` × `patch`: `T × H/patch × W/patch`.
    ///
    /// # Errors
    /// [`DatasetError::Patches`] when the latents do not divide evenly; nothing is cropped or padded in silence.
    pub fn from_latent_shape(shape: [usize; 4], patch: usize) -> Result<Self, DatasetError> {
        let [_, frames, height, width] = shape;
        let patch = patch.max(1);
        if !height.is_multiple_of(patch) || !width.is_multiple_of(patch) {
            let nearest = |side: usize| ((side + patch / 2) / patch).max(1) * patch;
            return Err(DatasetError::Patches {
                height,
                width,
                patch,
                nearest_height: nearest(height),
                nearest_width: nearest(width),
            });
        }
        Ok(Self { frames, rows: height / patch, columns: width / patch })
    }

    /// Tokens in the sequence; saturates instead of wrapping round.
    pub fn num_tokens(self) -> usize {
        self.frames.saturating_mul(self.rows).saturating_mul(self.columns)
    }
}

impl fmt::Display for TokenGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.frames, self.rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_patches() {
        let grid = TokenGrid::from_latent_shape([16, 9, 16, 20], 2).unwrap();
        assert_eq!((grid, grid.num_tokens()), (TokenGrid { frames: 9, rows: 8, columns: 10 }, 720));
        assert_eq!(grid.to_string(), "9×8×10");
    }

    #[test]
    fn names_the_nearest_size_that_divides() {
        let error = TokenGrid::from_latent_shape([16, 1, 15, 16], 2).unwrap_err();
        assert!(error.to_string().contains("16×16"), "{error}");
    }
}
