//! Simulated films as pixels.

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use video::{FrameRate, Resolution};
use worlds::{Captions, Distribution, FilmSettings, Split, World, camera_path, render::Renderer};

use crate::{TrainingError, motion, recipe::FilmsRecipe, semantics};

/// A film with what is said of it.
#[derive(Clone, Debug)]
pub struct TrainingFilm {
    /// `[T, H, W, 3]`, 8-bit.
    pub pixels: Vec<u8>,
    /// Number of frames.
    pub num_frames: usize,
    /// Size of the pictures.
    pub resolution: Resolution,
    /// Captions in two languages and lengths.
    pub captions: Captions,
    /// Camera pose of every frame, relative to the first.
    pub camera: Vec<[f32; 6]>,
    /// The main object and what it does, which patches each object covers, and its path over the picture.
    pub labels: serde_json::Value,
    /// What the world was drawn from.
    pub seed: u64,
}

/// Where films of a set come from.
#[derive(Clone, Copy, Debug)]
pub struct FilmSource<'a> {
    /// The set.
    pub films: &'a FilmsRecipe,
    /// Frames per second.
    pub frame_rate: u32,
    /// Worlds for training, or those held out from it.
    pub split: Split,
}

/// Simulates and renders one film of a set.
///
/// # Errors
/// [`TrainingError::Recipe`] or [`TrainingError::Worlds`] when the set cannot be filmed.
pub fn film(source: FilmSource<'_>, seed: u64) -> Result<TrainingFilm, TrainingError> {
    let FilmSource { films, frame_rate, split } = source;
    let resolution = films.resolution()?;
    let rate = FrameRate::new(frame_rate, 1).map_err(worlds::WorldsError::from)?;
    let world = World::try_sample(&Distribution { split, ..films.distribution(frame_rate) }, seed)?;
    let settings = FilmSettings { resolution, frame_rate: rate, num_frames: films.num_frames };
    settings.check()?;
    let moments = world.moments(settings);
    let renderer = Renderer::new(world.stage());
    let (mut pixels, mut ids) = (Vec::new(), Vec::new());
    for moment in &moments {
        let picture = renderer.draw(moment, resolution);
        pixels.extend(picture.frame.into_rgb());
        ids.push(picture.ids);
    }
    let mut labels = serde_json::to_value(world.labels()).unwrap_or_default();
    let sides = (resolution.width() as usize, resolution.height() as usize);
    semantics::add_coverage(&mut labels, &ids, sides, &world.stage().props);
    motion::add_paths(&mut labels, world.paths(settings));
    Ok(TrainingFilm {
        pixels,
        num_frames: films.num_frames,
        resolution,
        captions: world.captions(),
        camera: camera_path(&moments),
        labels,
        seed,
    })
}

/// Films of one size as a batch.
///
/// # Shapes  → `[B, 3, T, H, W]`
/// # Units   −1 to 1
/// # Panics  when the films differ in size
pub fn pixels_from_films(films: &[&TrainingFilm], device: &Device) -> Tensor<5> {
    let (frames, size) = (films[0].num_frames, films[0].resolution);
    let plane = size.pixel_count();
    let mut values = vec![0.0; films.len() * 3 * frames * plane];
    for (film, out) in films.iter().zip(values.chunks_exact_mut(3 * frames * plane)) {
        assert_eq!((film.num_frames, film.resolution), (frames, size), "films of one batch have one size");
        for (index, rgb) in film.pixels.chunks_exact(3).enumerate() {
            for channel in 0..3 {
                out[channel * frames * plane + index] = f32::from(rgb[channel]) / 127.5 - 1.0;
            }
        }
    }
    let shape = [films.len(), 3, frames, size.height() as usize, size.width() as usize];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Which films of a set are in a batch: `count` distinct ones, if there are so many.
pub fn draw(rng: &mut impl Rng, count: usize, available: usize) -> Vec<usize> {
    rand::seq::index::sample(rng, available, count.min(available)).into_vec()
}
