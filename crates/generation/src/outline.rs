//! A small version first: what happens is decided at half the size, what it looks like at the full one.
//!
//! A model that has seen most of its films small knows best at that size what a prompt means, and a step there costs a
//! quarter. The small video is enlarged, noised up to a strength, and imagined again from there: a remix of itself
//! (SDEdit, Meng et al. 2022).

use burn::tensor::{
    Tensor,
    module::interpolate,
    ops::{InterpolateMode, InterpolateOptions},
};
use diffusion::{Canvas, DiffusionError, Schedule, Sigma};
use video::Resolution;

use crate::{Edit, GenerationError, GenerationRequest, Generator, Progress, limits::Limits, ring};

/// How many times smaller an outline is on each side.
const FACTOR: u32 = 2;
/// An outline shows too little below this.
const MIN_OUTLINE_SIDE: u32 = Limits::OWN.min_side() + Limits::OWN.side_step();

/// The small version that a video begins as.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Size of its pictures.
    pub resolution: Resolution,
    /// Its noise levels, from 1 down to 0.
    pub sigmas: Vec<Sigma>,
    /// How far it is noised before the video itself is made: 0 keeps all of it, 1 nothing.
    pub strength: Sigma,
    /// The video's noise levels from there down to 0.
    pub refining_sigmas: Vec<Sigma>,
}

impl Outline {
    /// The outline of a video, if its size can be halved.
    ///
    /// # Errors
    /// [`GenerationError::Diffusion`] for a number of steps that no schedule has.
    pub(crate) fn of(
        video: Resolution,
        latent_frames: usize,
        (steps, strength): (usize, Sigma),
    ) -> Result<Option<Self>, GenerationError> {
        let half = |side: u32| (side.is_multiple_of(FACTOR * Limits::OWN.side_step())).then_some(side / FACTOR);
        let (Some(width), Some(height)) = (half(video.width()), half(video.height())) else { return Ok(None) };
        if width.min(height) < MIN_OUTLINE_SIDE {
            return Ok(None);
        }
        let resolution = Resolution::new(width, height)?;
        let schedule = |size| Schedule::for_tokens(latent_frames * Limits::OWN.tokens_per_frame(size));
        Ok(Some(Self {
            resolution,
            sigmas: schedule(resolution).sigmas(steps)?,
            strength,
            // There is less of the way left at full size.
            refining_sigmas: schedule(video).sigmas_from(strength, steps.div_ceil(2))?,
        }))
    }

    /// Steps at both sizes.
    pub(crate) fn total_steps(&self) -> usize {
        self.sigmas.len() + self.refining_sigmas.len() - 2
    }
}

/// How canvases are laid out at both sizes.
pub(crate) struct Layout<'a> {
    /// The outline's, of noise.
    pub(crate) small: &'a dyn Fn(Tensor<5>) -> Result<Canvas, DiffusionError>,
    /// The video's, of what the outline says and noise.
    pub(crate) large: &'a dyn Fn(Tensor<5>, Tensor<5>) -> Result<Canvas, DiffusionError>,
}

/// The latents of an outline and of the video that it became.
pub(crate) struct Outlined {
    pub(crate) small: Tensor<5>,
    pub(crate) large: Tensor<5>,
}

