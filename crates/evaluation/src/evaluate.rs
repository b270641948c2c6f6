//! Everything about one model.

use generation::Generator;
use video::Resolution;
use worlds::FilmSettings;

use crate::{
    EvaluationError, LabelledPrompt, Monitor, Report, VideoSettings, adherence,
    classifier::{Reader, TrainedClassifier, held_out_worlds, training},
    denoising,
    films::{self, FilmSet, HELD_OUT_SEED},
    reconstruction,
};

/// Films that a classifier learns from when none fits.
pub const CLASSIFIER_FILMS: usize = 4000;

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
}

/// Measures a model: what survives its autoencoder, its loss, and whether its videos show what is asked for.
///
/// # Errors
/// [`EvaluationError`]; settings and prompts are checked before anything takes long.
pub fn evaluate(
    generator: &Generator,
    classifier: &TrainedClassifier,
    settings: &EvaluationSettings,
    monitor: &mut dyn Monitor,
) -> Result<Report, EvaluationError> {
    let EvaluationSettings { prompts, videos, .. } = settings;
    let requests = adherence::requests(generator, prompts, videos)?;
    let bundle = generator.bundle();
    let reader = Reader { classifier: &classifier.classifier, autoencoder: &bundle.autoencoder };

    let clips = reconstruction::held_out_clips(settings.clips, bundle.info.frame_rate, monitor)?;
    let autoencoder = reconstruction::measure(&bundle.autoencoder, &clips, monitor)?;
    let loss = denoising::loss_by_level(bundle, &clips, monitor)?;
    drop(clips);

    let [width, height] = videos.size;
    let renders = FilmSet {
        distribution: held_out_worlds(),
        settings: FilmSettings {
            resolution: Resolution::new(width, height)?,
            frame_rate: films::frame_rate(bundle.info.frame_rate)?,
            num_frames: videos.num_frames,
        },
        count: settings.renders,
        first_seed: HELD_OUT_SEED,
    };
    let confusions = reader.confusions(&renders, monitor)?;
    let setting = format!(
        "{} prompts × {} seeds at {width}x{height}, {} frames, {} steps; autoencoder and loss on {} clips, \
         classifier tried on {} renders",
        prompts.len(),
        videos.seeds,
        videos.num_frames,
        requests[0].num_inference_steps(),
        settings.clips,
        settings.renders
    );
    Ok(Report {
        model: bundle.info.name.clone(),
        setting,
        autoencoder,
        loss,
        classifier: confusions,
        prompts: adherence::measure(generator, reader, (prompts, videos), monitor)?,
    })
}

/// The classifier that fits a model's autoencoder: `given`, else the one that is built in, else one that learns now.
///
/// # Errors
/// [`EvaluationError`] when the one that is built in is damaged, or learning is stopped or fails.
pub fn classifier_for(
    generator: &Generator,
    given: Option<TrainedClassifier>,
    monitor: &mut dyn Monitor,
) -> Result<TrainedClassifier, EvaluationError> {
    let autoencoder = &generator.bundle().autoencoder;
    let reason = match given.map_or_else(TrainedClassifier::built_in, |given| Ok(Some(given)))? {
        Some(classifier) if classifier.fits(autoencoder) => return Ok(classifier),
        Some(_) => "the classifier was trained for another autoencoder",
        None => "no trained classifier is built in",
    };
    monitor.note(&format!("{reason}; training one first, which takes some minutes"));
    train_classifier(generator, monitor)
}

/// Trains a classifier for a model's autoencoder.
///
/// # Errors
/// [`EvaluationError::Interrupted`], and what may go wrong with rendering and encoding.
pub fn train_classifier(
    generator: &Generator,
    monitor: &mut dyn Monitor,
) -> Result<TrainedClassifier, EvaluationError> {
    let recipe = training::ClassifierRecipe::standard(CLASSIFIER_FILMS)?;
    training::train(&generator.bundle().autoencoder, &recipe, monitor)
}
