//! Whether one part of an open checkpoint fits into memory with its inputs, and which inputs would.

use anyhow::bail;
use wan::{
    WanFolder, autoencoder::AutoencoderLoad, tensor_file::TensorFile, text::TextEncoderMemory,
    transformer::TransformerLoad,
};

use super::module::Part;
/// What a part needs with its inputs, and with others.
pub struct Estimate {
    /// Bytes for inputs of some sides.
    peak: Peak,
    sides: [usize; 3],
    /// What the sides are called.
    names: &'static str,
}

type Peak = Box<dyn Fn([usize; 3]) -> u64>;

impl Estimate {
    /// Looks at headers only.
    ///
    /// With tiles of so many pixels, if any, where a part can take them.
    pub fn of(part: (Part, Option<usize>), folder: &WanFolder, input: &TensorFile) -> anyhow::Result<Self> {
        let (peak, sides, names) = peak_of(part, folder, input)?;
        Ok(Self { peak, sides, names })
    }

    /// The most bytes in use.
    pub fn bytes(&self) -> u64 {
        (self.peak)(self.sides)
    }

    /// Refuses inputs with which the part would need more memory than can be had.
    pub fn check(&self, available: Option<u64>) -> anyhow::Result<()> {
        match available {
            Some(available) if self.bytes() > available => bail!(
                "this would need about {} of memory, but only {} are there; {}; --ignore-memory goes on all the same",
                gigabytes(self.bytes()),
                gigabytes(available),
                self.advice(available)
            ),
            _ => Ok(()),
        }
    }

    fn advice(&self, available: u64) -> String {
        let [t, h, w] = self.sides;
        let shorter = (1..t).rev().map(|t| [t, h, w]);
        // Even sides, which the usual patches divide.
        let smaller =
            (1..w / 2).rev().map(|half| [t, (h * half / (w / 2)).next_multiple_of(2).max(1).min(h), 2 * half]);
        let smallest = [1, 2.min(h), 2.min(w)];
        match shorter.chain(smaller).chain([smallest]).find(|sides| (self.peak)(*sides) <= available) {
            Some(sides) => format!("{} {sides:?} would fit", self.names),
            None => format!("no input would fit: the least takes {}", gigabytes((self.peak)(smallest))),
        }
    }
}

fn peak_of(
    (part, tile): (Part, Option<usize>),
    folder: &WanFolder,
    input: &TensorFile,
) -> anyhow::Result<(Peak, [usize; 3], &'static str)> {
    let threads = rayon::current_num_threads();
    Ok(match part {
        Part::Transformer => {
            let [clips, _, latents @ ..]: [usize; 5] = input.shape("hidden_states")?;
            let [_, prompt_tokens, _] = input.shape("encoder_hidden_states")?;
            let memory = folder.transformer_memory()?;
            let peak = move |latents| memory.peak(TransformerLoad { clips, latents, prompt_tokens, threads });
            (Box::new(peak), latents, "hidden_states of [T, H, W]")
        }
        Part::VaeDecode => {
            let [clips, _, latents @ ..]: [usize; 5] = input.shape("latents")?;
            let memory = folder.autoencoder_memory()?;
            let peak = move |latents| memory.gathered_decoding_peak(AutoencoderLoad { clips, latents, threads }, tile);
            (Box::new(peak), latents, "latents of [T, H, W]")
        }
        Part::VaeEncode => {
            let [clips, _, t, h, w] = input.shape("sample")?;
            let memory = folder.autoencoder_memory()?;
            let [time, space] = memory.factors();
            let latents = [t.saturating_sub(1) / time + 1, h / space, w / space];
            let peak = move |latents| memory.encoding_peak(AutoencoderLoad { clips, latents, threads });
            (Box::new(peak), latents, "a sample that gives latents of [T, H, W]")
        }
        Part::Text => {
            let [prompts, tokens] = input.shape("input_ids")?;
            let memory: TextEncoderMemory = folder.text_encoder_memory()?;
            (Box::new(move |[_, _, tokens]| memory.peak(prompts, tokens)), [1, 1, tokens], "input_ids of [1, 1, N]")
        }
        Part::Image => {
            let [images, _, height, width] = input.shape("pixel_values")?;
            let memory = folder.image_encoder_memory()?;
            // There is one size that it takes.
            (Box::new(move |_| memory.peak(images)), [1, height, width], "pixel_values of [B, H, W]")
        }
    })
}

/// Bytes as people say them.
fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fit_is_said_or_that_nothing_would() {
        let peak = |[t, h, w]: [usize; 3]| 1_000_000_000 + 1_000_000 * (t * h * w) as u64;
        let estimate = Estimate { peak: Box::new(peak), sides: [5, 10, 20], names: "latents of [T, H, W]" };
        let said = |available| estimate.check(Some(available)).unwrap_err().to_string();
        assert!(estimate.check(None).is_ok() && estimate.check(Some(2_000_000_000)).is_ok());
        let message = said(1_700_000_000);
        assert!(message.contains("2.00 GB") && message.contains("1.70 GB"), "{message}");
        for (available, sides) in
            [(1_700_000_000, "[3, 10, 20]"), (1_100_000_000, "[5, 2, 4]"), (1_005_000_000, "[1, 2, 2]")]
        {
            let message = said(available);
            assert!(message.contains(&format!("latents of [T, H, W] {sides} would fit")), "{message}");
        }
        assert!(said(5).contains("no input would fit: the least takes 1.00 GB"), "{}", said(5));
    }
}
