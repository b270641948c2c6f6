//! The folder of an unfinished video: what it was asked for, and the latents of its finished windows.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use models::{
    ModelError,
    checkpoint::{self, NamedTensors, Precision},
};

use super::{LongVideo, WindowLatents};
use crate::{GenerationError, VideoGenerator};

const SETTINGS: &str = "settings.json";
const LATENTS: &str = "latents";
const OUTLINE: &str = "outline";
/// More bytes than any settings.
const MOST_SETTINGS_BYTES: u64 = 1 << 24;

/// What an unfinished video was asked for: names and values for people to read.
pub type Settings = BTreeMap<String, String>;

/// The folder of an unfinished video.
#[derive(Clone, Debug)]
pub struct Partial {
    folder: PathBuf,
}

/// The shapes that the latents of a window have.
#[derive(Clone, Debug)]
pub(super) struct PartShapes<'a> {
    pub(super) latents: [usize; 5],
    pub(super) outline: Option<[usize; 5]>,
    pub(super) device: &'a Device,
}

impl Partial {
    /// Opens the folder to go on with what is there, or makes it.
    ///
    /// # Errors
    /// [`GenerationError::Partial`] when it was begun with other settings, which are named, when it is something else,
    /// or when the disk refuses.
    pub fn open(folder: &Path, settings: &Settings) -> Result<Self, GenerationError> {
        let partial = Self { folder: folder.into() };
        match partial.settings()? {
            Some(found) => partial.compare(&found, settings)?,
            None => partial.begin(settings)?,
        }
        Ok(partial)
    }

    /// How many windows are finished.
    pub fn num_windows(&self) -> usize {
        (0..).take_while(|index| self.file(*index).is_file()).count()
    }

    /// Takes the folder away; whatever else somebody put there is left.
    ///
    /// # Errors
    /// [`GenerationError::Partial`] when the disk refuses.
    pub fn remove(self) -> Result<(), GenerationError> {
        let windows = (0..self.num_windows()).map(|index| self.file(index));
        for file in windows.chain(self.leftovers()).chain([self.folder.join(SETTINGS)]) {
            fs::remove_file(&file).map_err(|error| self.failed("cannot be removed", &error))?;
        }
        // It stays where something of somebody else's lies in it.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }

    /// Files that were half written when a run was killed.
    fn leftovers(&self) -> Vec<PathBuf> {
        let names = self.folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
        let is_one = |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(b".tmp");
        names.filter(is_one).map(|name| self.folder.join(name)).collect()
    }

    /// The latents of a finished window, or nothing.
    pub(super) fn window(
        &self,
        index: usize,
        shapes: &PartShapes<'_>,
    ) -> Result<Option<WindowLatents>, GenerationError> {
        let file = self.file(index);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ModelError::File { action: "read", path: file, source }.into()),
        };
        let mut tensors = checkpoint::read_tensors(&bytes, &file)?;
        let mut take = |name: &str, shape: [usize; 5]| {
            let data: TensorData = tensors.remove(name)?;
            let is_right = data.shape().to_vec() == shape && data.iter::<f32>().all(f32::is_finite);
            is_right.then(|| Tensor::from_data(data, shapes.device))
        };
        let outline = shapes.outline.map(|shape| take(OUTLINE, shape));
        match (take(LATENTS, shapes.latents), outline) {
            (Some(latents), None) => Ok(Some(WindowLatents { latents, outline: None })),
            (Some(latents), Some(Some(outline))) => Ok(Some(WindowLatents { latents, outline: Some(outline) })),
            _ => {
                let reason = "it does not hold the latents of this window; remove it, and the window is made anew";
                Err(ModelError::Damaged { path: file, reason: reason.into() }.into())
            }
        }
    }

    /// Keeps the latents of a finished window: all of them or nothing.
    pub(super) fn keep(&self, index: usize, window: &WindowLatents) -> Result<(), GenerationError> {
        let named = |name: &str, tensor: &Tensor<5>| (name.to_owned(), tensor.to_data().convert::<f32>());
        let mut tensors = NamedTensors::from([named(LATENTS, &window.latents)]);
        tensors.extend(window.outline.iter().map(|outline| named(OUTLINE, outline)));
        Ok(checkpoint::save_tensors(&tensors, &self.file(index), Precision::F32)?)
    }

    fn file(&self, index: usize) -> PathBuf {
        self.folder.join(format!("window-{:05}.safetensors", index + 1))
    }

    /// The settings that it was begun with, if it was.
    fn settings(&self) -> Result<Option<Settings>, GenerationError> {
        let path = self.folder.join(SETTINGS);
        let bytes = match fs::metadata(&path) {
            Ok(found) if found.len() > MOST_SETTINGS_BYTES => return Err(self.wrong("is none of an unfinished video")),
            Ok(_) => fs::read(&path).map_err(|error| self.failed("cannot be read", &error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("cannot be read", &error)),
        };
        let advice = "holds damaged settings; remove the folder to begin anew";
        serde_json::from_slice(&bytes).map(Some).map_err(|_| self.wrong(advice))
    }

    fn compare(&self, found: &Settings, wanted: &Settings) -> Result<(), GenerationError> {
        let mut names = found.keys().chain(wanted.keys());
        let Some(name) = names.find(|name| found.get(*name) != wanted.get(*name)) else { return Ok(()) };
        let value = |settings: &Settings| settings.get(name).map_or_else(|| "nothing".into(), |value| shortened(value));
        Err(self.wrong(&format!(
            "holds an unfinished video with another {name}: {} there, {} now; ask for the same to go on with it, or remove \
             the folder to begin anew",
            value(found),
            value(wanted)
        )))
    }

    fn begin(&self, settings: &Settings) -> Result<(), GenerationError> {
        if self.folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(self.wrong("is in the way of an unfinished video; move it, or name another output"));
        }
        let failed = |error: io::Error| self.failed("cannot be written", &error);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let unfinished = self.folder.join(format!("{SETTINGS}.part"));
        let bytes = serde_json::to_vec_pretty(settings).map_err(io::Error::from).map_err(failed)?;
        let mut file = fs::File::create(&unfinished).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&unfinished, self.folder.join(SETTINGS)).map_err(failed)
    }

    fn wrong(&self, problem: &str) -> GenerationError {
        GenerationError::Partial { path: self.folder.clone(), problem: problem.into() }
    }

    fn failed(&self, what: &str, error: &io::Error) -> GenerationError {
        self.wrong(&format!("{what}: {error}"))
    }
}

