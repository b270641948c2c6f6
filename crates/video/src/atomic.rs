//! Files that appear whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile, SpooledTempFile, spooled_tempfile_in};

use crate::{VideoError, error::parent_of};

/// Coded pictures up to this many bytes stay in memory.
const SPOOL_BYTES: usize = 16 << 20;

/// A file that is written beside its name and takes the name when it is whole.
///
/// Dropped before [`Self::commit`], it leaves nothing behind.
pub(crate) struct AtomicFile {
    /// As asked, for messages.
    path: PathBuf,
    /// What `path` leads to.
    target: PathBuf,
    output: Output,
}

enum Output {
    /// To be renamed to the asked name.
    Beside(BufWriter<NamedTempFile>),
    /// A pipe or device, such as `/dev/stdout`: it must not be replaced by a file.
    Through(BufWriter<File>),
}

impl AtomicFile {
    /// Opens a nameless neighbour of `path`.
    ///
    /// # Errors
    /// [`VideoError::Write`] when the folder is missing or closed to writing, or `path` is a folder.
    pub(crate) fn create(path: &Path) -> Result<Self, VideoError> {
        let failed = |error| VideoError::write(path, error);
        // A link stays a link: what it points to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let output = match fs::metadata(&target) {
            Ok(found) if found.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => {
                Output::Through(BufWriter::new(File::options().write(true).open(&target).map_err(failed)?))
            }
            _ => Output::Beside(BufWriter::new(beside(&target).map_err(failed)?)),
        };
        Ok(Self { path: path.to_owned(), target, output })
    }

    /// Gives the file its name; from here on it exists.
    pub(crate) fn commit(self) -> Result<(), VideoError> {
        let Self { path, target, output } = self;
        let failed = |error| VideoError::write(&path, error);
        match output {
            Output::Through(mut file) => file.flush().map_err(failed),
            Output::Beside(file) => {
                let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
                file.as_file().sync_all().map_err(failed)?;
                file.persist(&target).map(drop).map_err(|error| failed(error.error))
            }
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.output {
            Output::Beside(file) => file.write(bytes),
            Output::Through(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Beside(file) => file.flush(),
            Output::Through(file) => file.flush(),
        }
    }
}

/// Writes `bytes` to `path`, whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), VideoError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|error| VideoError::write(path, error))?;
    file.commit()
}

/// A place for coded pictures until their index is known; large ones go to the disk that `path` is on.
pub(crate) fn spool_beside(path: &Path) -> SpooledTempFile {
    let parent = parent_of(path);
    // A device's folder is no place for data.
    if parent.starts_with("/dev") || parent.starts_with("/proc") {
        return tempfile::spooled_tempfile(SPOOL_BYTES);
    }
    spooled_tempfile_in(SPOOL_BYTES, parent)
}

/// As [`spool_beside`], where there is no path.
pub(crate) fn spool() -> SpooledTempFile {
    tempfile::spooled_tempfile(SPOOL_BYTES)
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".misora-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any program creates a file; the user's umask takes away from it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(parent_of(path))
}
