//! Videos that play round without a seam: latent frames that stand in a ring.
//!
//! A model knows time lines with a beginning. At every step the ring is cut open at another place, and what comes before
//! the cut stands once more before its beginning, so that no frame is ever the first one (a rolled canvas, as panoramas
//! are made). Decoded, too, the ring begins behind its own end.

use std::ops::Range;

use burn::tensor::Tensor;
use diffusion::{Canvas, Denoiser, DiffusionError, Sigma};

use crate::GenerationError;

/// Latent frames that stand before the cut for the model to look at. The first of a time line is a still picture's.
pub(crate) const LEAD: usize = 1;
/// The same for a decoder, which looks further back.
const DECODER_LEAD: usize = 4;
/// Fewest latent frames of a ring.
const LEAST: usize = 2;

/// Shows a denoiser a ring of latent frames, cut open at another place at every level.
pub(crate) struct RingDenoiser<'a> {
    pub(crate) inner: &'a dyn Denoiser,
}

impl Denoiser for RingDenoiser<'_> {
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        let length = canvas.latents.dims()[2];
        let cut = cut(sigma, length);
        let open = |ring: &Tensor<5>| with_lead(turned(ring.clone(), cut), LEAD);
        let line = Canvas { latents: open(&canvas.latents), start: open(&canvas.start), seeds: canvas.seeds.clone() };
        let velocity = self.inner.velocity(&line, sigma)?;
        Ok(turned(velocity.narrow(2, LEAD, length), length - cut))
    }
}

/// Where a ring is cut open at a level: anywhere, and for the same level always at the same place.
fn cut(sigma: Sigma, length: usize) -> usize {
    // Knuth's multiplicative hash.
    (sigma.value().to_bits().wrapping_mul(2_654_435_761) >> 8) as usize % length
}

/// The ring turned so that it begins with the frame that was number `first`.
fn turned(ring: Tensor<5>, first: usize) -> Tensor<5> {
    let length = ring.dims()[2];
    match first % length {
        0 => ring,
        first => Tensor::cat(vec![ring.clone().narrow(2, first, length - first), ring.narrow(2, 0, first)], 2),
    }
}

/// The ring with its last frames once more before its first.
pub(crate) fn with_lead(ring: Tensor<5>, lead: usize) -> Tensor<5> {
    let length = ring.dims()[2];
    Tensor::cat(vec![ring.clone().narrow(2, length - lead, lead), ring], 2)
}

/// The ring as it is decoded, see [`frames`].
pub(crate) fn to_decode(ring: Tensor<5>) -> Tensor<5> {
    let lead = decoder_lead(ring.dims()[2]);
    with_lead(ring, lead)
}

/// Which frames are a ring's, of all that are decoded of so many latent frames with what comes before them.
pub(crate) fn frames(latent_frames: usize) -> Range<usize> {
    let before = 4 * (decoder_lead(latent_frames) - 1) + 1;
    before..before + 4 * latent_frames
}

fn decoder_lead(latent_frames: usize) -> usize {
    DECODER_LEAD.min(latent_frames)
}

/// Checks that so many latent frames make a ring.
///
/// # Errors
/// [`GenerationError::Ring`] when they are too few.
pub(crate) fn check(latent_frames: usize) -> Result<(), GenerationError> {
    if latent_frames < LEAST {
        let problem = format!("has {} frames or more; make it longer", 4 * LEAST);
        return Err(GenerationError::Ring { problem });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn ring(values: &[f32]) -> Tensor<5> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, values.len(), 1, 1]), &Device::flex())
    }

    fn values(ring: Tensor<5>) -> Vec<f32> {
        ring.try_into_vec_as().unwrap()
    }

    #[test]
    fn every_frame_follows_the_one_before_it_wherever_the_ring_is_cut() {
        let inner = |canvas: &Canvas, _: Sigma| {
            // Each frame's velocity is the frame before it; the line's first has none.
            let [_, _, t, ..] = canvas.latents.dims();
            assert_eq!(t, 5 + LEAD);
            Ok(Tensor::cat(vec![ring(&[f32::NAN]), canvas.latents.clone().narrow(2, 0, t - 1)], 2))
        };
        let denoiser = RingDenoiser { inner: &inner };
        let canvas = Canvas::imagined(ring(&[0.0, 1.0, 2.0, 3.0, 4.0]));
        let mut cuts = Vec::new();
        for step in 1..=20 {
            let sigma = Sigma::new(step as f32 / 20.0).unwrap();
            cuts.push(cut(sigma, 5));
            assert_eq!(values(denoiser.velocity(&canvas, sigma).unwrap()), [4.0, 0.0, 1.0, 2.0, 3.0]);
        }
        assert!((0..5).all(|place| cuts.contains(&place)), "{cuts:?}");
    }

    #[test]
    fn a_ring_is_decoded_behind_its_own_end() {
        assert_eq!(values(to_decode(ring(&[0.0, 1.0, 2.0]))), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
        assert_eq!(frames(3), 9..21);
        assert_eq!(values(to_decode(ring(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))).len(), 10);
    }
}
