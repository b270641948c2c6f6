//! Latents cut into patches, clip after clip in one sequence.

use burn::tensor::Tensor;

use super::config::PATCH;

/// How the patches of one clip lie: frames × rows × columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenGrid {
    /// Latent frames.
    pub frames: usize,
    /// Rows of patches.
    pub rows: usize,
    /// Columns of patches.
    pub columns: usize,
}

impl TokenGrid {
    /// The grid of latents of `frames × height × width`, or nothing when a side is odd or zero.
    pub const fn from_latents(frames: usize, height: usize, width: usize) -> Option<Self> {
        if frames == 0 || height == 0 || width == 0 || !height.is_multiple_of(PATCH) || !width.is_multiple_of(PATCH) {
            return None;
        }
        Some(Self { frames, rows: height / PATCH, columns: width / PATCH })
    }

    /// Number of tokens.
    pub const fn len(&self) -> usize {
        self.frames * self.rows * self.columns
    }

    /// Whether there are no tokens.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `[frame, row, column]` of each token, in order.
    pub fn positions(self) -> impl Iterator<Item = [usize; 3]> {
        let per_frame = self.rows * self.columns;
        (0..self.len()).map(move |token| [token / per_frame, token % per_frame / self.columns, token % self.columns])
    }
}

/// Numbers that depend on a token's place in its grid alone, for all tokens of all clips; taken once for each run of equal
/// grids.
pub(super) fn for_each_token<I: Iterator<Item = f32>>(
    grids: &[TokenGrid],
    numbers: impl Fn(&TokenGrid, [usize; 3]) -> I,
) -> Vec<f32> {
    let mut all = Vec::new();
    for equal in grids.chunk_by(|grid, next| grid == next) {
        let of_one: Vec<f32> = equal[0].positions().flat_map(|place| numbers(&equal[0], place)).collect();
        equal.iter().for_each(|_| all.extend_from_slice(&of_one));
    }
    all
}

/// Cuts one clip's latents into patches.
///
/// # Shapes  latents: `[1, C, T, H, W]` → `[T·H/2·W/2, 4C]`
pub fn patchify(latents: Tensor<5>) -> Tensor<2> {
    let [_, c, t, h, w] = latents.dims();
    latents
        .reshape([c, t, h / PATCH, PATCH, w / PATCH, PATCH])
        .permute([1, 2, 4, 0, 3, 5]) // [T, H/2, W/2, C, 2, 2]
        .reshape([t * h * w / (PATCH * PATCH), c * PATCH * PATCH])
}

/// The reverse of [`patchify`].
///
/// # Shapes  patches: `[frames·rows·columns, 4C]` → `[1, C, frames, 2·rows, 2·columns]`
pub fn unpatchify(patches: Tensor<2>, grid: TokenGrid) -> Tensor<5> {
    let [_, width] = patches.dims();
    let c = width / (PATCH * PATCH);
    patches
        .reshape([grid.frames, grid.rows, grid.columns, c, PATCH, PATCH])
        .permute([3, 0, 1, 4, 2, 5]) // [C, T, rows, 2, columns, 2]
        .reshape([1, c, grid.frames, grid.rows * PATCH, grid.columns * PATCH])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn patches_go_back_to_where_they_came_from() {
        let values: Vec<f32> = (0..3 * 2 * 4 * 6).map(|value| value as f32).collect();
        let latents: Tensor<5> = Tensor::from_data(TensorData::new(values, [1, 3, 2, 4, 6]), &Device::flex());
        let grid = TokenGrid::from_latents(2, 4, 6).unwrap();
        let patches = patchify(latents.clone());
        assert_eq!(patches.dims(), [grid.len(), 12]);
        unpatchify(patches, grid).into_data().assert_eq(&latents.into_data(), true);
    }

    #[test]
    fn positions_run_by_column_then_row_then_frame() {
        let positions: Vec<_> = TokenGrid { frames: 2, rows: 2, columns: 3 }.positions().collect();
        assert_eq!((positions[1], positions[3], positions[6]), ([0, 0, 1], [0, 1, 0], [1, 0, 0]));
        assert!(TokenGrid::from_latents(1, 3, 4).is_none());
    }
}
