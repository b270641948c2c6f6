//! Which files hold a part: one file, or shards that an index lists.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use super::file::{Entry, MappedFile};
use crate::{WanError, json};

/// Largest index that is read, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// The part of `*.safetensors.index.json` that matters.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Maps the files of a part and finds each tensor in them.
///
/// # Errors
/// [`WanError`] that names the file, when one is missing, damaged, outside of the folder, or holds other tensors than
/// the index says.
pub(crate) fn open(folder: &Path, stem: &str) -> Result<BTreeMap<String, Entry>, WanError> {
    let (single, index) = (format!("{stem}.safetensors"), format!("{stem}.safetensors.index.json"));
    if folder.join(&index).is_file() {
        return open_shards(folder, &index);
    }
    let file = match folder.join(&single) {
        file if file.is_file() => file,
        _ => only_file(folder).ok_or_else(|| {
            let reason =
                format!("holds no weights: there is no {single}, no {index}, and no other file of tensors alone");
            WanError::NotAModel { path: folder.into(), reason }
        })?,
    };
    Ok(MappedFile::open(&file)?.into_iter().collect())
}

/// The file of tensors in a folder that has one.
fn only_file(folder: &Path) -> Option<PathBuf> {
    let entries = folder.read_dir().ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    files.next().filter(|_| files.next().is_none())
}

fn open_shards(folder: &Path, name: &str) -> Result<BTreeMap<String, Entry>, WanError> {
    let path = folder.join(name);
    let damaged = |reason: String| WanError::Damaged { path: path.clone(), reason };
    let Index { weight_map } = json::read(&path, MAX_INDEX_BYTES)?;
    let shards: BTreeSet<&String> = weight_map.values().collect();
    let mut tensors = BTreeMap::new();
    for shard in shards {
        if !is_plain_name(shard) {
            return Err(damaged(format!(
                "it names {shard:?}, which lies outside of its folder; a shard's name has no path"
            )));
        }
        let shard_path = folder.join(shard);
        if !shard_path.is_file() {
            let reason = format!("lacks the shard {shard}, which {name} names; fetch it again");
            return Err(WanError::NotAModel { path: folder.into(), reason });
        }
        for (tensor, entry) in MappedFile::open(&shard_path)? {
            if weight_map.get(&tensor) != Some(shard) {
                return Err(damaged(format!("it does not say that {tensor} is in {shard}, where it is")));
            }
            tensors.insert(tensor, entry);
        }
    }
    match weight_map.iter().find(|(tensor, _)| !tensors.contains_key(*tensor)) {
        None => Ok(tensors),
        Some((tensor, shard)) => Err(damaged(format!("it says that {tensor} is in {shard}, but it is not there"))),
    }
}

/// Whether a name is one of a file right inside of a folder.
fn is_plain_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) && !name.contains(['/', '\\'])
}
