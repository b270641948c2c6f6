//! Files that appear under their name only when they are whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
};

use crate::DatasetError;

/// A file being written beside its name; [`PartialFile::finish`] moves it there, dropping it deletes it.
pub(crate) struct PartialFile {
    file: Option<BufWriter<File>>,
    partial: PathBuf,
    path: PathBuf,
}

impl PartialFile {
    /// Begins the file that is to become `path`; what an earlier, killed run left of it is overwritten.
    pub(crate) fn create(path: &Path) -> Result<Self, DatasetError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let partial = path.with_file_name(format!(".{name}.partial"));
        let file = File::create(&partial).map_err(DatasetError::io("create", path))?;
        Ok(Self { file: Some(BufWriter::with_capacity(1 << 20, file)), partial, path: path.to_owned() })
    }

    /// The name that the file is to get.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings the bytes to disk and moves the file to its name.
    pub(crate) fn finish(mut self) -> Result<(), DatasetError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let moved = file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.partial, &self.path));
        moved.map_err(|source| {
            // The file that could not be completed is of no use; the first error is the one to report.
            let _ = fs::remove_file(&self.partial);
            DatasetError::Io { action: "write", path: self.path.clone(), source }
        })
    }

    fn inner(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is already finished"))
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner()?.flush()
    }
}

impl Seek for PartialFile {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.inner()?.seek(position)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing can be done about a failure here, and the next run overwrites the file.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Writes a whole small file at once.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    let mut file = PartialFile::create(path)?;
    file.write_all(bytes).map_err(DatasetError::io("write", path))?;
    file.finish()
}

/// The numbered files `PREFIX-000000.EXTENSION` in a folder, in order: (number, path).
pub(crate) fn numbered_files(
    folder: &Path,
    prefix: &str,
    extension: &str,
) -> Result<Vec<(usize, PathBuf)>, DatasetError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(DatasetError::io("list", folder))? {
        let path = entry.map_err(DatasetError::io("list", folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let number = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|rest| rest.strip_suffix(extension))
            .and_then(|rest| rest.strip_suffix('.'))
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok());
        if let Some(number) = number {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-000000.tar");
        let mut file = PartialFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a dropped file leaves nothing");

        let mut file = PartialFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn numbered_files_are_found_in_order_and_others_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a-000010.bin", "a-000002.bin", "a-2.bin", "b-000000.bin", ".a-000003.bin.partial", "a-00000x.bin"]
        {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        let numbers: Vec<usize> =
            numbered_files(folder.path(), "a", "bin").unwrap().into_iter().map(|file| file.0).collect();
        assert_eq!(numbers, [2, 10]);
    }
}
