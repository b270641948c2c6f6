//! How much of a picture survives the autoencoder.

use burn::module::Module;
use generation::pixels::{frames_from_pixels, pixels_from_frames};
use models::Autoencoder;
use serde::Serialize;
use video::{Clip, Resolution};
use worlds::{Distribution, FilmSettings, Split};

use crate::{
    EvaluationError, Phase,
    films::{self, FilmSet, HELD_OUT_SEED, RenderedFilm},
    metrics,
    progress::{Monitor, report},
};

/// Sizes and lengths that are measured, in turn.
const FORMS: [([u32; 2], usize); 2] = [([128, 128], 33), ([64, 64], 17)];

/// What comes back from the autoencoder, compared with what went in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reconstruction {
    /// Mean over the clips of [`metrics::clip_psnr_db`], in dB.
    pub psnr_db: f64,
    /// Mean over the clips of [`metrics::clip_ssim`].
    pub ssim: f64,
}

/// Renders clips of everything there is, in combinations that training never sees, of the sizes in turn.
///
/// # Errors
/// [`EvaluationError::Settings`] for no clip, [`EvaluationError::Interrupted`].
pub fn held_out_clips(
    count: usize,
    frame_rate: u32,
    monitor: &mut dyn Monitor,
) -> Result<Vec<RenderedFilm>, EvaluationError> {
    if count == 0 {
        return Err(EvaluationError::Settings { reason: "the autoencoder needs at least one clip".into() });
    }
    let mut clips = Vec::with_capacity(count);
    for index in 0..count {
        report(monitor, Phase::Clips, index, count)?;
        let ([width, height], num_frames) = FORMS[index % FORMS.len()];
        let settings = FilmSettings {
            resolution: Resolution::new(width, height)?,
            frame_rate: films::frame_rate(frame_rate)?,
            num_frames,
        };
        let distribution = Distribution { split: Split::HeldOut, ..Distribution::full() };
        let set = FilmSet { distribution, settings, count, first_seed: HELD_OUT_SEED };
        clips.extend(films::render(&set, index..index + 1)?);
    }
    report(monitor, Phase::Clips, count, count)?;
    Ok(clips)
}

/// Encodes and decodes a clip, and says how near it comes back.
///
/// # Errors
/// [`EvaluationError::Generation`] for pixels that are not finite.
pub fn of_clip(autoencoder: &Autoencoder, clip: &Clip) -> Result<Reconstruction, EvaluationError> {
    let device = autoencoder.devices().first().cloned().unwrap_or_default();
    let latents = autoencoder.encode(pixels_from_frames(clip.frames(), &device));
    let decoded = Clip::new(frames_from_pixels(autoencoder.decode(latents))?, clip.frame_rate())?;
    Ok(Reconstruction { psnr_db: metrics::clip_psnr_db(clip, &decoded)?, ssim: metrics::clip_ssim(clip, &decoded)? })
}

/// Encodes and decodes clips, and says how near they come back.
///
/// # Errors
/// [`EvaluationError::Generation`] for pixels that are not finite, [`EvaluationError::Interrupted`].
pub fn measure(
    autoencoder: &Autoencoder,
    films: &[RenderedFilm],
    monitor: &mut dyn Monitor,
) -> Result<Reconstruction, EvaluationError> {
    let (mut psnr_db, mut ssim) = (0.0, 0.0);
    for (index, film) in films.iter().enumerate() {
        report(monitor, Phase::Autoencoder, index, films.len())?;
        let one = of_clip(autoencoder, &film.clip)?;
        psnr_db += one.psnr_db;
        ssim += one.ssim;
    }
    report(monitor, Phase::Autoencoder, films.len(), films.len())?;
    let count = films.len() as f64;
    Ok(Reconstruction { psnr_db: psnr_db / count, ssim: ssim / count })
}
