//! Decoding of large frames in overlapping tiles, so that memory is that of a tile.
//!
//! What decoding remembers between latent frames grows with the picture: 0.6 GB at 256×256 pixels, 9 GB at 1280×720. A
//! tile at a time remembers no more than its own part. Where tiles overlap their pixels are mixed, each with a weight
//! that falls towards its edge, so that no edge shows. Each tile runs through the whole clip before the next one begins,
//! and so all frames are held, with 16 bits a number, until the last tile is done.

use std::ops::{ControlFlow, Range};

use burn::tensor::{Tensor, TensorData};
use half::f16;

use super::{Decoder, StreamState};
use crate::WanError;

/// Pixels along a side up to which it is decoded in one piece.
pub const WHOLE_SIDE: usize = 512;
/// Pixels that two tiles share at least, or half a tile where that is less.
const OVERLAP: usize = 64;

/// What each tile remembers from one part of a clip to the next; new at its beginning.
#[derive(Clone, Debug, Default)]
pub struct TileStates(Vec<StreamState>);

/// A clip whose tiles have been put together.
#[derive(Clone, Debug)]
pub struct TiledClip {
    /// `[B, T, H, W, 3]`.
    values: Vec<f16>,
    dims: [usize; 5],
}

impl Decoder {
    /// Whether latents are so large that tiles of `side` pixels are what keeps memory small.
    pub fn takes_tiles(&self, [height, width]: [usize; 2], side: usize) -> bool {
        height.max(width) * self.config().spatial_factor() > side
    }

