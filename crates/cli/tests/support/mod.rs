//! What the tests of the program share: a tiny random model on disk, and runs of the program.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use models::{
    AutoencoderConfig, Bundle, BundleInfo, TextEncoderConfig, Tokenizer, TransformerConfig, WeightInit,
    checkpoint::Precision,
};
use tempfile::TempDir;

/// A folder for one test, with a tiny random model in `model`.
pub struct Place {
    folder: TempDir,
}

/// What a run of the program gave.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        tiny_model().save(&folder.path().join("model"), Precision::F32).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `misora ARGUMENTS` inside the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_misora"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        // Tests fetch nothing, and see no models of whoever runs them.
        command.env("HF_HUB_CACHE", self.path("hub")).env("HF_HUB_OFFLINE", "1");
        // Nor the key with which somebody signs.
        command.env("MISORA_DATA_DIR", self.path("identity"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// `misora generate PROMPT` with the tiny model, small and fast, and more arguments.
    pub fn generate(&self, prompt: &str, arguments: &[&str]) -> Ran {
        self.run(&Self::generate_arguments(prompt, arguments))
    }

    pub fn generate_arguments<'a>(prompt: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["generate", prompt, "--model", "model", "--steps", "2"];
        all.extend(arguments);
        if !arguments.contains(&"--size") {
            all.extend(["--size", "48x32"]);
        }
        all
    }

    /// Names of everything in the folder but the model and the signing key, sorted.
    pub fn files(&self) -> Vec<String> {
        names_in(self.folder.path()).into_iter().filter(|name| name != "model" && name != "identity").collect()
    }

    /// The pictures of a video: its signature is never the same twice.
    pub fn clip(&self, name: &str) -> video::Clip {
        video::read_clip(&self.path(name), &video::ReadLimits::default()).unwrap()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

impl Ran {
    /// It worked, and said nothing where nobody looks.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        String::from_utf8(self.stdout).unwrap()
    }

    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.fine()).unwrap()
    }

    /// It was refused in one clear line that holds `expected`.
    #[track_caller]
    pub fn refused(self, expected: &str) {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        assert!(self.stderr.contains(expected), "expected \"{expected}\" in: {}", self.stderr);
        assert!(self.stderr.starts_with("misora: ") && self.stderr.lines().count() == 1, "{}", self.stderr);
        assert!(self.stderr.len() < 700, "{}", self.stderr);
        assert!(self.stdout.is_empty());
    }

    /// The options themselves were wrong.
    #[track_caller]
    pub fn wrong_usage(self, expected: &str) {
        assert_eq!(self.code, Some(2), "{}", self.stderr);
        assert!(self.stderr.contains(expected), "expected \"{expected}\" in: {}", self.stderr);
    }
}

pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Random weights; what it makes is noise.
fn tiny_model() -> Bundle {
    let device = generation::DeviceKind::Cpu.open().unwrap();
    let captions = ["a red ball rolls across the grass", "a blue cube falls", "一个红色的球滚过草地"];
    let tokenizer = Tokenizer::train(captions.iter().cycle().take(30).copied(), 300).unwrap();
    let autoencoder = AutoencoderConfig::tiny();
    let info = BundleInfo {
        format_version: models::bundle::FORMAT_VERSION,
        name: "tiny".into(),
        licence: "Apache-2.0".into(),
        trained_on: "nothing: random weights".into(),
        frame_rate: 16,
        text_encoder: TextEncoderConfig::tiny(tokenizer.vocabulary_size()),
        transformer: TransformerConfig::tiny(autoencoder.latent_channels, 16),
        autoencoder,
    };
    let mut weights = WeightInit::new(&device, 5);
    Bundle {
        autoencoder: info.autoencoder.init(&mut weights),
        text_encoder: info.text_encoder.init(&mut weights),
        transformer: info.transformer.init(&mut weights),
        tokenizer,
        info,
    }
}
