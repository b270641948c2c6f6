//! A clip as a folder of pictures: `frame_0001.png`, `frame_0002.png`, …

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{Frame, VideoError, error::parent_of, still::encode_png};

/// A folder that is filled beside its name and takes the name when it is whole.
pub(crate) struct FolderEncoder {
    path: PathBuf,
    filling: TempDir,
    count: usize,
}

impl FolderEncoder {
    /// Starts a folder; one that exists may hold only frames, which are replaced.
    pub(crate) fn create(path: &Path) -> Result<Self, VideoError> {
        let failed = |error| VideoError::write(path, error);
        if path.exists() {
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
        let filling = builder.tempdir_in(parent_of(path)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), filling, count: 0 })
    }

    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), VideoError> {
        self.count += 1;
        let file = self.filling.path().join(format!("frame_{:04}.png", self.count));
        fs::write(file, encode_png(frame)?).map_err(|error| VideoError::write(&self.path, error))
    }

    pub(crate) fn finish(self) -> Result<(), VideoError> {
        let failed = |error| VideoError::write(&self.path, error);
        if self.path.exists() {
            for (_, file) in frame_files(&self.path).map_err(failed)? {
                fs::remove_file(file).map_err(failed)?;
            }
            // Renaming onto an empty folder works on some systems only.
            fs::remove_dir(&self.path).map_err(failed)?;
        }
        fs::rename(self.filling.path(), &self.path).map_err(failed)?;
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
