//! JSON files of bounded size.

use std::{fs::File, io::Read, path::Path};

use serde::de::DeserializeOwned;

use crate::WanError;

/// Largest configuration that is read, in bytes.
pub(crate) const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Reads a JSON file of at most `limit` bytes.
///
/// # Errors
/// [`WanError::File`] when it cannot be read, [`WanError::Damaged`] when it is larger or not what was expected.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, limit: u64) -> Result<T, WanError> {
    let failed = |source| WanError::File { path: path.into(), source };
    let damaged = |reason| WanError::Damaged { path: path.into(), reason };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(damaged(format!("it is larger than {limit} bytes, more than any such file needs")));
    }
    serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))
}
