//! The canvas: latents in which every position has its own noise level.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::{DiffusionError, Sigma};

/// Latents with, for each latent position, the level from which it is to be imagined.
///
/// Tasks differ only in how they lay out a canvas: text-to-video has every position at 1, animation has the
/// first latent frame at 0, remixing has all positions at `strength`. Each position's latents must already be
/// at its level, x = (1 − start)·data + start·noise; [`Canvas::noised`] does that.
///
/// The fields are open so that tasks can lay them out freely; samplers check them before they start.
#[derive(Debug, Clone)]
pub struct Canvas {
    /// `[B, C, T, H, W]`, every position at its own level.
    pub latents: Tensor<5>,
    /// `[B, 1, T, H, W]`: 0 is known, 1 is to be imagined, between is known roughly.
    pub start: Tensor<5>,
    /// For each clip what a sampler that adds noise on its way draws it from, see [`fresh_noise`](crate::fresh_noise).
    pub seeds: Vec<u64>,
}

impl Canvas {
    /// A canvas of which nothing is known yet.
    ///
    /// # Shapes  noise: `[B, C, T, H, W]`
    pub fn imagined(noise: Tensor<5>) -> Self {
        let [b, _, t, h, w] = noise.dims();
        let start = Tensor::ones([b, 1, t, h, w], (&noise.device(), DType::F32));
        Self { latents: noise.cast(DType::F32), start, seeds: vec![0; b] }
    }

    /// The same with the seeds, one for each clip, that samplers draw further noise from.
    #[must_use]
    pub fn with_seeds(self, seeds: impl Into<Vec<u64>>) -> Self {
        Self { seeds: seeds.into(), ..self }
    }

    /// A canvas on which data are known as far as `start` says: noise is mixed in up to each position's level.
    ///
    /// Formula:  x = (1 − start)·data + start·noise, and bit for bit `data` where start is 0
    ///
    /// # Shapes  data, noise: `[B, C, T, H, W]`; start: `[B, 1, T, H, W]`
    /// # Errors  [`DiffusionError::Shape`] when the three do not fit together
    pub fn noised(data: Tensor<5>, noise: Tensor<5>, start: Tensor<5>) -> Result<Self, DiffusionError> {
        check_shape("noise", noise.dims(), data.dims())?;
        let dims @ [b, _, t, h, w] = data.dims();
        check_shape("the start levels of a canvas", start.dims(), [b, 1, t, h, w])?;
        let (data, start) = (data.cast(DType::F32), start.cast(DType::F32));
        let known = start.clone().equal_elem(0.0).expand(dims);
        let latents = noised(data.clone(), noise.cast(DType::F32), start.clone()).mask_where(known, data);
        Ok(Self { latents, start, seeds: vec![0; b] })
    }

    /// A canvas for a remix: everything is known roughly, noised up to `strength`.
    ///
    /// # Shapes  data, noise: `[B, C, T, H, W]`
    /// # Errors  [`DiffusionError::Shape`] when the two differ
    pub fn remix(data: Tensor<5>, noise: Tensor<5>, strength: Sigma) -> Result<Self, DiffusionError> {
        let [b, _, t, h, w] = data.dims();
        let start = Tensor::full([b, 1, t, h, w], strength.value(), (&data.device(), DType::F32));
        Self::noised(data, noise, start)
    }

    /// The level of each position while the canvas as a whole is at `sigma`.
    ///
    /// Formula:  min(start, σ): a position that is known better than σ rests until σ has come down to it
    ///
    /// # Shapes  `[B, 1, T, H, W]`
    pub fn levels(&self, sigma: Sigma) -> Tensor<5> {
        self.start.clone().clamp_max(sigma.value())
    }

    /// The data that a velocity points to from where the canvas is now.
    ///
    /// Formula:  data = x − level·v
    ///
    /// # Shapes  velocity and the result: `[B, C, T, H, W]`
    pub fn denoised(&self, velocity: &Tensor<5>, sigma: Sigma) -> Tensor<5> {
        self.latents.clone() - self.levels(sigma) * velocity.clone()
    }
}

/// Mixes data and noise to the given levels, as training and canvases need it.
///
/// Formula:  x_σ = (1 − σ)·data + σ·noise
///
/// # Shapes  data, noise: `[B, C, T, H, W]`; levels: `[B, 1, T, H, W]` or anything that broadcasts to it
/// # Source  Lipman et al. 2023, Flow Matching for Generative Modeling; Esser et al. 2024, equation 13
pub fn noised(data: Tensor<5>, noise: Tensor<5>, levels: Tensor<5>) -> Tensor<5> {
    (-levels.clone() + 1.0) * data + levels * noise
}

/// What a network learns to predict.
///
/// Formula:  v = noise − data
///
/// # Shapes  all `[B, C, T, H, W]`
pub fn velocity_target(data: Tensor<5>, noise: Tensor<5>) -> Tensor<5> {
    noise - data
}

/// Spreads one level per latent frame over all positions of the frame.
///
/// # Shapes  `levels`: B lists of T levels; result: `[B, 1, T, H, W]`
/// # Errors  [`DiffusionError::Shape`] when the lists differ in length, [`DiffusionError::SigmaOutOfRange`]
pub fn levels_per_frame(
    levels: &[Vec<f32>],
    [height, width]: [usize; 2],
    device: &Device,
) -> Result<Tensor<5>, DiffusionError> {
    let [b, t] = [levels.len(), levels.first().map_or(0, Vec::len)];
    for clip in levels {
        if clip.len() != t || t == 0 {
            return Err(DiffusionError::Shape {
                what: "the levels of each clip of a batch",
                expected: format!("[{}]", t.max(1)),
                found: vec![clip.len()],
            });
        }
        clip.iter().try_for_each(|&level| Sigma::new(level).map(drop))?;
    }
    let values = TensorData::new(levels.concat(), [b, 1, t, 1, 1]);
    Ok(Tensor::<5>::from_data(values, (device, DType::F32)).expand([b, 1, t, height, width]))
}

/// Refuses a tensor that does not have exactly the expected shape.
pub(crate) fn check_shape(what: &'static str, found: [usize; 5], expected: [usize; 5]) -> Result<(), DiffusionError> {
    if found == expected {
        return Ok(());
    }
    Err(DiffusionError::Shape { what, expected: format!("{expected:?}"), found: found.to_vec() })
}
