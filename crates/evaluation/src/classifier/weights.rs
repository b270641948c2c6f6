//! A trained classifier on disk, and the one that is built in.
//!
//! ```text
//! evaluator/
//!   classifier.json           its sizes
//!   classifier.safetensors    its weights
//! ```

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use models::{
    WeightInit,
    checkpoint::{self, Precision},
};
use serde::{Deserialize, Serialize};

use super::{Classifier, ClassifierConfig};
use crate::EvaluationError;

/// Format 1 looked through an autoencoder's encoder.
const FORMAT_VERSION: u64 = 2;
const MANIFEST: &str = "classifier.json";
const WEIGHTS: &str = "classifier.safetensors";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format_version: u64,
    config: ClassifierConfig,
}

/// What every version of the manifest has, read first so that another one is called by its number.
#[derive(Deserialize)]
struct Version {
    format_version: u64,
}

impl Classifier {
    /// Writes it into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`EvaluationError::File`] or [`EvaluationError::Model`] when a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), EvaluationError> {
        std::fs::create_dir_all(folder).map_err(file("create", folder))?;
        checkpoint::save(self, &folder.join(WEIGHTS), Precision::F16)?;
        let manifest = Manifest { format_version: FORMAT_VERSION, config: self.config().clone() };
        let path = folder.join(MANIFEST);
        let text = serde_json::to_string_pretty(&manifest).map_err(|error| wrong(&path, &error))?;
        std::fs::write(&path, text + "\n").map_err(file("write", &path))
    }

    /// Reads a folder that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`EvaluationError`] that names the file and what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, EvaluationError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(file("read", &path))
        };
        Self::from_bytes(&read(MANIFEST)?, &read(WEIGHTS)?, folder)
    }

    /// The classifier that is built in.
    ///
    /// # Errors
    /// [`EvaluationError`] when the program was built with files that are not a classifier.
    pub fn built_in() -> Result<Self, EvaluationError> {
        let [manifest, weights] = BUILT_IN;
        Self::from_bytes(manifest, weights, Path::new("(built in) models/evaluator"))
    }

    fn from_bytes(manifest: &[u8], weights: &[u8], folder: &Path) -> Result<Self, EvaluationError> {
        let path = folder.join(MANIFEST);
        let Version { format_version } = serde_json::from_slice(manifest).map_err(|error| wrong(&path, &error))?;
        if format_version != FORMAT_VERSION {
            return Err(wrong(&path, &format!("it has format {format_version}, but format {FORMAT_VERSION} is read")));
        }
        let Manifest { config, .. } = serde_json::from_slice(manifest).map_err(|error| wrong(&path, &error))?;
        config.validate().map_err(|reason| wrong(&path, &reason))?;
        let fresh = config.init(&mut WeightInit::blank(&Device::flex()));
        Ok(checkpoint::load_bytes(fresh, weights, &folder.join(WEIGHTS), "classifier")?)
    }
}

/// `classifier.json` and `classifier.safetensors` of `models/evaluator`.
const BUILT_IN: [&[u8]; 2] = [
    include_bytes!("../../../../models/evaluator/classifier.json"),
    include_bytes!("../../../../models/evaluator/classifier.safetensors"),
];

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EvaluationError + use<> {
    let path = PathBuf::from(path);
    move |source| EvaluationError::File { action, path, source }
}

fn wrong(path: &Path, reason: &impl ToString) -> EvaluationError {
    EvaluationError::Classifier { path: path.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny(seed: u64) -> Classifier {
        ClassifierConfig::tiny().init(&mut WeightInit::new(&Device::flex(), seed))
    }

    #[test]
    fn what_is_written_reads_back_and_what_is_damaged_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = || Classifier::load(folder.path()).unwrap_err().to_string();
        assert!(refused().contains(MANIFEST));
        tiny(3).save(folder.path()).unwrap();
        let read = Classifier::load(folder.path()).unwrap();
        assert_eq!(read.config(), &ClassifierConfig::tiny());

        let manifest = folder.path().join(MANIFEST);
        let text = std::fs::read_to_string(&manifest).unwrap();
        for (damaged, expected) in [
            (text.replace("\"format_version\": 2", "\"format_version\": 7"), "format 7"),
            ("{ \"format_version\": 1, \"encoder\": \"00\", \"config\": {} }".to_owned(), "format 1"),
            (text.replace("\"heads\": 2", "\"heads\": 0"), "0 heads"),
            (text.replace("\"heads\"", "\"arms\""), "arms"),
            (text[..40].to_owned(), MANIFEST),
        ] {
            std::fs::write(&manifest, damaged).unwrap();
            let error = refused();
            assert!(error.contains(expected), "{error}");
        }

        std::fs::write(&manifest, text.replace("\"depth\": 1", "\"depth\": 2")).unwrap();
        let error = refused();
        assert!(error.contains(WEIGHTS) && error.contains("missing"), "{error}");
        std::fs::write(&manifest, text).unwrap();
        let weights = folder.path().join(WEIGHTS);
        let whole = std::fs::read(&weights).unwrap();
        std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
        assert!(refused().contains(WEIGHTS));
    }

    #[test]
    fn the_one_that_is_built_in_loads() {
        assert_eq!(Classifier::built_in().unwrap().config(), &ClassifierConfig::standard());
    }
}