impl LongVideo {
    /// All that decides what the video is, apart from the weights.
    pub fn settings(&self, generator: &dyn VideoGenerator, seed: u64) -> Settings {
        let request = self.window();
        let named = |name: &str, value: String| (name.to_owned(), value);
        let json = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
        let picture = |image: &video::Frame| format!("{} {}", image.resolution(), blake3::hash(image.rgb()).to_hex());
        Settings::from([
            named("model", generator.name()),
            named("prompt", request.prompt().into()),
            named("negative prompt", request.negative_prompt().into()),
            named("size", request.resolution().to_string()),
            named("number of frames", self.num_frames().to_string()),
            named("frame rate", request.frame_rate().to_string()),
            named("number of steps", request.num_inference_steps().to_string()),
            named("sampler", json(serde_json::to_string(&request.sampler()))),
            named("guidance", json(serde_json::to_string(&request.guidance()))),
            named("outline", request.outline().map_or("none".into(), |outline| outline.strength.value().to_string())),
            named("image", request.image().map_or("none".into(), picture)),
            named("camera", request.camera().map_or("none".into(), |camera| format!("{:?}", camera))),
            named("motions", format!("{:?}", request.motions())),
            named("seed", seed.to_string()),
            named("window", format!("{} frames", request.num_frames())),
            named("anti-drift", self.anti_drift().value().to_string()),
        ])
    }

    /// The shapes of what a window with so many new latent frames leaves.
    pub(super) fn part_shapes<'a>(&self, generator: &'a dyn VideoGenerator, new: usize) -> PartShapes<'a> {
        let ([_, h, w], channels) = (self.window().latent_sides(), generator.latent_channels());
        let outline = self.window().outline().map(|_| [1, channels, new, h / 2, w / 2]);
        PartShapes { latents: [1, channels, new, h, w], outline, device: generator.device() }
    }
}

/// The first words of a value.
fn shortened(value: &str) -> String {
    const MOST_CHARS: usize = 60;
    let mut short: String = value.chars().take(MOST_CHARS).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("\"{short}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(prompt: &str) -> Settings {
        Settings::from([("prompt".into(), prompt.into()), ("seed".into(), "7".into())])
    }

    fn row(values: &[f32]) -> WindowLatents {
        let data = TensorData::new(values.to_vec(), [1, 1, values.len(), 1, 1]);
        WindowLatents { latents: Tensor::from_data(data, &Device::flex()), outline: None }
    }

    #[test]
    fn windows_come_back_bit_for_bit_and_the_folder_goes() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a.mp4.partial");
        let partial = Partial::open(&folder, &settings("a ball")).unwrap();
        let shapes = PartShapes { latents: [1, 1, 2, 1, 1], outline: None, device: &Device::flex() };
        assert!(partial.window(0, &shapes).unwrap().is_none());
        partial.keep(0, &row(&[0.1, -3.5e-8])).unwrap();
        let again = Partial::open(&folder, &settings("a ball")).unwrap();
        assert_eq!(again.num_windows(), 1);
        let kept = again.window(0, &shapes).unwrap().unwrap().latents.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(kept, [0.1, -3.5e-8]);
        again.remove().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn other_settings_and_other_folders_are_named() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a.mp4.partial");
        Partial::open(&folder, &settings("a red ball")).unwrap();
        let message = Partial::open(&folder, &settings("a cube")).unwrap_err().to_string();
        assert!(message.contains("another prompt: \"a red ball\" there, \"a cube\" now"), "{message}");
        let more =
            Settings::from([("lora".into(), "style".into())]).into_iter().chain(settings("a red ball")).collect();
        let message = Partial::open(&folder, &more).unwrap_err().to_string();
        assert!(message.contains("another lora: nothing there, \"style\" now"), "{message}");
        fs::write(folder.join(SETTINGS), "{").unwrap();
        assert!(Partial::open(&folder, &settings("a cube")).unwrap_err().to_string().contains("damaged settings"));
        let message = Partial::open(place.path(), &settings("a cube")).unwrap_err().to_string();
        assert!(message.contains("is in the way"), "{message}");
    }

    #[test]
    fn a_window_that_is_cut_short_or_of_another_shape_is_damaged() {
        let place = tempfile::tempdir().unwrap();
        let partial = Partial::open(&place.path().join("p"), &settings("a ball")).unwrap();
        let shapes = PartShapes { latents: [1, 1, 2, 1, 1], outline: None, device: &Device::flex() };
        let says = |expected: &str| {
            let message = partial.window(0, &shapes).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("window-00001"), "{message}");
        };
        for values in [&[1.0, 2.0, 3.0][..], &[1.0, f32::NAN]] {
            partial.keep(0, &row(values)).unwrap();
            says("remove it, and the window is made anew");
        }
        fs::write(partial.file(0), [0; 20]).unwrap();
        says("damaged");
    }
}
