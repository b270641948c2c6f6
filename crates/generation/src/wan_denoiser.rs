//! A transformer of others as sampling sees it.

use burn::tensor::Tensor;
use diffusion::{Canvas, Denoiser, DiffusionError, Sigma};
use wan::{
    SchedulerConfig,
    text::MAX_TOKENS,
    transformer::{Transformer, TransformerInput},
};

use crate::{WanImageChannels, denoiser::token_levels};

/// A transformer with a prompt, as sampling sees it.
pub(crate) struct WanDenoiser<'a> {
    pub(crate) transformer: &'a Transformer,
    /// `[1, N, D]`.
    pub(crate) prompt_embeds: Tensor<3>,
    pub(crate) scheduler: SchedulerConfig,
    pub(crate) timesteps: Timesteps,
    pub(crate) image: Option<WanImageChannels>,
}

/// What a transformer is told of noise levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timesteps {
    /// One for the clip.
    OfClip,
    /// One for each token.
    OfTokens,
}

impl Denoiser for WanDenoiser<'_> {
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        let levels = match self.timesteps {
            Timesteps::OfClip => vec![sigma.value()],
            Timesteps::OfTokens => token_levels(canvas.levels(sigma))?,
        };
        let timesteps: Vec<f32> = levels.into_iter().map(|level| self.scheduler.timestep(level)).collect();
        let latents = canvas.latents.clone();
        let (hidden_states, embeds) = match &self.image {
            Some(image) => (Tensor::cat(vec![latents, image.condition.clone()], 1), image.embeds.clone()),
            None => (latents, None),
        };
        let input = TransformerInput {
            hidden_states,
            timesteps: &timesteps,
            encoder_hidden_states: self.prompt_embeds.clone(),
            encoder_hidden_states_image: embeds,
        };
        self.transformer.forward(input).map_err(DiffusionError::denoiser)
    }
}

/// The model was trained with prompts of 512 tokens, zeros behind the last one.
pub(crate) fn padded(embeds: Tensor<3>) -> Tensor<3> {
    let [b, n, d] = embeds.dims();
    let padding = Tensor::zeros([b, MAX_TOKENS.saturating_sub(n), d], &embeds.device());
    Tensor::cat(vec![embeds, padding], 1)
}
