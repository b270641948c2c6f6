//! A trained classifier on disk, and the one that is built in.
//!
//! ```text
//! evaluator/
//!   classifier.json           its sizes, and the encoder that it looks through
//!   classifier.safetensors    its weights
//! ```

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use models::{
    Autoencoder, WeightInit,
    checkpoint::{self, Precision},
};
use serde::{Deserialize, Serialize};

use super::{Classifier, ClassifierConfig, fingerprint};
use crate::EvaluationError;

const FORMAT_VERSION: u64 = 1;
const MANIFEST: &str = "classifier.json";
const WEIGHTS: &str = "classifier.safetensors";

/// A classifier and the encoder that it belongs to.
#[derive(Clone, Debug)]
pub struct TrainedClassifier {
    /// The network.
    pub classifier: Classifier,
    /// Fingerprint of the encoder.
    pub encoder: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format_version: u64,
    encoder: String,
    config: ClassifierConfig,
}

impl TrainedClassifier {
    /// Whether it has learned with the eyes of this autoencoder.
    pub fn fits(&self, autoencoder: &Autoencoder) -> bool {
        self.encoder == fingerprint(autoencoder)
    }

    /// Writes it into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`EvaluationError::File`] or [`EvaluationError::Model`] when a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), EvaluationError> {
        std::fs::create_dir_all(folder).map_err(file("create", folder))?;
        checkpoint::save(&self.classifier, &folder.join(WEIGHTS), Precision::F16)?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            encoder: self.encoder.clone(),
            config: self.classifier.config().clone(),
        };
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

    /// The classifier that is built in, if there is one.
    ///
    /// # Errors
    /// [`EvaluationError`] when the program was built with files that are not a classifier.
    pub fn built_in() -> Result<Option<Self>, EvaluationError> {
        BUILT_IN
            .map(|[manifest, weights]| Self::from_bytes(manifest, weights, Path::new("(built in) models/evaluator")))
            .transpose()
    }

    fn from_bytes(manifest: &[u8], weights: &[u8], folder: &Path) -> Result<Self, EvaluationError> {
        let path = folder.join(MANIFEST);
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| wrong(&path, &error))?;
        if manifest.format_version != FORMAT_VERSION {
            let found = manifest.format_version;
            return Err(wrong(&path, &format!("it has format {found}, but format {FORMAT_VERSION} is read")));
        }
        manifest.config.validate().map_err(|reason| wrong(&path, &reason))?;
        let fresh = manifest.config.init(&mut WeightInit::new(&Device::flex(), 0));
        let classifier = checkpoint::load_bytes(fresh, weights, &folder.join(WEIGHTS), "classifier")?;
        Ok(Self { classifier, encoder: manifest.encoder })
    }
}

/// `classifier.json` and `classifier.safetensors` of `models/evaluator`; the build looks whether they are there.
#[cfg(evaluator_is_there)]
const BUILT_IN: Option<[&[u8]; 2]> = Some([
    include_bytes!("../../../../models/evaluator/classifier.json"),
    include_bytes!("../../../../models/evaluator/classifier.safetensors"),
]);
#[cfg(not(evaluator_is_there))]
const BUILT_IN: Option<[&[u8]; 2]> = None;

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EvaluationError + use<> {
    let path = PathBuf::from(path);
    move |source| EvaluationError::File { action, path, source }
}

fn wrong(path: &Path, reason: &impl ToString) -> EvaluationError {
    EvaluationError::Classifier { path: path.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use models::AutoencoderConfig;

    use super::*;

    #[test]
    fn what_is_written_reads_back_and_what_is_damaged_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::flex();
        let autoencoder = AutoencoderConfig::tiny().init(&mut WeightInit::new(&device, 1));
        let other = AutoencoderConfig::tiny().init(&mut WeightInit::new(&device, 2));
        let classifier = ClassifierConfig::tiny(vec![0.0; 4], vec![1.0; 4]).init(&mut WeightInit::new(&device, 3));
        let trained = TrainedClassifier { classifier, encoder: fingerprint(&autoencoder) };
        trained.save(folder.path()).unwrap();
        let read = TrainedClassifier::load(folder.path()).unwrap();
        assert!(read.fits(&autoencoder) && !read.fits(&other));
        assert_eq!(read.classifier.config(), trained.classifier.config());

        let manifest = folder.path().join(MANIFEST);
        let text = std::fs::read_to_string(&manifest).unwrap();
        for (damaged, expected) in [
            (text.replace("\"format_version\": 1", "\"format_version\": 7"), "format 7"),
            (text.replace("\"heads\": 2", "\"heads\": 0"), "0 heads"),
            (text[..40].to_owned(), "classifier.json"),
        ] {
            std::fs::write(&manifest, damaged).unwrap();
            let error = TrainedClassifier::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_one_that_is_built_in_loads_if_there_is_one() {
        assert!(TrainedClassifier::built_in().is_ok());
    }

    #[test]
    fn sixteen_bits_do_not_change_an_encoders_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let fresh = || AutoencoderConfig::tiny().init(&mut WeightInit::new(&Device::flex(), 9));
        checkpoint::save(&fresh(), &path, Precision::F16).unwrap();
        let stored = checkpoint::load(fresh(), &path, "autoencoder").unwrap();
        assert_eq!(fingerprint(&stored), fingerprint(&fresh()));
    }
}
