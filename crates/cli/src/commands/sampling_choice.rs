//! How the steps from noise to video are taken.

use clap::Args;
use diffusion::Sampler;
use generation::GenerationOptions;

use crate::{remote::RemoteOrder, value};

/// Options of every command that makes videos; what is left out is the model's own.
#[derive(Args)]
pub struct SamplingChoice {
    /// Steps from noise to video: more is slower and finer [default: the model's own, such as 20]
    #[arg(long)]
    steps: Option<usize>,
    /// How strongly the prompt is followed, 1 to about 10 [default: the model's own, such as 4]
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    guidance: Option<f32>,
    /// Noise levels between which guidance acts, such as 0.2-0.9 [default: all]
    #[arg(long, value_name = "LOW-HIGH", value_parser = value::interval)]
    guidance_interval: Option<[f32; 2]>,
    /// How much of a half-size outline is imagined anew at full size, above 0; 1 is without an outline
    /// [default: 0.6 where the size can be halved]
    #[arg(long, value_name = "STRENGTH", allow_negative_numbers = true)]
    outline: Option<f32>,
    /// How the steps are taken
    #[arg(long, value_parser = value::named::<Sampler>(Sampler::ALL.map(Sampler::name)))]
    sampler: Option<Sampler>,
}

impl SamplingChoice {
    /// The same in an order to a server.
    pub fn order(&self, order: RemoteOrder) -> RemoteOrder {
        let order = order.field("num_inference_steps", self.steps).field("guidance_scale", self.guidance);
        let order = order.field("guidance_interval", self.guidance_interval.map(|[low, high]| format!("{low}-{high}")));
        order.field("outline_strength", self.outline).field("sampler", self.sampler.map(Sampler::name))
    }

    /// A request for this prompt, with these settings.
    pub fn options(&self, prompt: impl Into<String>) -> GenerationOptions {
        GenerationOptions {
            num_inference_steps: self.steps,
            guidance_scale: self.guidance,
            guidance_interval: self.guidance_interval,
            outline_strength: self.outline,
            sampler: self.sampler,
            ..GenerationOptions::new(prompt)
        }
    }
}
