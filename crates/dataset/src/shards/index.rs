//! The index of a data set: which samples there are, where, and with which check sums.

use std::{
    collections::HashSet,
    fs,
    path::{Component, Path},
};

use serde::{Deserialize, Serialize};
use video::{FrameRate, Resolution};

use super::as_text;
use crate::{DatasetError, atomic};

/// Name of the index in its folder.
pub const INDEX_NAME: &str = "index.json";
/// The version that this program reads and writes.
pub const INDEX_VERSION: u32 = 1;
const FORMAT: &str = "misora-dataset";
/// Enough for millions of samples; a larger index is not read.
const MAX_INDEX_BYTES: u64 = 1 << 30;
/// Tar files consist of blocks of this size.
pub(super) const BLOCK: u64 = 512;

/// What `index.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    format: String,
    version: u32,
    /// The writer has finished; otherwise samples may be added yet.
    pub complete: bool,
    /// How the data were made, as far as it matters for going on with them.
    pub recipe: serde_json::Value,
    /// BLAKE3 of the recipe's text: numbers may lose their last digit on the way through JSON.
    recipe_blake3: String,
    /// The shards in order.
    pub shards: Vec<ShardEntry>,
}

/// One tar file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// Name within the folder.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// BLAKE3 of the whole file, in hexadecimal.
    pub blake3: String,
    /// Number of samples.
    pub num_samples: usize,
    /// The samples in the order in which they lie in the file.
    pub samples: Vec<SampleEntry>,
}

/// One sample within a tar file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleEntry {
    /// What its files' names have in common.
    pub key: String,
    /// Where its first tar header begins in the shard.
    pub offset: u64,
    /// Size of its files with their tar headers and padding.
    pub bytes: u64,
    /// BLAKE3 of these bytes, in hexadecimal.
    pub blake3: String,
    /// Frames; an image has one.
    pub num_frames: usize,
    /// Size of each frame.
    #[serde(with = "as_text")]
    pub resolution: Resolution,
    /// Frames per second.
    #[serde(with = "as_text")]
    pub frame_rate: FrameRate,
}

impl SampleEntry {
    /// How long the clip plays, in seconds.
    pub fn duration_secs(&self) -> f64 {
        self.num_frames as f64 * self.frame_rate.frame_duration_secs()
    }
}

impl Index {
    /// An index of nothing yet.
    pub(super) fn new(recipe: serde_json::Value) -> Self {
        let recipe_blake3 = recipe_hash(&recipe);
        let format = FORMAT.to_owned();
        Self { format, version: INDEX_VERSION, complete: false, recipe, recipe_blake3, shards: Vec::new() }
    }

    /// Whether the data were made by this recipe.
    pub(super) fn is_made_by(&self, recipe: &serde_json::Value) -> bool {
        self.recipe_blake3 == recipe_hash(recipe)
    }

    /// Number of samples.
    pub fn num_samples(&self) -> usize {
        self.shards.iter().map(|shard| shard.samples.len()).sum()
    }

    /// Reads and checks the index of the data set in `folder`.
    ///
    /// # Errors
    /// [`DatasetError::Io`]; [`DatasetError::Version`]; [`DatasetError::Format`] when it is not an index, or says
    /// things that cannot be: names that leave the folder, places beyond a shard's end, sizes that do not go together.
    pub fn read(folder: &Path) -> Result<Self, DatasetError> {
        let path = folder.join(INDEX_NAME);
        let wrong = |reason: String| DatasetError::Format {
            path: path.clone(),
            expected: "the index of a misora data set",
            reason,
        };
        let len = path.metadata().map_err(DatasetError::io("read", &path))?.len();
        if len > MAX_INDEX_BYTES {
            return Err(wrong(format!("it has {len} bytes; at most {MAX_INDEX_BYTES} are read")));
        }
        let bytes = fs::read(&path).map_err(DatasetError::io("read", &path))?;

        // The version is looked at first, as the rest may be different in another one.
        #[derive(Deserialize)]
        struct Opening {
            format: String,
            version: u32,
        }
        let opening: Opening = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if opening.format != FORMAT {
            return Err(wrong(format!("its format is {:?}, not {FORMAT:?}", opening.format)));
        }
        if opening.version != INDEX_VERSION {
            return Err(DatasetError::Version { path, expected: INDEX_VERSION, actual: opening.version });
        }
        let index: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        index.check().map_err(wrong)?;
        Ok(index)
    }

