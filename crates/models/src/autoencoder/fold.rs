//! Pixels to channels and back, four frames and 4×4 pixels at a time.

use burn::tensor::Tensor;

use super::{
    Chunk,
    config::{FOLD, TEMPORAL_FACTOR},
};

/// `[B, 3, T, H, W]` → `[B, groups, H/4, W/4, 192]`; in the first chunk the first frame stands for a group of four.
pub(super) fn fold_pixels(pixels: Tensor<5>, chunk: Chunk) -> Tensor<5> {
    let pixels = match chunk {
        Chunk::First => {
            let first = pixels.clone().narrow(2, 0, 1).repeat_dim(2, TEMPORAL_FACTOR - 1);
            Tensor::cat(vec![first, pixels], 2)
        }
        Chunk::Later => pixels,
    };
    let [b, c, t, h, w] = pixels.dims();
    let (groups, rows, columns) = (t / TEMPORAL_FACTOR, h / FOLD, w / FOLD);
    pixels
        .reshape([b, c, groups, TEMPORAL_FACTOR, rows, FOLD, columns, FOLD])
        .permute([0, 2, 4, 6, 3, 5, 7, 1]) // [B, groups, rows, columns, 4, 4, 4, 3]
        .reshape([b, groups, rows, columns, TEMPORAL_FACTOR * FOLD * FOLD * c])
}

/// The reverse of [`fold_pixels`]: of the first group only its last frame is kept.
pub(super) fn unfold_pixels(folded: Tensor<5>, chunk: Chunk) -> Tensor<5> {
    let [b, groups, rows, columns, _] = folded.dims();
    let pixels = folded
        .reshape([b, groups, rows, columns, TEMPORAL_FACTOR, FOLD, FOLD, 3])
        .permute([0, 7, 1, 4, 2, 5, 3, 6]) // [B, 3, groups, 4, rows, 4, columns, 4]
        .reshape([b, 3, groups * TEMPORAL_FACTOR, rows * FOLD, columns * FOLD]);
    match chunk {
        Chunk::First => pixels.narrow(2, TEMPORAL_FACTOR - 1, groups * TEMPORAL_FACTOR - (TEMPORAL_FACTOR - 1)),
        Chunk::Later => pixels,
    }
}