    /// Decodes all latents of a clip in tiles of at most `side` pixels, and otherwise as [`Self::decode`].
    ///
    /// `progress` hears how many latent frames of all tiles are done, of how many, and may stop it.
    ///
    /// # Shapes  latents: `[B, C, k + 1, H, W]`
    /// # Errors
    /// [`WanError::Input`] for latents that are not this model's; [`WanError::Stopped`].
    pub fn decode_in_tiles(
        &self,
        latents: &Tensor<5>,
        side: usize,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<TiledClip, WanError> {
        self.decode_tiles(latents, (side, None), progress)
    }

    /// Decodes the next latents of a clip in tiles, which then remember as much as a whole picture would.
    ///
    /// # Shapes  latents: `[B, C, T, H, W]`; the first of a clip gives one frame, each later one four
    /// # Errors
    /// As [`Self::decode_in_tiles`].
    pub fn decode_next_in_tiles(
        &self,
        latents: &Tensor<5>,
        (side, states): (usize, &mut TileStates),
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<TiledClip, WanError> {
        self.decode_tiles(latents, (side, Some(states)), progress)
    }

    fn decode_tiles(
        &self,
        latents: &Tensor<5>,
        (side, mut states): (usize, Option<&mut TileStates>),
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<TiledClip, WanError> {
        self.check(latents)?;
        let [b, _, t, h, w] = latents.dims();
        let (factor, step) = (self.config().spatial_factor(), self.config().temporal_factor());
        let [rows, columns] = [h, w].map(|length| spans_of(length, side, factor));
        let has_begun = states.as_ref().is_some_and(|states| !states.0.is_empty());
        let lone = if has_begun { 0 } else { step - 1 };
        let dims = [b, t * step - lone, h * factor, w * factor, 3];
        let mut clip = TiledClip { values: vec![f16::ZERO; dims.iter().product()], dims };
        let (mut done, total) = (0, rows.len() * columns.len() * t);
        for row in 0..rows.len() {
            for column in 0..columns.len() {
                let [row, column] = [Span::of(&rows, row, factor), Span::of(&columns, column, factor)];
                let tile = latents.clone().narrow(3, row.start / factor, row.weights.len() / factor);
                let tile = tile.narrow(4, column.start / factor, column.weights.len() / factor);
                let (mut state, mut first) = (StreamState::default(), 0);
                let index = done / t;
                if let Some(kept) = states.as_mut().and_then(|states| states.0.get_mut(index)) {
                    state = std::mem::take(kept);
                }
                for frame in 0..t {
                    let pixels = self.decode_next(tile.clone().narrow(2, frame, 1), &mut state);
                    let [_, _, frames, ..] = pixels.dims();
                    clip.add(pixels, first, [&row, &column]);
                    first += frames;
                    done += 1;
                    if progress(done, total).is_break() {
                        return Err(WanError::Stopped);
                    }
                }
                if let Some(states) = &mut states {
                    states.0.resize_with(states.0.len().max(index + 1), StreamState::default);
                    states.0[index] = state;
                }
            }
        }
        Ok(clip)
    }
}

impl TiledClip {
    /// Frames of the clip.
    pub const fn num_frames(&self) -> usize {
        self.dims[1]
    }

    /// Some of its frames.
    ///
    /// # Shapes  `[B, 3, T, H, W]`
    /// # Units   −1 to 1
    pub fn frames(&self, frames: Range<usize>, device: &burn::tensor::Device) -> Tensor<5> {
        let [b, t, h, w, c] = self.dims;
        let len = h * w * c;
        let samples = (0..b).flat_map(|sample| frames.clone().map(move |frame| (sample * t + frame) * len));
        let values: Vec<f32> =
            samples.flat_map(|start| self.values[start..start + len].iter().map(|value| value.to_f32())).collect();
        Tensor::from_data(TensorData::new(values, [b, frames.len(), h, w, c]), device).permute([0, 4, 1, 2, 3])
    }

    /// Adds a tile's pixels `[B, 3, T, H, W]` with their weights.
    fn add(&mut self, pixels: Tensor<5>, first: usize, [rows, columns]: [&Span; 2]) {
        let [_, frames, height, width, channels] = self.dims;
        let pixels = pixels.permute([0, 2, 3, 4, 1]); // [B, T, H, W, 3]
        let [b, t, h, w, _] = pixels.dims();
        let values: Vec<f32> = pixels.into_data().try_into_vec().unwrap_or_default();
        let mut lines = values.chunks_exact(w * channels);
        for (sample, frame) in (0..b).flat_map(|sample| (0..t).map(move |frame| (sample, first + frame))) {
            for (row, line) in (0..h).zip(&mut lines) {
                let line_start = ((sample * frames + frame) * height + rows.start + row) * width + columns.start;
                let target = &mut self.values[line_start * channels..][..w * channels];
                let positions = target.chunks_exact_mut(channels).zip(line.chunks_exact(channels));
                for ((target, values), weight) in positions.zip(&columns.weights) {
                    let weight = weight * rows.weights[row];
                    for (target, value) in target.iter_mut().zip(values) {
                        *target = f16::from_f32(target.to_f32() + weight * value);
                    }
                }
            }
        }
    }
}

/// A tile along one axis, in pixels.
#[derive(Debug)]
struct Span {
    start: usize,
    /// How much each of its pixels counts, with which those of all tiles add up to 1.
    weights: Vec<f32>,
}

impl Span {
    fn of(spans: &[Range<usize>], index: usize, factor: usize) -> Self {
        let pixels = |span: &Range<usize>| span.start * factor..span.end * factor;
        let span = pixels(&spans[index]);
        let shared_before = index.checked_sub(1).map_or(0, |before| pixels(&spans[before]).end - span.start);
        let shared_after = spans.get(index + 1).map_or(0, |after| span.end - pixels(after).start);
        let ramp = |distance: usize, shared: usize| ((distance as f32 + 0.5) / shared as f32).min(1.0);
        let weights = (0..span.len()).map(|at| {
            let rising = if at < shared_before { ramp(at, shared_before) } else { 1.0 };
            let left = span.len() - 1 - at;
            rising * if left < shared_after { ramp(left, shared_after) } else { 1.0 }
        });
        Self { start: span.start, weights: weights.collect() }
    }
}

/// The tiles of a side of so many latent positions, each at most `side` pixels long.
pub(super) fn spans_of(length: usize, side: usize, factor: usize) -> Vec<Range<usize>> {
    let most = (side / factor).max(2);
    spans(length, most, (OVERLAP / factor).min(most / 2).max(1))
}

/// The fewest tiles of at most `most` positions that cover a side and share at least `overlap`, all of one length.
fn spans(length: usize, most: usize, overlap: usize) -> Vec<Range<usize>> {
    let count = if length <= most { 1 } else { (length - overlap).div_ceil(most - overlap) };
    let tile = (length + (count - 1) * overlap).div_ceil(count);
    (0..count).map(|index| index * (length - tile) / (count - 1).max(1)).map(|start| start..start + tile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_a_side_and_overlap() {
        assert_eq!(spans(104, 64, 8), [0..56, 48..104]);
        assert_eq!(spans(160, 64, 8), [0..59, 50..109, 101..160]);
        for (length, most, overlap) in [(60, 64, 8), (5, 2, 1), (65, 64, 8), (90, 20, 8), (1000, 33, 16)] {
            let spans = spans(length, most, overlap);
            assert_eq!((spans[0].start, spans[spans.len() - 1].end), (0, length));
            for pair in spans.windows(2) {
                assert!(pair[0].len() <= most && pair[1].start + overlap <= pair[0].end, "{length} {most} {overlap}");
            }
        }
    }

    #[test]
    fn weights_add_up_to_one() {
        for (length, most, overlap) in [(60, 64, 8), (104, 64, 8), (160, 64, 8), (90, 20, 8), (5, 2, 1)] {
            let (spans, mut sums) = (spans(length, most, overlap), vec![0.0; length * 8]);
            for index in 0..spans.len() {
                let Span { start, weights } = Span::of(&spans, index, 8);
                sums[start..].iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
            }
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "{length} {most} {overlap}: {sums:?}");
        }
    }
}
