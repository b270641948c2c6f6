//! Tiny Wan models, and what others make of them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor};
use generation::{
    GenerationOptions, GenerationRequest, Length, Silent, VideoGenerator, WanGenerator, WanInput, WanPrompts,
};
use tempfile::TempDir;
use video::Frame;
use wan::tensor_file::TensorFile;

pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wan/tests/goldens")
}

/// Small and short.
pub fn options() -> GenerationOptions {
    GenerationOptions {
        size: Some([32, 32]),
        length: Some(Length::Frames(5)),
        num_inference_steps: Some(4),
        ..GenerationOptions::new("a red ball")
    }
}

pub fn values(tensor: Tensor<5>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The norm of the difference over that of the reference.
pub fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = norm(&mut ours.iter().zip(theirs).map(|(ours, theirs)| f64::from(ours - theirs)));
    difference / norm(&mut theirs.iter().map(|value| f64::from(*value)))
}

/// What the goldens of a model say of its pipeline.
pub struct Golden {
    pub file: TensorFile,
    prefix: &'static str,
}

impl Golden {
    pub fn open(name: &str, prefix: &'static str) -> Self {
        let file = goldens().join(name).with_extension("safetensors");
        Self { file: TensorFile::open(&file).unwrap(), prefix }
    }

    pub fn get<const D: usize>(&self, name: &str) -> Tensor<D> {
        self.file.floats(&format!("{}{name}", self.prefix), &Device::flex()).unwrap()
    }

    pub fn input(&self, seed: u64) -> WanInput {
        let prompt = self.get("prompt_embeds");
        let negative = "negative_prompt_embeds";
        let negative =
            if self.file.has(&format!("{}{negative}", self.prefix)) { self.get(negative) } else { prompt.clone() };
        WanInput { noise: self.get("noise"), seed, prompts: WanPrompts { prompt, negative }, image: None }
    }

    /// Asserts that the norm of the difference is less than a thousandth of that of the reference.
    #[track_caller]
    pub fn compare(&self, name: &str, ours: Tensor<5>) {
        let error = relative_error(&values(ours), &values(self.get(name)));
        println!("{}{name}: {error:.1e}", self.prefix);
        assert!(error <= 1e-3, "{error:e}");
    }
}

/// A copy of a golden model, completed by the parts of the first that it lacks.
pub struct Folder(TempDir);

impl Folder {
    pub fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&goldens().join("model"), folder.path());
        copy(&goldens().join(name), folder.path());
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The same with another golden folder as one of its parts.
    pub fn and(self, name: &str, part: &str) -> Self {
        copy(&goldens().join(name), &self.path().join(part));
        self
    }

    /// The same with another text in one of its files.
    #[track_caller]
    pub fn with(self, file: &str, [from, to]: [&str; 2]) -> Self {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    /// All frames of a request.
    pub fn frames(&self, generator: &WanGenerator, request: &GenerationRequest) -> Vec<Frame> {
        let mut frames = Vec::new();
        let latents = generator.sample_latents(request, 0, &mut Silent).unwrap();
        let mut sink = |frame| {
            frames.push(frame);
            Ok(())
        };
        generator.decode(latents, &mut sink, &mut Silent).unwrap();
        frames
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
