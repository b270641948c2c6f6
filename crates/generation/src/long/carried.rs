//! What a window goes on from.

use burn::tensor::{DType, Tensor};
use diffusion::{Canvas, DiffusionError, Sigma};

use super::windows::Window;
use crate::{
    GenerationError, GenerationRequest, Generator, Progress,
    outline::{Layout, Outlined},
};

/// Latents of a part of a long video, and of its outline where it has one.
#[derive(Clone, Debug)]
pub struct WindowLatents {
    /// `[1, C, T, H, W]`.
    pub latents: Tensor<5>,
    /// `[1, C, T, H/2, W/2]`.
    pub outline: Option<Tensor<5>>,
}

/// Latents that a window goes on from, and how the model sees them.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The last latent frames of the windows before.
    pub latents: WindowLatents,
    /// Latent frames that are imagined before them.
    pub lead: usize,
    /// To which level they are noised for the model to look at.
    pub anti_drift: Sigma,
}

impl WindowLatents {
    /// Latent frames.
    pub fn len(&self) -> usize {
        self.latents.dims()[2]
    }

    /// Whether there is no latent frame.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last so many latent frames, or all where there are fewer.
    #[must_use]
    pub fn last(self, count: usize) -> Self {
        let count = count.min(self.len());
        let last = |tensor: Tensor<5>| {
            let [_, _, t, ..] = tensor.dims();
            tensor.narrow(2, t - count, count)
        };
        Self { latents: last(self.latents), outline: self.outline.map(last) }
    }

    /// The same with more behind it.
    #[must_use]
    pub fn followed_by(self, next: Self) -> Self {
        let outline = self.outline.zip(next.outline).map(|(earlier, later)| Tensor::cat(vec![earlier, later], 2));
        Self { latents: Tensor::cat(vec![self.latents, next.latents], 2), outline }
    }
}

impl Carried {
    /// What a window carries of all that stands before it.
    pub(super) fn of(before: WindowLatents, window: Window, anti_drift: Sigma) -> Self {
        Self { latents: before.last(window.carried), lead: window.lead, anti_drift }
    }

    /// The canvas of a window: imagined before and behind what is carried.
    ///
    /// # Shapes  noise: that of the window's latents
    pub(crate) fn canvas(&self, noise: Tensor<5>) -> Result<Canvas, DiffusionError> {
        let (data, start) = self.laid_out(self.latents.latents.clone(), &noise);
        Canvas::noised(data, noise, start)
    }

    /// The same for its outline.
    fn outline_canvas(&self, noise: Tensor<5>) -> Result<Canvas, DiffusionError> {
        match &self.latents.outline {
            Some(outline) => {
                let (data, start) = self.laid_out(outline.clone(), &noise);
                Canvas::noised(data, noise, start)
            }
            None => Ok(Canvas::imagined(noise)),
        }
    }

    /// Carried latents in their place among what `like` has the shape of, and the level of each position.
    fn laid_out(&self, carried: Tensor<5>, like: &Tensor<5>) -> (Tensor<5>, Tensor<5>) {
        let [b, c, t, h, w] = like.dims();
        let [_, _, count, ..] = carried.dims();
        let around = |count: usize| Tensor::<5>::zeros([b, c, count, h, w], (&like.device(), DType::F32));
        let level =
            |level: f32, count: usize| Tensor::<5>::full([b, 1, count, h, w], level, (&like.device(), DType::F32));
        let behind = t - self.lead - count;
        let known = level(self.anti_drift.value(), count);
        let parts = [around(self.lead), carried, around(behind)];
        let levels = [level(1.0, self.lead), known, level(1.0, behind)];
        (joined(parts), joined(levels))
    }
}

/// Parts one after another; those of no latent frame are left out.
fn joined(parts: [Tensor<5>; 3]) -> Tensor<5> {
    Tensor::cat(parts.into_iter().filter(|part| part.dims()[2] > 0).collect(), 2)
}

impl Generator {
    /// Makes the latents of a window, by way of its outline where the request has one.
    pub(crate) fn sample_told_window(
        &self,
        request: &GenerationRequest,
        carried: Option<&Carried>,
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<WindowLatents, GenerationError> {
        let imagined = |noise| match carried {
            None => Ok(Canvas::imagined(noise)),
            Some(carried) => carried.canvas(noise),
        };
        let Some(outline) = request.outline() else {
            let canvas = imagined(self.noise(request.latent_sides(), seed))?.with_seeds([seed]);
            return Ok(WindowLatents { latents: self.sample_canvas(request, canvas, progress)?, outline: None });
        };
        let layout = Layout {
            small: &|noise| match carried {
                None => Ok(Canvas::imagined(noise)),
                Some(carried) => carried.outline_canvas(noise),
            },
            large: &|data, noise| match carried {
                None => Canvas::remix(data, noise, outline.strength),
                Some(carried) => {
                    let (known, start) = carried.laid_out(carried.latents.latents.clone(), &noise);
                    let is_unknown = start.clone().equal_elem(1.0).expand(data.dims());
                    let data = known.mask_where(is_unknown, data);
                    Canvas::noised(data, noise, start.clamp_max(outline.strength.value()))
                }
            },
        };
        let Outlined { small, large } = self.sample_outlined(request, (outline, &layout), (seed, progress))?;
        Ok(WindowLatents { latents: large, outline: Some(small) })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn row(values: &[f32]) -> Tensor<5> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, values.len(), 1, 1]), &Device::flex())
    }

    fn values(tensor: Tensor<5>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn what_is_carried_lies_between_what_is_imagined() {
        let before = WindowLatents { latents: row(&[1.0, 2.0, 3.0, 4.0]), outline: None };
        let window = Window { lead: 1, carried: 2, new: 2 };
        let noise = row(&[10.0, 20.0, 30.0, 40.0, 50.0]);
        let canvas = |level| {
            let anti_drift = Sigma::new(level).unwrap();
            Carried::of(before.clone(), window, anti_drift).canvas(noise.clone()).unwrap()
        };
        let known = canvas(0.0);
        assert_eq!(values(known.latents), [10.0, 3.0, 4.0, 40.0, 50.0]);
        assert_eq!(values(known.start), [1.0, 0.0, 0.0, 1.0, 1.0]);
        let noised = canvas(0.5);
        assert_eq!(values(noised.latents), [10.0, 11.5, 17.0, 40.0, 50.0]);
        assert_eq!(values(noised.start), [1.0, 0.5, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn parts_are_cut_and_joined_with_their_outlines() {
        let part = |values: &[f32]| WindowLatents { latents: row(values), outline: Some(row(values) * 2.0) };
        let joined = part(&[1.0, 2.0]).followed_by(part(&[3.0])).last(2);
        assert_eq!(values(joined.latents), [2.0, 3.0]);
        assert_eq!(values(joined.outline.unwrap()), [4.0, 6.0]);
        assert_eq!(part(&[1.0]).last(5).len(), 1);
    }
}
