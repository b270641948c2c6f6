//! A recipe from its first stage to its last, resumed where it stopped.
//!
//! ```text
//! RUN/
//!   lock               held while a run is on its way
//!   tokenizer.json
//!   autoencoder/       checkpoint, log.jsonl, curves.svg
//!   STAGE/             checkpoint, log.jsonl, curves.svg, latents/, validation/
//!   model/             the model folder, written at every validation
//! ```

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use burn::{module::Module, tensor::Device};
use models::layers::LinearConfig;
use models::{
    Autoencoder, AutoencoderConfig, Bundle, BundleInfo, Tokenizer, WeightInit,
    bundle::FORMAT_VERSION,
    checkpoint::{self, Precision},
};
use worlds::{Split, World};

use crate::{
    Monitor, Recipe, TrainingError, autoencoder,
    denoising::{self, DenoisingModel, StageData},
    latents::{self, CacheRequest},
    recipe::{FilmsRecipe, StageRecipe},
    semantics::SEMANTIC_FEATURES,
    stage::averaged,
};

/// The file that a run holds while it is on its way.
const LOCK: &str = "lock";
/// Held-out films of each set for validation.
const VALIDATION_FILMS: u64 = 6;

/// A recipe and where its run lives.
#[derive(Clone, Debug)]
pub struct Run {
    /// What to train.
    pub recipe: Recipe,
    /// The run's folder; what is there already is gone on with.
    pub folder: PathBuf,
    /// What computes.
    pub device: Device,
}

/// Carries out a recipe, or goes on with it, and gives back the finished model's folder.
///
/// # Errors
/// [`TrainingError`]; after [`TrainingError::Interrupted`] the same call goes on.
pub fn run(run: &Run, monitor: &mut dyn Monitor) -> Result<PathBuf, TrainingError> {
    let Run { recipe, folder, device } = run;
    std::fs::create_dir_all(folder).map_err(TrainingError::file("create", folder))?;
    let _lock = lock(folder)?;
    let from = recipe.from.as_ref().map(|path| Bundle::load(path, device)).transpose()?;
    let tokenizer = match &from {
        Some(from) => from.tokenizer.clone(),
        None => tokenizer(recipe, folder, monitor)?,
    };
    let autoencoder = autoencoder(run, from.as_ref(), monitor)?;

    let mut weights = WeightInit::new(device, recipe.seed ^ 1);
    let text_config = recipe.preset.text_encoder(tokenizer.vocabulary_size());
    let transformer_config = recipe.preset.transformer(autoencoder.config().latent_channels, text_config.width);
    let mut bundle = Bundle {
        info: BundleInfo {
            format_version: FORMAT_VERSION,
            name: recipe.name.clone(),
            licence: recipe.licence.clone(),
            trained_on: recipe.trained_on.clone(),
            frame_rate: recipe.frame_rate,
            autoencoder: autoencoder.config().clone(),
            text_encoder: text_config.clone(),
            transformer: transformer_config.clone(),
        },
        autoencoder,
        tokenizer,
        text_encoder: text_config.init(&mut weights),
        transformer: transformer_config.init(&mut weights),
    };
    if let Some(from) = &from {
        let (text_encoder, unfit) = checkpoint::put_fitting(bundle.text_encoder, &from.text_encoder)?;
        bundle.text_encoder = text_encoder;
        let (transformer, more) = checkpoint::put_fitting(bundle.transformer, &from.transformer)?;
        bundle.transformer = transformer;
        let unfit = [unfit, more].concat();
        let fresh = if unfit.is_empty() { "none".into() } else { unfit.join(", ") };
        monitor.note(&format!("beginning from {}; weights that begin anew: {fresh}", from.info.name));
    }
    let mut semantic_head = LinearConfig::new(transformer_config.width, SEMANTIC_FEATURES).init(&mut weights);
    let target = folder.join("model");
    if recipe.stages.is_empty() {
        bundle.save(&target, Precision::F16)?;
    }
    let mut first_seed = recipe.first_film();
    // Films are encoded where they are rendered.
    let encoder = bundle.autoencoder.clone().to_device(&Device::flex());
    for stage in &recipe.stages {
        let stage_folder = folder.join(&stage.name);
        let request =
            CacheRequest { sets: &stage.films, frame_rate: recipe.frame_rate, split: Split::Training, first_seed };
        let training = latents::cache(&encoder, request, &stage_folder.join("latents"), monitor)?;
        let request = CacheRequest { sets: &validation_sets(stage), split: Split::HeldOut, ..request };
        let validation = latents::cache(&encoder, request, &stage_folder.join("validation"), monitor)?;
        first_seed += stage.films.iter().map(|films| films.count).sum::<u64>();

        let initial = DenoisingModel {
            text_encoder: bundle.text_encoder.clone(),
            transformer: bundle.transformer.clone(),
            semantic_head: semantic_head.clone(),
        };
        let data = StageData {
            training: &training,
            validation: &validation,
            tokenizer: &bundle.tokenizer,
            bundle: &bundle,
            target: &target,
        };
        let optimizer = denoising::train((stage, recipe.seed), &data, initial.clone().train(), &stage_folder, monitor)?;
        let averaged = averaged(&initial, &optimizer)?;
        (bundle.text_encoder, bundle.transformer) = (averaged.text_encoder, averaged.transformer);
        semantic_head = averaged.semantic_head;
        bundle.save(&target, Precision::F16)?;
        monitor.note(&format!("stage {} is done: {}", stage.name, target.display()));
    }
    Ok(target)
}

