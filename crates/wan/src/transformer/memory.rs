//! How much memory a pass of the transformer takes.

use std::path::Path;

use super::{STEM, TransformerConfig, is_unused, precision};
use crate::{
    Precision, WanError,
    memory::{KEPT, KEPT_IN_PASS, WeightMemory},
    weights,
};

/// Latents, prompt and image of one pass, and the threads that compute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformerLoad {
    /// Clips side by side.
    pub clips: usize,
    /// Latent frames, height and width of each.
    pub latents: [usize; 3],
    /// Tokens of each prompt.
    pub prompt_tokens: usize,
    /// Threads.
    pub threads: usize,
}

/// What is known of a transformer's memory from its headers.
#[derive(Clone, Debug)]
pub struct TransformerMemory {
    pub(super) config: TransformerConfig,
    pub(super) precision: Precision,
    pub(super) weights: WeightMemory,
}

impl TransformerMemory {
    /// Looks at the folder of a transformer that is to compute with these numbers.
    ///
    /// # Errors
    /// [`WanError`] that names the file that is missing or damaged.
    pub(crate) fn open(folder: &Path, precision: Precision) -> Result<Self, WanError> {
        let config = TransformerConfig::read(&folder.join("config.json"))?;
        let mut shapes = weights::shapes(folder, STEM)?;
        shapes.retain(|name, _| !is_unused(name));
        let is_rounded = |name: &str, shape: &[usize]| precision == Precision::Int8 && precision::rounds(name, shape);
        let of = |in_int8: bool| {
            let chosen = shapes.iter().filter(move |(name, shape)| is_rounded(name, shape) == in_int8);
            chosen.map(|(_, shape)| shape.as_slice())
        };
        Ok(Self { config, precision, weights: WeightMemory::of(of(false)).with_int8(of(true)) })
    }

    /// The most bytes in use.
    pub fn peak(&self, load: TransformerLoad) -> u64 {
        let config = &self.config;
        let patches = load.latents.iter().zip(config.patch_size).map(|(side, patch)| side.div_ceil(patch) as u64);
        let [clips, prompt, threads] = [load.clips, load.prompt_tokens, load.threads].map(|count| count as u64);
        let n = clips * patches.product::<u64>();
        let m = clips * prompt;
        let [d, head, hidden, text] =
            [config.width(), config.attention_head_dim, config.ffn_dim, config.text_dim].map(|side| side as u64);
        let channels = (config.patch_width(config.in_channels) + config.patch_width(config.out_channels)) as u64;
        // What comes in, its norm, queries, keys, values and what attention gives; each thread turns a head's keys.
        let attention = 6 * n * d + threads.min(config.num_attention_heads as u64) * n.max(m) * head;
        let cross = 4 * n * d + 3 * m * d;
        // What comes in and what comes out, twice while its parts are joined, and the hidden layer of some tokens, before
        // and after its activation.
        let feed_forward = 4 * n * d + n.min(precision::hidden_rows(self.precision, n as usize) as u64) * 2 * hidden;
        // Latents and velocities of a few steps, positions and prompts stay all the while.
        let kept = 4 * n * channels + n * head + 2 * m * text + m * d;
        self.weights.peak_keeping(KEPT + KEPT_IN_PASS, kept + attention.max(cross).max(feed_forward))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_takes_its_widest_tensors_besides_the_weights() {
        let weights = WeightMemory::of([&[1536, 8960][..]; 100].into_iter());
        let config = TransformerConfig::wan_1_3b();
        let memory = TransformerMemory { config, precision: Precision::F32, weights };
        let load = TransformerLoad { clips: 1, latents: [21, 60, 104], prompt_tokens: 512, threads: 2 };
        let bytes = memory.peak(load) - weights.peak(0);
        // 32,760 tokens of 1536 numbers, six times and not twice that; their hidden layers would take 11.7 times as much.
        let tokens = 32_760 * 1536 * 4;
        assert!((6 * tokens..12 * tokens).contains(&bytes), "{bytes}");
        let two = TransformerLoad { clips: 2, ..load };
        assert!(memory.peak(two) - memory.peak(load) > 6 * tokens);
    }
}