    /// Writes the index in one go.
    pub(super) fn write(&self, folder: &Path) -> Result<(), DatasetError> {
        let path = folder.join(INDEX_NAME);
        let json = serde_json::to_vec(self).map_err(|error| DatasetError::Format {
            path: path.clone(),
            expected: "something that can be written as JSON",
            reason: error.to_string(),
        })?;
        atomic::write_file(&path, &json)
    }

    fn check(&self) -> Result<(), String> {
        let mut files = HashSet::new();
        let mut keys = HashSet::new();
        for shard in &self.shards {
            let file = &shard.file;
            if !is_plain_name(file) {
                return Err(format!(
                    "the shard {file:?} is not a plain file name; shards lie in the data set's folder"
                ));
            }
            if !files.insert(file.as_str()) {
                return Err(format!("the shard {file} is listed twice"));
            }
            if !is_hash(&shard.blake3) {
                return Err(format!("the check sum of {file} is not 64 hexadecimal digits"));
            }
            if shard.num_samples != shard.samples.len() {
                return Err(format!(
                    "{file} should have {} samples, but {} are listed",
                    shard.num_samples,
                    shard.samples.len()
                ));
            }
            let mut end = 0;
            for sample in &shard.samples {
                let name = format!("sample {:?} of {file}", sample.key);
                if !is_plain_name(&sample.key) || sample.key.contains('.') {
                    return Err(format!("{name}: a key is a plain name without dots"));
                }
                if !keys.insert(sample.key.as_str()) {
                    return Err(format!("{name} is listed twice"));
                }
                if !is_hash(&sample.blake3) {
                    return Err(format!("{name}: its check sum is not 64 hexadecimal digits"));
                }
                let sample_end = sample.offset.checked_add(sample.bytes).filter(|&end| end <= shard.bytes);
                let aligned = sample.offset.is_multiple_of(BLOCK) && sample.bytes.is_multiple_of(BLOCK);
                let Some(sample_end) = sample_end.filter(|_| aligned && sample.offset >= end) else {
                    return Err(format!(
                        "{name} cannot lie at {} with {} bytes in a shard of {} bytes, after a sample that ends at {end}",
                        sample.offset, sample.bytes, shard.bytes
                    ));
                };
                end = sample_end;
                let pixels = (sample.resolution.pixel_count() as u64 * 3).checked_mul(sample.num_frames as u64);
                if sample.num_frames == 0 || pixels.is_none_or(|pixels| pixels > sample.bytes) {
                    return Err(format!(
                        "{name}: {} frames of {} do not fit into {} bytes",
                        sample.num_frames, sample.resolution, sample.bytes
                    ));
                }
            }
        }
        Ok(())
    }
}

/// One path component that means the same on every system.
fn is_plain_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let is_one = matches!(components.next(), Some(Component::Normal(first)) if first == name);
    is_one && components.next().is_none() && !name.contains(['/', '\\', ':', '\0']) && name.len() <= 200
}

fn recipe_hash(recipe: &serde_json::Value) -> String {
    blake3::hash(recipe.to_string().as_bytes()).to_hex().to_string()
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_not_plain() {
        for name in ["../../etc/passwd", "..", ".", "", "/etc/passwd", "a/b", "a\\b", "C:x", "a/", "./a", "a\0b"] {
            assert!(!is_plain_name(name), "{name:?}");
        }
        assert!(is_plain_name("shard-000000.tar"));
    }
}
