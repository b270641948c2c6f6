//! Where a model is: a folder, or a name that the cache or the hub knows.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hub::{Hub, ModelName, PullProgress};
use indicatif::ProgressBar;

use crate::progress;

/// The folder of a model, which is fetched when only the hub has it.
pub fn find_or_pull(place: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = name(place) else { return Ok(place.to_owned()) };
    let found = Hub::from_env().find_or_pull(&name, &mut Pulling::begin(&name));
    found.with_context(|| format!("there is no folder {}", place.display()))
}

/// The folder of a model that is on this machine.
pub fn here(place: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = name(place) else { return Ok(place.to_owned()) };
    let hub = Hub::from_env();
    match hub.cache().find(&name) {
        Some(folder) => Ok(folder),
        None => bail!(
            "there is no folder {}, and no such model in the cache {}; fetch it with `misora models pull {name}`",
            place.display(),
            hub.cache().folder().display()
        ),
    }
}

/// The name, when it is not a folder.
fn name(place: &Path) -> Option<ModelName> {
    if place.exists() { None } else { place.to_str()?.parse().ok() }
}

/// Bytes of all files of a folder, where links count as what they point to.
pub fn bytes_in(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in folder.read_dir()? {
        let path = entry?.path();
        bytes += if path.is_dir() { bytes_in(&path)? } else { path.metadata()?.len() };
    }
    Ok(bytes)
}

/// A bar over all files of a model.
pub struct Pulling {
    bar: ProgressBar,
}

impl Pulling {
    /// Begins to show what is fetched.
    pub fn begin(name: &ModelName) -> Self {
        let bar = progress::bytes(0);
        bar.set_message(name.to_string());
        Self { bar }
    }
}

impl PullProgress for Pulling {
    fn file(&mut self, name: &str, done: u64, total: u64) {
        self.bar.set_message(name.rsplit('/').next().unwrap_or(name).to_owned());
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    fn bytes(&mut self, more: u64) {
        self.bar.inc(more);
    }
}

impl Drop for Pulling {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
