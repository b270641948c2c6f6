//! Contact sheets of what the model makes while it learns: a loss can fall while the video is grey.

use std::path::Path;

use generation::{GenerationOptions, Generator, Length, Silent};
use models::Bundle;
use serde::{Deserialize, Serialize};

use crate::TrainingError;

/// What is made at every validation of a stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesRecipe {
    /// One row of the sheet each.
    pub prompts: Vec<String>,
    /// Size of the videos, `WxH`.
    pub size: String,
    /// Frames of each video, 4k + 1.
    pub num_frames: usize,
    /// Steps from noise to video.
    pub num_inference_steps: usize,
    /// How strongly the prompts are followed.
    pub guidance_scale: f32,
}

/// Columns of a sheet.
const COLUMNS: usize = 9;

/// Makes one video for each prompt and writes them as `samples/step-000001200.png`.
///
/// # Errors
/// [`TrainingError`] when a video cannot be made or the sheet not written.
pub fn draw(recipe: &SamplesRecipe, bundle: Bundle, folder: &Path, step: u64) -> Result<(), TrainingError> {
    let generator = Generator::new(bundle);
    let size: video::Resolution = recipe.size.parse().map_err(TrainingError::Recipe)?;
    let mut clips = Vec::new();
    for (seed, prompt) in recipe.prompts.iter().enumerate() {
        let request = generator.request(GenerationOptions {
            size: Some([size.width(), size.height()]),
            length: Some(Length::Frames(recipe.num_frames)),
            num_inference_steps: Some(recipe.num_inference_steps),
            guidance_scale: Some(recipe.guidance_scale),
            ..GenerationOptions::new(prompt)
        })?;
        clips.push(generator.clip(&request, seed as u64, &mut Silent)?);
    }
    let sheet = video::contact_sheet(&clips.iter().collect::<Vec<_>>(), COLUMNS)?;
    let folder = folder.join("samples");
    std::fs::create_dir_all(&folder).map_err(TrainingError::file("create", &folder))?;
    let path = folder.join(format!("step-{step:09}.png"));
    std::fs::write(&path, video::encode_png(&sheet)?).map_err(TrainingError::file("write", &path))
}
