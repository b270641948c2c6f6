//! A model folder written anew, in the names of diffusers and in a precision of one's choice.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use burn::tensor::Device;

use crate::{
    WanError, WanFolder,
    weights::{
        StoredPrecision, Weights,
        export::{Export, SHARD_BYTES},
    },
};

/// The parts that have weights, and what their files are called.
const PARTS: [(&str, &str); 4] = [
    ("transformer", "diffusion_pytorch_model"),
    ("vae", "diffusion_pytorch_model"),
    ("text_encoder", "model"),
    ("image_encoder", "model"),
];
/// Endings of files that hold weights, which are not copied.
const WEIGHTS: [&str; 8] = ["safetensors", "bin", "pt", "pth", "ckpt", "msgpack", "h5", "onnx"];

/// Writes a model's folder anew at `target`, which must not be there yet, and is whole or not there afterwards.
///
/// `progress` hears how many bytes of how many have been read, and may stop it.
///
/// # Errors
/// [`WanError`] that names the file or the tensor that is wrong; [`WanError::Stopped`].
pub fn export(
    folder: &WanFolder,
    target: &Path,
    precision: StoredPrecision,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<(), WanError> {
    if target.exists() {
        let source = std::io::Error::other("it is there already, and nothing is written over");
        return Err(WanError::write(target)(source));
    }
    let parts = parts(folder)?;
    let total: u64 = parts.iter().map(|part| part.weights.stored_bytes()).sum();

    let unfinished = Unfinished::beside(target)?;
    copy_all_but_weights(folder.path(), &unfinished.0)?;
    let mut done = 0;
    let mut progress = |more: u64| {
        done += more;
        progress(done, total)
    };
    for Part { name, stem, weights } in &parts {
        let mut export = Export { precision, shard_bytes: SHARD_BYTES, progress: &mut progress };
        weights.export(&unfinished.0.join(name), stem, &mut export)?;
    }
    fs::rename(&unfinished.0, target).map_err(WanError::write(target))
}

/// A part with its weights, named as in diffusers.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    stem: &'static str,
    pub(crate) weights: Weights,
}

/// All parts of a folder that have weights.
pub(crate) fn parts(folder: &WanFolder) -> Result<Vec<Part>, WanError> {
    let open = |(name, stem): (&'static str, &'static str)| {
        let weights = Weights::open(&folder.path().join(name), stem, name, &Device::flex())?;
        Ok(Part { name, stem, weights })
    };
    PARTS.into_iter().filter(|(name, _)| folder.path().join(name).is_dir()).map(open).collect()
}

/// A folder that goes away when it is not moved into place.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(target: &Path) -> Result<Self, WanError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let path = target.with_file_name(name);
        fs::create_dir_all(&path).map_err(WanError::write(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_all_but_weights(from: &Path, to: &Path) -> Result<(), WanError> {
    let read = |source| WanError::File { path: from.into(), source };
    for entry in from.read_dir().map_err(read)? {
        let path = entry.map_err(read)?.path();
        let name = path.file_name().unwrap_or_default();
        let is_hidden = name.to_string_lossy().starts_with('.');
        let is_index = name.to_string_lossy().ends_with(".safetensors.index.json");
        let is_weights = path.extension().is_some_and(|ending| WEIGHTS.iter().any(|weights| ending == *weights));
        let target = to.join(name);
        if path.is_dir() && !is_hidden {
            fs::create_dir_all(&target).map_err(WanError::write(&target))?;
            copy_all_but_weights(&path, &target)?;
        } else if path.is_file() && !(is_hidden || is_index || is_weights) {
            fs::copy(&path, &target).map_err(WanError::write(&target))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Precision, transformer::Transformer};

    #[test]
    fn shards_hold_what_one_file_would() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/model/transformer");
        let open = |folder: &Path| Weights::open(folder, PARTS[0].1, "transformer", &Device::flex()).unwrap();
        let (weights, folder) = (open(&model), tempfile::tempdir().unwrap());
        let mut progress = |_| ControlFlow::Continue(());
        let mut export = Export {
            precision: StoredPrecision::F32,
            shard_bytes: weights.stored_bytes() / 3,
            progress: &mut progress,
        };
        weights.export(folder.path(), PARTS[0].1, &mut export).unwrap();
        assert!(folder.path().join("diffusion_pytorch_model.safetensors.index.json").is_file());
        assert!(folder.path().read_dir().unwrap().count() > 3);
        let again = open(folder.path());
        assert!(again.names().eq(weights.names()));
        assert_eq!(again.num_parameters(), weights.num_parameters());
        fs::copy(model.join("config.json"), folder.path().join("config.json")).unwrap();
        Transformer::load(folder.path(), &[], Precision::F32, &Device::flex()).unwrap();
    }
}
