//! A cheap look at a clip while it forms: the latents as they would be without their noise, and a linear fit of colours.

use std::cell::RefCell;

use burn::tensor::{
    Device, Tensor, TensorData,
    module::interpolate,
    ops::{InterpolateMode, InterpolateOptions},
};
use diffusion::{Canvas, Denoiser, DiffusionError, Sampler, Sigma};
use video::{Clip, FrameRate};

use crate::{GenerationError, GenerationRequest, Phase, Progress, pixels::frames_from_pixels, ring::RingDenoiser};

/// Pixels on each side of what is shown of a latent position.
const SHOWN_FACTOR: usize = 4;
/// Frames that a latent frame stands for.
const TEMPORAL_FACTOR: u32 = 4;
/// Pictures that colours are fitted on: patches of random colours, half of them with edges and half smooth.
const PICTURES: u64 = 12;
const PICTURE_SIDE: usize = 64;
const PATCHES: usize = 6;
const COLOUR_DEVIATION: f32 = 0.6;
/// Keeps the fit steady where channels say the same.
const RIDGE: f64 = 1e-2;

/// The mean colour of a latent position as a linear function of its channels.
#[derive(Clone, Debug)]
pub(crate) struct LatentColours {
    /// `[C, 3]`.
    weight: Tensor<2>,
    /// `[1, 3]`.
    bias: Tensor<2>,
}

impl LatentColours {
    /// Fits colours on pictures that an autoencoder encodes, `[1, 3, 1, H, W]` → `[1, C, 1, h, w]`.
    ///
    /// # Errors
    /// Those of `encode`.
    pub(crate) fn fit(
        encode: impl Fn(Tensor<5>) -> Result<Tensor<5>, GenerationError>,
        device: &Device,
    ) -> Result<Self, GenerationError> {
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        let mut channels = 0;
        for seed in 0..PICTURES {
            let picture = patches(seed, device);
            let latents = encode(picture.clone())?;
            let [_, found, _, side, _] = latents.dims();
            channels = found;
            features.extend(positions(latents)?);
            let factor = PICTURE_SIDE / side;
            let means =
                picture.reshape([3, side, factor, side, factor]).mean_dim(2).mean_dim(4).reshape([1, 3, 1, side, side]);
            targets.extend(positions(means)?);
        }
        let fitted = least_squares(&features, &targets, channels);
        let (weight, bias) = fitted.split_at(3 * channels);
        let tensor = |values: &[f32], rows| Tensor::from_data(TensorData::new(values.to_vec(), [rows, 3]), device);
        Ok(Self { weight: tensor(weight, channels), bias: tensor(bias, 1) })
    }

    /// A small clip with a frame for each latent frame.
    ///
    /// # Shapes  latents: `[1, C, T, h, w]`; frames are 4h × 4w
    fn clip(&self, latents: Tensor<5>, frame_rate: FrameRate) -> Result<Clip, GenerationError> {
        let [_, c, t, h, w] = latents.dims();
        let positions = latents.reshape([c, t * h * w]).swap_dims(0, 1);
        let colours = positions.matmul(self.weight.clone()) + self.bias.clone();
        let size = [SHOWN_FACTOR * h, SHOWN_FACTOR * w];
        let smooth = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
        let pictures = colours.reshape([t, h, w, 3]).permute([0, 3, 1, 2]);
        let shown = interpolate(pictures, smooth.with_output_size(size)); // [T, 3, 4h, 4w]
        let pixels = shown.swap_dims(0, 1).reshape([1, 3, t, size[0], size[1]]);
        let slow = FrameRate::new(frame_rate.num(), frame_rate.den() * TEMPORAL_FACTOR)?;
        Ok(Clip::new(frames_from_pixels(pixels)?, slow)?)
    }
}

/// Sampling on its way: who hears of it, and how its latents are shown.
pub(crate) struct Course<'a> {
    progress: RefCell<&'a mut dyn Progress>,
    total: usize,
    colours: Option<LatentColours>,
    frame_rate: FrameRate,
    is_ring: bool,
}

impl<'a> Course<'a> {
    /// Begins to tell of `total` steps; colours are fitted only for somebody who looks.
    ///
    /// # Errors
    /// Those of `colours`.
    pub(crate) fn begin(
        progress: &'a mut dyn Progress,
        (total, request): (usize, &GenerationRequest),
        colours: impl FnOnce() -> Result<LatentColours, GenerationError>,
    ) -> Result<Self, GenerationError> {
        let colours = progress.wants_preview().then(colours).transpose()?;
        let (frame_rate, is_ring) = (request.frame_rate(), request.is_ring());
        Ok(Self { progress: RefCell::new(progress), total, colours, frame_rate, is_ring })
    }

