//! Everything about one model.

use generation::Generator;
use worlds::FilmSettings;

use crate::{
    EvaluationError, LabelledPrompt, Monitor, Report, VideoSettings, adherence,
    classifier::{Classifier, held_out_worlds},
    denoising, edits,
    films::{self, FilmSet, HELD_OUT_SEED},
    guides, minutes, reconstruction,
};

/// What is measured, and how much of it.
#[derive(Clone, Debug)]
pub struct EvaluationSettings {
    /// Held-out clips for autoencoder and loss.
    pub clips: usize,
    /// Held-out renders on which the classifier is tried; of the videos' size.
    pub renders: usize,
    /// What is asked of the model.
    pub prompts: Vec<LabelledPrompt>,
    /// How videos are made.
    pub videos: VideoSettings,
    /// Held-out films that are edited; 0 leaves that out.
    pub edits: usize,
    /// Held-out films whose camera and objects are told where to go; 0 leaves that out.
    pub guides: usize,
    /// Prompts of which a minute is made in windows, the first ones; 0 leaves that out.
    pub minutes: usize,
}

/// Measures a model: what survives its autoencoder, its loss, and whether its videos show what is asked for.
///
/// # Errors
/// [`EvaluationError`]; settings and prompts are checked before anything takes long.
pub fn evaluate(
    generator: &Generator,
    classifier: &Classifier,
    settings: &EvaluationSettings,
    monitor: &mut dyn Monitor,
) -> Result<Report, EvaluationError> {
    let EvaluationSettings { prompts, videos, .. } = settings;
    let requests = adherence::requests(generator, prompts, videos)?;
    let bundle = generator.bundle();

    let clips = reconstruction::held_out_clips(settings.clips, bundle.info.frame_rate, monitor)?;
    let autoencoder = reconstruction::measure(&bundle.autoencoder, &clips, monitor)?;
    let loss = denoising::loss_by_level(bundle, &clips, monitor)?;
    drop(clips);

    let request = &requests[0];
    let resolution = request.resolution();
    let renders = FilmSet {
        distribution: held_out_worlds(),
        settings: FilmSettings {
            resolution,
            frame_rate: films::frame_rate(bundle.info.frame_rate)?,
            num_frames: request.num_frames(),
        },
        count: settings.renders,
        first_seed: HELD_OUT_SEED,
    };
    let confusions = classifier.confusions(&renders, monitor)?;
    let outline = request.outline().map_or_else(String::new, |outline| format!(", outline {}", outline.strength));
    let setting = format!(
        "{} prompts × {} seeds at {}, {} frames, {} steps, guidance {}{outline}; autoencoder and loss on {} clips, \
         classifier tried on {} renders",
        prompts.len(),
        videos.seeds,
        request.resolution(),
        request.num_frames(),
        request.num_inference_steps(),
        request.guidance().guidance_scale(),
        settings.clips,
        settings.renders
    );
    let of_minutes = &prompts[..settings.minutes.min(prompts.len())];
    let prompts = adherence::measure(generator, classifier, (prompts, videos), monitor)?;
    let edits = match settings.edits {
        0 => None,
        count => Some(edits::measure(generator, classifier, (count, &videos.options, resolution), monitor)?),
    };
    let guides = match settings.guides {
        0 => None,
        count => Some(guides::measure(generator, (count, &videos.options, resolution), monitor)?),
    };
    let minutes = match of_minutes {
        [] => None,
        prompts => Some(minutes::measure(generator, classifier, (prompts, &videos.options), monitor)?),
    };
    let model = bundle.info.name.clone();
    Ok(Report { model, setting, autoencoder, loss, classifier: confusions, prompts, edits, guides, minutes })
}