impl Generator {
    /// Makes the latents of a video by way of its outline.
    ///
    /// # Shapes  `[1, C, T, H, W]`
    pub(crate) fn sample_over_outline(
        &self,
        request: &GenerationRequest,
        (outline, edit): (&Outline, Option<&Edit>),
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Tensor<5>, GenerationError> {
        let autoencoder = &self.bundle().autoencoder;
        let layout = Layout {
            small: &|noise| match edit {
                None => Ok(Canvas::imagined(noise)),
                Some(edit) => {
                    let start = edit.half_start(&noise.device());
                    Canvas::noised(autoencoder.encode(edit.half_pixels(&noise.device())), noise, start)
                }
            },
            large: &|data, noise| match edit {
                None => Canvas::remix(data, noise, outline.strength),
                Some(edit) => {
                    let (known, start) = (autoencoder.encode(edit.pixels(&data.device())), edit.start(&data.device()));
                    let is_unknown = start.clone().equal_elem(1.0).expand(data.dims());
                    let data = known.mask_where(is_unknown, data);
                    Canvas::noised(data, noise, start.clamp_max(outline.strength.value()))
                }
            },
        };
        Ok(self.sample_outlined(request, (outline, &layout), (seed, progress))?.large)
    }

    /// Makes the latents of an outline, and of its video.
    pub(crate) fn sample_outlined(
        &self,
        request: &GenerationRequest,
        (outline, layout): (&Outline, &Layout<'_>),
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Outlined, GenerationError> {
        let factor = FACTOR as usize;
        let [t, h, w] = request.latent_sides();
        let (autoencoder, noise) = (&self.bundle().autoencoder, self.noise([t, h / factor, w / factor], seed));
        let canvas = (layout.small)(noise)?.with_seeds([seed]);
        let course = self.course(request, outline.total_steps(), progress)?;
        let small = self.walk(request, (canvas, &outline.sigmas), (&course, 0))?;

        let seen = if request.is_ring() { ring::with_lead(small.clone(), ring::LEAD) } else { small.clone() };
        let data = autoencoder.encode(enlarged(autoencoder.decode(seen).clamp(-1.0, 1.0)));
        let data = if request.is_ring() { data.narrow(2, ring::LEAD, t) } else { data };
        // Other noise than the outline's, or the one would show through the other.
        let canvas = (layout.large)(data, self.noise([t, h, w], !seed))?.with_seeds([!seed]);
        let large = self.walk(request, (canvas, &outline.refining_sigmas), (&course, outline.sigmas.len() - 1))?;
        Ok(Outlined { small, large })
    }
}

/// Half as large on each side.
///
/// # Shapes  `[1, 3, T, 2H, 2W]` → `[1, 3, T, H, W]`
pub(crate) fn halved(pixels: Tensor<5>) -> Tensor<5> {
    let [_, c, t, h, w] = pixels.dims();
    let (height, width) = (h / 2, w / 2);
    pixels.reshape([c, t, height, 2, width, 2]).mean_dim(3).mean_dim(5).reshape([1, c, t, height, width])
}

/// Twice as large on each side, smoothly.
///
/// # Shapes  `[1, 3, T, H, W]` → `[1, 3, T, 2H, 2W]`
fn enlarged(pixels: Tensor<5>) -> Tensor<5> {
    let [_, c, t, h, w] = pixels.dims();
    let (height, width) = (FACTOR as usize * h, FACTOR as usize * w);
    let options = InterpolateOptions::new(InterpolateMode::Bicubic).with_align_corners(false);
    interpolate(pixels.reshape([c, t, h, w]), options.with_output_size([height, width]))
        .reshape([1, c, t, height, width])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn sizes_that_can_be_halved_have_an_outline() {
        let strength = Sigma::new(0.6).unwrap();
        for (size, half) in [("128x128", Some("64x64")), ("160x96", Some("80x48")), ("64x64", None), ("144x128", None)]
        {
            let outline = Outline::of(size.parse().unwrap(), 9, (20, strength)).unwrap();
            assert_eq!(outline.map(|outline| outline.resolution.to_string()).as_deref(), half, "{size}");
        }
    }

    #[test]
    fn enlarging_keeps_what_is_flat_and_where_things_are() {
        let values: Vec<f32> = (0..3 * 2 * 8 * 8).map(|index| if index % 8 < 4 { -0.5 } else { 0.5 }).collect();
        let pixels = Tensor::from_data(TensorData::new(values, [1, 3, 2, 8, 8]), &Device::flex());
        let large = enlarged(pixels);
        assert_eq!(large.dims(), [1, 3, 2, 16, 16]);
        let row: Vec<f32> = large.narrow(3, 7, 1).narrow(2, 1, 1).narrow(1, 0, 1).try_into_vec_as().unwrap();
        assert!(row[..5].iter().all(|value| (value + 0.5).abs() < 1e-3), "{row:?}");
        assert!(row[11..].iter().all(|value| (value - 0.5).abs() < 1e-3), "{row:?}");
        assert!((row[7] + row[8]).abs() < 1e-5 && row[7] < row[8], "{row:?}");
    }
}