    /// Walks a canvas down the levels, after `before` steps that others have walked.
    ///
    /// # Errors
    /// [`GenerationError::Interrupted`], and what goes wrong in the denoiser.
    pub(crate) fn walk(
        &self,
        denoiser: &dyn Denoiser,
        (sampler, canvas, sigmas): (Sampler, Canvas, &[Sigma]),
        before: usize,
    ) -> Result<Tensor<5>, GenerationError> {
        let ring = RingDenoiser { inner: denoiser };
        let denoiser = if self.is_ring { &ring } else { denoiser };
        let watched = |canvas: &Canvas, sigma: Sigma| {
            let velocity = denoiser.velocity(canvas, sigma)?;
            if let Some(colours) = &self.colours {
                let look = || colours.clip(canvas.denoised(&velocity, sigma), self.frame_rate);
                self.progress.borrow_mut().preview(&look);
            }
            Ok(velocity)
        };
        let mut steps = |done, _| self.progress.borrow_mut().report(Phase::Sampling, before + done, self.total);
        Ok(sampler.sample(&watched, canvas, sigmas, &mut steps)?.latents)
    }
}

/// A picture of patches in random colours, `[1, 3, 1, H, W]`.
fn patches(seed: u64, device: &Device) -> Tensor<5> {
    let colours = diffusion::noise([3, 1, PATCHES, PATCHES], &[seed], device) * COLOUR_DEVIATION;
    let colours = colours.clamp(-1.0, 1.0).reshape([1, 3, PATCHES, PATCHES]);
    let mode = if seed.is_multiple_of(2) { InterpolateMode::Nearest } else { InterpolateMode::Bilinear };
    let options = InterpolateOptions::new(mode).with_align_corners(false);
    interpolate(colours, options.with_output_size([PICTURE_SIDE; 2])).reshape([1, 3, 1, PICTURE_SIDE, PICTURE_SIDE])
}

/// Channels of one position after another.
///
/// # Shapes  `[1, C, T, H, W]` → T·H·W × C
fn positions(tensor: Tensor<5>) -> Result<Vec<f32>, GenerationError> {
    let [_, c, t, h, w] = tensor.dims();
    let rows = tensor.reshape([c, t * h * w]).swap_dims(0, 1);
    rows.try_into_vec_as().map_err(|error| DiffusionError::Device(error.to_string()).into())
}

/// Weights of each feature and the bias for three targets, `[features + 1, 3]`, by the normal equations.
fn least_squares(features: &[f32], targets: &[f32], channels: usize) -> Vec<f32> {
    let side = channels + 1;
    let mut normal = vec![0.0; side * side];
    let mut right = vec![0.0; side * 3];
    for (row, target) in features.chunks_exact(channels).zip(targets.chunks_exact(3)) {
        let row: Vec<f64> = row.iter().map(|value| f64::from(*value)).chain([1.0]).collect();
        for (i, a) in row.iter().enumerate() {
            row.iter().enumerate().for_each(|(j, b)| normal[i * side + j] += a * b);
            target.iter().enumerate().for_each(|(j, b)| right[i * 3 + j] += a * f64::from(*b));
        }
    }
    (0..side).for_each(|i| normal[i * side + i] += RIDGE);
    // Gauss's elimination; the matrix is positive definite, so that no pivot vanishes.
    for pivot in 0..side {
        for row in 0..side {
            let factor = normal[row * side + pivot] / normal[pivot * side + pivot];
            if row == pivot {
                continue;
            }
            (pivot..side).for_each(|column| normal[row * side + column] -= factor * normal[pivot * side + column]);
            (0..3).for_each(|column| right[row * 3 + column] -= factor * right[pivot * 3 + column]);
        }
    }
    (0..side * 3).map(|at| (right[at] / normal[at / 3 * side + at / 3]) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPATIAL_FACTOR: usize = 8;

    #[test]
    fn a_linear_code_is_found_again() {
        let device = Device::flex();
        // An autoencoder that mixes the mean colours of its blocks into five channels.
        let mix = Tensor::<2>::from_data(
            TensorData::new(
                vec![0.5, -1.0, 0.25, 1.0, 0.0, 0.0, 1.5, -0.5, 0.3, 0.1, -0.7, 0.2, 0.9, 0.0, 1.0_f32],
                [3, 5],
            ),
            &device,
        );
        let encode = |picture: Tensor<5>| {
            let [_, _, _, h, w] = picture.dims();
            let (rows, columns) = (h / SPATIAL_FACTOR, w / SPATIAL_FACTOR);
            let means = picture.reshape([3, rows, SPATIAL_FACTOR, columns, SPATIAL_FACTOR]).mean_dim(2).mean_dim(4);
            let colours = means.reshape([3, rows * columns]).swap_dims(0, 1);
            Ok(colours.matmul(mix.clone()).swap_dims(0, 1).reshape([1, 5, 1, rows, columns]) + 0.3)
        };
        let colours = LatentColours::fit(encode, &device).unwrap();
        let blue = Tensor::<5>::from_data(TensorData::new(vec![-0.5, 0.0, 0.5_f32], [1, 3, 1, 1, 1]), &device);
        let latents = encode(blue.expand([1, 3, 1, 16, 24])).unwrap();
        let clip = colours.clip(latents, FrameRate::new(16, 1).unwrap()).unwrap();
        assert_eq!(
            (clip.frames()[0].resolution().to_string().as_str(), clip.frame_rate()),
            ("12x8", FrameRate::new(4, 1).unwrap())
        );
        for (found, expected) in clip.frames()[0].rgb().iter().zip([64_u8, 128, 191].iter().cycle()) {
            assert!(found.abs_diff(*expected) <= 2, "{:?}", &clip.frames()[0].rgb()[..3]);
        }
    }
}
