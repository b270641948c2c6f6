//! Canvases for models that know one noise level for a whole clip.

use burn::tensor::{DType, Tensor};

use crate::{Canvas, Denoiser, DiffusionError, Sigma, canvas::check_shape};

/// A model that was trained with one level for everything, shown a canvas on which levels differ.
///
/// What is known better than the current level is noised up to it before the model looks, always with the same noise, and
/// stays on the canvas as it was.
///
/// # Source  Lugmayr et al. 2022, RePaint, without its resampling
#[derive(Debug)]
pub struct OneLevel<'a, D> {
    /// The model.
    pub denoiser: D,
    /// Noise of the canvas's shape, `[B, C, T, H, W]`.
    pub noise: &'a Tensor<5>,
}

impl<D: Denoiser> Denoiser for OneLevel<'_, D> {
    /// With l a position's level and σ the canvas's:  x_σ = a·x_l + √(σ² − (a·l)²)·noise,  a = (1 − σ) / (1 − l)
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        check_shape("the noise of a canvas", self.noise.dims(), canvas.latents.dims())?;
        let levels = canvas.levels(sigma);
        let rests = levels.clone().lower_elem(sigma.value());
        // Where nothing rests the factor stays 1, also at level 1.
        let share = ((-levels.clone() + 1.0).recip() * (1.0 - sigma.value())).mask_fill(rests.clone().bool_not(), 1.0);
        let left = (share.clone() * levels).powi_scalar(2);
        let more = (-left + sigma.value() * sigma.value()).clamp_min(0.0).sqrt().mask_fill(rests.bool_not(), 0.0);
        let latents = share * canvas.latents.clone() + more * self.noise.clone().cast(DType::F32);
        let start = Tensor::ones(canvas.start.dims(), &latents.device());
        self.denoiser.velocity(&Canvas { latents, start, seeds: canvas.seeds.clone() }, sigma)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn what_is_known_is_noised_to_the_level_of_the_rest() {
        let device = Device::flex();
        let tensor =
            |values: [f32; 3]| Tensor::<5>::from_data(TensorData::new(values.to_vec(), [1, 1, 3, 1, 1]), &device);
        let (data, noise) = (tensor([2.0, -1.0, 4.0]), tensor([0.5, 1.5, -2.0]));
        // Known, known to 0.3, and unknown.
        let canvas = Canvas::noised(data, noise.clone(), tensor([0.0, 0.3, 1.0])).unwrap();
        let look = |sigma: f32| {
            let seen = std::cell::RefCell::new(Vec::new());
            let denoiser = |canvas: &Canvas, sigma: Sigma| {
                *seen.borrow_mut() = canvas.latents.to_data().try_to_vec::<f32>().unwrap();
                let levels: Vec<f32> = canvas.levels(sigma).to_data().try_to_vec().unwrap();
                assert_eq!(levels, [sigma.value(); 3]);
                Ok(canvas.latents.clone())
            };
            let sigma = Sigma::new(sigma).unwrap();
            OneLevel { denoiser, noise: &noise }.velocity(&canvas, sigma).unwrap();
            seen.into_inner()
        };
        let close = |found: Vec<f32>, expected: [f32; 3]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} instead of {expected:?}");
        };
        let roughly = -0.7 + 0.3 * 1.5;
        let more = (0.64f32 - (0.2 / 0.7 * 0.3f32).powi(2)).sqrt();
        close(look(0.8), [0.2 * 2.0 + 0.8 * 0.5, 0.2 / 0.7 * roughly + more * 1.5, -2.0]);
        // Below its level a position no longer rests.
        close(look(0.2), [0.8 * 2.0 + 0.2 * 0.5, roughly, -2.0]);
    }
}
