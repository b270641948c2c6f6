//! Checkpoints that are whole or not there.
//!
//! A checkpoint is a folder `step-000001200` that is written under another name and moved into place; only then are
//! older ones removed. A process killed at any moment leaves the last whole one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::module::Module;
use models::checkpoint::{self, Precision};

use crate::{TrainingError, optimizer::Optimizer};

const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const PREFIX: &str = "step-";

/// Writes a checkpoint and removes the ones before it.
///
/// # Errors
/// [`TrainingError::File`] or [`TrainingError::Model`] when it cannot be written; older ones are then still there.
pub fn save(folder: &Path, module: &impl Module, optimizer: &Optimizer) -> Result<PathBuf, TrainingError> {
    let target = folder.join(format!("{PREFIX}{:09}", optimizer.step));
    let partial = folder.join("partial");
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial).map_err(TrainingError::file("write", &partial))?;
    checkpoint::save(module, &partial.join(WEIGHTS), Precision::F32)?;
    checkpoint::save_tensors(&optimizer.state(), &partial.join(OPTIMIZER), Precision::F32)?;
    if target.exists() {
        fs::remove_dir_all(&target).map_err(TrainingError::file("replace", &target))?;
    }
    fs::rename(&partial, &target).map_err(TrainingError::file("write", &target))?;
    for (_, older) in list(folder)?.into_iter().filter(|(step, _)| *step < optimizer.step) {
        fs::remove_dir_all(&older).map_err(TrainingError::file("remove", &older))?;
    }
    Ok(target)
}

/// Folder of the last checkpoint, if there is one.
///
/// # Errors
/// [`TrainingError::File`] when the folder cannot be read.
pub fn latest(folder: &Path) -> Result<Option<PathBuf>, TrainingError> {
    Ok(list(folder)?.pop().map(|(_, path)| path))
}

/// Puts the last checkpoint, if there is one, into module and optimizer.
///
/// # Errors
/// [`TrainingError::Checkpoint`] or [`TrainingError::Model`] when it does not fit.
pub fn resume<M: Module>(folder: &Path, module: M, optimizer: &mut Optimizer) -> Result<M, TrainingError> {
    let Some((step, path)) = list(folder)?.pop() else { return Ok(module) };
    let module = checkpoint::load(module, &path.join(WEIGHTS), "training checkpoint")?;
    let file = path.join(OPTIMIZER);
    let bytes = fs::read(&file).map_err(TrainingError::file("read", &file))?;
    let state = checkpoint::read_tensors(&bytes, &file)?;
    optimizer.restore(step, state).map_err(|reason| TrainingError::Checkpoint { path, reason })?;
    Ok(module)
}

/// Steps and folders of all whole checkpoints, the last one last.
fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, TrainingError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(TrainingError::file("read", folder))? {
        let entry = entry.map_err(TrainingError::file("read", folder))?;
        let name = entry.file_name();
        if let Some(step) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|step| step.parse().ok())
        {
            found.push((step, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// What an error calls the last checkpoint.
pub(crate) fn latest_name(folder: &Path) -> String {
    match latest(folder) {
        Ok(Some(path)) => path.display().to_string(),
        _ => "none yet".into(),
    }
}