/// Keeps other runs out of a folder: two would write over each other's checkpoints. Let go of when it is dropped, or when
/// the program ends in whatever way.
fn lock(folder: &Path) -> Result<File, TrainingError> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(TrainingError::file("write", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrainingError::Busy { folder: folder.into() }),
        Err(TryLockError::Error(source)) => Err(TrainingError::file("lock", &path)(source)),
    }
}

/// The autoencoder with the statistics of its latents: trained, or taken over.
fn autoencoder(run: &Run, from: Option<&Bundle>, monitor: &mut dyn Monitor) -> Result<Autoencoder, TrainingError> {
    let recipe = &run.recipe;
    let given =
        from.map(|from| &from.autoencoder).filter(|given| given.config().same_sizes(&recipe.preset.autoencoder()));
    match given {
        Some(given) if recipe.autoencoder.steps == 0 => Ok(given.clone()),
        given => {
            let trained = autoencoder::train(run, given.cloned(), monitor)?;
            match given {
                // The encoder stays as it was given, and with it what its latents are.
                Some(given) if recipe.autoencoder.encoder_steps == Some(0) => {
                    let AutoencoderConfig { latent_mean, latent_std, .. } = given.config().clone();
                    Ok(trained.with_latent_statistics(latent_mean, latent_std))
                }
                _ => {
                    monitor.note("measuring the latents");
                    latents::with_statistics(trained, recipe)
                }
            }
        }
    }
}

/// The run's tokenizer, trained on the captions of as many worlds as the recipe says.
fn tokenizer(recipe: &Recipe, folder: &Path, monitor: &mut dyn Monitor) -> Result<Tokenizer, TrainingError> {
    let path = folder.join("tokenizer.json");
    if path.exists() {
        return Ok(Tokenizer::load(&path)?);
    }
    monitor.note("training the tokenizer");
    let distribution = worlds::Distribution::full();
    let captions: Vec<String> = (0..recipe.tokenizer.worlds)
        .flat_map(|seed| {
            let captions = World::sample(&distribution, seed).captions();
            [captions.short_en, captions.detailed_en, captions.short_zh, captions.detailed_zh]
        })
        .collect();
    let vocabulary_size = recipe.tokenizer.vocabulary_size;
    let tokenizer = Tokenizer::train(captions.iter().map(String::as_str), vocabulary_size)?;
    std::fs::write(&path, tokenizer.to_json()?).map_err(TrainingError::file("write", &path))?;
    Ok(tokenizer)
}

/// A few films of each set.
fn validation_sets(stage: &StageRecipe) -> Vec<FilmsRecipe> {
    stage.films.iter().map(|films| FilmsRecipe { count: VALIDATION_FILMS, ..films.clone() }).collect()
}
