//! How well the transformer denoises held-out worlds, level by level.

use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};
use generation::pixels::pixels_from_frames;
use models::{
    Bundle,
    transformer::{TokenGrid, TransformerInput, patchify},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    EvaluationError, Phase,
    films::RenderedFilm,
    progress::{Monitor, report},
};

/// Noise levels at which the loss is told.
pub const LEVELS: [f32; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// Squared error of the predicted velocity at each of [`LEVELS`], over all patches of all films, each told its caption.
///
/// Formula:  mean |v(xₛ, s) − (noise − x)|²  with  xₛ = (1 − s)·x + s·noise;  the noise is the same every time
///
/// # Errors
/// [`EvaluationError::NotFinite`] when the weights are unusable, [`EvaluationError::Interrupted`].
pub fn loss_by_level(
    bundle: &Bundle,
    films: &[RenderedFilm],
    monitor: &mut dyn Monitor,
) -> Result<Vec<(f32, f64)>, EvaluationError> {
    let device = bundle.transformer.devices().first().cloned().unwrap_or_default();
    let mut sums = [0.0_f64; LEVELS.len()];
    let mut count = 0;
    let total = films.len() * LEVELS.len();
    for (index, film) in films.iter().enumerate() {
        let latents = bundle.autoencoder.encode(pixels_from_frames(film.clip.frames(), &device));
        let [_, _, t, h, w] = latents.dims();
        let Some(grid) = TokenGrid::from_latents(t, h, w) else { continue };
        let data = patchify(latents);
        let noise: Tensor<2> = Tensor::from_data(normal(data.dims(), index as u64), &device);
        let velocity = noise.clone() - data.clone();
        let ids = bundle.tokenizer.encode(&film.caption, bundle.info.text_encoder.max_tokens)?;
        let prompt_embeds = bundle.text_encoder.forward(&[ids]);
        for (place, (level, sum)) in LEVELS.iter().zip(&mut sums).enumerate() {
            report(monitor, Phase::Loss, index * LEVELS.len() + place, total)?;
            let predicted = bundle.transformer.forward(&TransformerInput {
                patches: data.clone() * (1.0 - level) + noise.clone() * *level,
                grids: &[grid],
                levels: &vec![*level; grid.len()],
                prompt_embeds: &prompt_embeds,
                cameras: &[None],
                motions: None,
            });
            let squared_error = (predicted - velocity.clone()).powi_scalar(2).sum().into_scalar::<f32>();
            if !squared_error.is_finite() {
                return Err(EvaluationError::NotFinite { what: "the transformer's velocity" });
            }
            *sum += f64::from(squared_error);
        }
        count += data.dims().iter().product::<usize>();
    }
    report(monitor, Phase::Loss, total, total)?;
    Ok(LEVELS.into_iter().zip(sums).map(|(level, sum)| (level, sum / count.max(1) as f64)).collect())
}

/// Normal numbers that depend on the seed alone (Box and Muller 1958).
fn normal(shape: [usize; 2], seed: u64) -> TensorData {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let count = shape[0] * shape[1];
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * rng.random::<f32>()).sin_cos();
        values.extend([radius * cos, radius * sin]);
    }
    values.truncate(count);
    TensorData::new(values, shape)
}
