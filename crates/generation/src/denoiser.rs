//! A transformer as sampling sees it.

use burn::tensor::Tensor;
use diffusion::{Canvas, Denoiser, DiffusionError, Guidance, Sigma};
use models::{
    Transformer,
    text::PromptEmbeds,
    transformer::{CameraPose, Motions, PATCH, TokenGrid, TransformerInput, patchify, unpatchify},
};

/// Joins a transformer, with what it is told, to the samplers.
///
/// The latents of all clips of a canvas are cut into patches and packed into one sequence; the velocities go back to
/// where the patches came from.
#[derive(Clone, Debug)]
pub struct ModelDenoiser<'a> {
    /// The network.
    pub transformer: &'a Transformer,
    /// One prompt for each clip of the canvas.
    pub prompt_embeds: &'a PromptEmbeds,
    /// For each clip its camera path, one pose for each latent frame, if it is known.
    pub cameras: &'a [Option<Vec<CameraPose>>],
    /// Ways that things are to take.
    pub motions: Option<Motions<'a>>,
}

impl Denoiser for ModelDenoiser<'_> {
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        let [b, c, t, h, w] = canvas.latents.dims();
        let grid = TokenGrid::from_latents(t, h, w).ok_or_else(|| DiffusionError::Shape {
            what: "the latents of a canvas",
            expected: "[B, C, T, even H, even W]".into(),
            found: vec![b, c, t, h, w],
        })?;
        let prompts = self.prompt_embeds.segments.len();
        if prompts != b || c != self.transformer.config().latent_channels {
            return Err(DiffusionError::Shape {
                what: "the latents of a canvas",
                expected: format!("[{prompts}, {}, T, H, W]", self.transformer.config().latent_channels),
                found: vec![b, c, t, h, w],
            });
        }
        let patches = (0..b).map(|clip| patchify(canvas.latents.clone().narrow(0, clip, 1))).collect();
        let velocity = self.transformer.forward(&TransformerInput {
            patches: Tensor::cat(patches, 0), // [B·N, 4C]
            grids: &vec![grid; b],
            levels: &token_levels(canvas.levels(sigma))?,
            prompt_embeds: self.prompt_embeds,
            cameras: self.cameras,
            motions: self.motions,
        });
        let clips = (0..b).map(|clip| unpatchify(velocity.clone().narrow(0, clip * grid.len(), grid.len()), grid));
        Ok(Tensor::cat(clips.collect(), 0)) // [B, C, T, H, W]
    }
}

/// A model that is led towards a prompt and away from another; both passes at the same time.
///
/// It holds two passes in memory, which is little for models whose own passes gain from not waiting for other threads.
#[derive(Clone, Debug)]
pub struct GuidedModel<'a> {
    /// The model with the prompt.
    pub conditional: ModelDenoiser<'a>,
    /// The model with the negative prompt, or with none.
    pub unconditional: ModelDenoiser<'a>,
    /// How strongly and where.
    pub guidance: Guidance,
}

impl Denoiser for GuidedModel<'_> {
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        let conditional = || self.conditional.velocity(canvas, sigma);
        if !self.guidance.applies_at(sigma) {
            return conditional();
        }
        let unconditional = || self.unconditional.velocity(canvas, sigma);
        let (conditional, unconditional) = models::side_by_side(&canvas.latents.device(), conditional, unconditional);
        Ok(self.guidance.combine(conditional?, unconditional?))
    }
}

/// The noise level of each token: the highest of its latent positions, since those are what is left to imagine.
///
/// # Shapes  levels: `[B, 1, T, H, W]` → B·T·H/2·W/2 numbers, in the order of [`patchify`]
/// # Errors  [`DiffusionError::Device`] when the device does not hand them back
pub fn token_levels(levels: Tensor<5>) -> Result<Vec<f32>, DiffusionError> {
    let [b, _, t, h, w] = levels.dims();
    let values: Vec<f32> = levels.try_into_vec_as().map_err(|error| DiffusionError::Device(error.to_string()))?;
    let (rows, columns) = (h / PATCH, w / PATCH);
    let mut tokens = vec![0.0f32; b * t * rows * columns];
    for (position, level) in values.into_iter().enumerate() {
        let (frame, row, column) = (position / (h * w), position / w % h, position % w);
        let token = &mut tokens[(frame * rows + row / PATCH) * columns + column / PATCH];
        *token = token.max(level);
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn a_token_is_as_unknown_as_its_least_known_position() {
        let mut values = vec![0.0; 2 * 4 * 6];
        values[6 + 3] = 0.5; // frame 0, row 1, column 3: token (0, 0, 1)
        values[24 + 2 * 6 + 4] = 0.7; // frame 1, row 2, column 4: token (1, 1, 2)
        values[24 + 3 * 6 + 5] = 0.2; // the same token
        let levels = Tensor::from_data(TensorData::new(values, [1, 1, 2, 4, 6]), &Device::flex());
        let mut expected = vec![0.0; 12];
        (expected[1], expected[6 + 5]) = (0.5, 0.7);
        assert_eq!(token_levels(levels).unwrap(), expected);
    }
}
