//! A clip as a folder of pictures: `frame_0001.png`, `frame_0002.png`, …

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{VideoError, error::parent_of};

/// A folder that is filled beside its name and takes the name when it is whole.
pub(crate) struct FolderEncoder {
    /// As asked, for messages.
    path: PathBuf,
    /// What `path` leads to.
    target: PathBuf,
    filling: TempDir,
    count: usize,
}

impl FolderEncoder {
    /// Starts a folder; one that exists may hold only frames, which are replaced.
    pub(crate) fn create(path: &Path) -> Result<Self, VideoError> {
        let failed = |error| VideoError::write(path, error);
        // A link stays a link: what it points to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if target.is_file() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        if target.exists() {
            let entries = fs::read_dir(path).map_err(failed)?;
            for entry in entries {
                let name = entry.map_err(failed)?.file_name();
                let found = name.to_string_lossy().into_owned();
                if frame_number(&found).is_none() {
                    return Err(VideoError::FolderInUse { path: path.to_owned(), found });
                }
            }
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".misora-").suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        let filling = builder.tempdir_in(parent_of(&target)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), target, filling, count: 0 })
    }

    /// Adds a frame as the bytes of a PNG file.
    pub(crate) fn write(&mut self, png: &[u8]) -> Result<(), VideoError> {
        self.count += 1;
        let file = self.filling.path().join(format!("frame_{:04}.png", self.count));
        fs::write(file, png).map_err(|error| VideoError::write(&self.path, error))
    }

    pub(crate) fn finish(self) -> Result<(), VideoError> {
        let failed = |error| VideoError::write(&self.path, error);
        // The old frames step aside until the new ones are in place.
        let aside = tempfile::tempdir_in(parent_of(&self.target)).map_err(failed)?;
        let old = aside.path().join("old");
        let replaces = self.target.exists();
        if replaces {
            fs::rename(&self.target, &old).map_err(failed)?;
        }
        let renamed = fs::rename(self.filling.path(), &self.target);
        if renamed.is_err() && replaces {
            fs::rename(&old, &self.target).map_err(failed)?;
        }
        renamed.map_err(failed)?;
        // Its name is gone, so there is nothing left to clean up.
        let _ = self.filling.keep();
        Ok(())
    }
}

/// The frames in a folder, in order.
pub(crate) fn frame_files(folder: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = frame_number(&entry.file_name().to_string_lossy()) {
            files.push((number, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// The number in `frame_0001.png`.
fn frame_number(name: &str) -> Option<u64> {
    name.strip_prefix("frame_")?.strip_suffix(".png")?.parse().ok()
}
