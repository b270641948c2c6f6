//! Videos, pictures and uploads on disk: a folder for each job, in which a file appears whole or not at all.
//!
//! A job's inputs are `input-0`, `input-1`, …; what its attempts make begins with `made-` and the attempt's number, and
//! is served only once the job says that this attempt completed it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::{ServerError, VideoId};

const INPUT: &str = "input-";

/// What can be fetched of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The video itself.
    Video,
    /// One picture.
    Thumbnail,
    /// Several pictures in one.
    Spritesheet,
}

impl Variant {
    /// As the API says it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "video" => Self::Video,
            "thumbnail" => Self::Thumbnail,
            "spritesheet" => Self::Spritesheet,
            _ => return None,
        })
    }

    pub(crate) fn file_name(self, attempt: u32) -> String {
        match self {
            Self::Video => format!("made-{attempt}.mp4"),
            Self::Thumbnail => format!("made-{attempt}-thumbnail.jpg"),
            Self::Spritesheet => format!("made-{attempt}-spritesheet.jpg"),
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Video => "video/mp4",
            Self::Thumbnail | Self::Spritesheet => "image/jpeg",
        }
    }
}

/// The files of all jobs.
pub(crate) struct Files {
    jobs: PathBuf,
    /// What has not become a job's yet; emptied at the start.
    scratch: PathBuf,
}

impl Files {
    /// Makes a folder that only its owner may look into.
    pub(crate) fn make_folder(path: &Path) -> Result<(), ServerError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(ServerError::data(path))
    }

    /// Opens the folders inside of a data folder.
    pub(crate) fn open(data: &Path) -> Result<Self, ServerError> {
        let files = Self { jobs: data.join("videos"), scratch: data.join("scratch") };
        match fs::remove_dir_all(&files.scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ServerError::data(&files.scratch)(error));
            }
            _ => {}
        }
        Self::make_folder(&files.jobs)?;
        Self::make_folder(&files.scratch)?;
        Ok(files)
    }

    /// A nameless file for what comes in.
    pub(crate) fn scratch_file(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(&self.scratch)
    }

    /// The place of a job's file.
    pub(crate) fn path(&self, id: &VideoId, name: &str) -> PathBuf {
        self.folder(id).join(name)
    }

    /// The name of an input.
    pub(crate) fn input_name(number: usize) -> String {
        format!("{INPUT}{number}")
    }

    /// Makes a job's folder.
    pub(crate) fn begin(&self, id: &VideoId) -> io::Result<()> {
        fs::create_dir(self.folder(id))?;
        sync(&self.jobs)
    }

    /// Copies a file to a job, where it stays whatever becomes of the original.
    pub(crate) fn keep(&self, id: &VideoId, name: &str, original: &Path) -> io::Result<()> {
        let folder = self.folder(id);
        let mut copy = Builder::new().prefix(".").suffix(".part").tempfile_in(&folder)?;
        io::copy(&mut File::open(original)?, copy.as_file_mut())?;
        copy.as_file().sync_all()?;
        copy.persist(folder.join(name)).map_err(|error| error.error)?;
        sync(&folder)
    }

    /// Takes away what earlier attempts at a job have left.
    pub(crate) fn clear(&self, id: &VideoId) -> io::Result<()> {
        for entry in self.folder(id).read_dir()? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(INPUT) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Makes sure that what was made is on the disk.
    pub(crate) fn settle(&self, id: &VideoId) -> io::Result<()> {
        sync(&self.folder(id))
    }

    /// Takes away all of a job.
    pub(crate) fn remove(&self, id: &VideoId) {
        match fs::remove_dir_all(self.folder(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%id, %error, "files of a job that is gone could not be removed");
            }
            _ => {}
        }
    }

    /// Takes away folders of jobs that do not exist: of deletions and requests that were cut short.
    pub(crate) fn sweep(&self, exists: impl Fn(&VideoId) -> Result<bool, ServerError>) -> Result<(), ServerError> {
        let failed = ServerError::data(&self.jobs);
        let entries: Vec<_> = self.jobs.read_dir().and_then(Iterator::collect).map_err(failed)?;
        let entries: Vec<fs::DirEntry> = entries;
        for entry in entries {
            match entry.file_name().to_string_lossy().parse::<VideoId>() {
                Ok(id) if !exists(&id)? => self.remove(&id),
                // What is not ours stays.
                _ => {}
            }
        }
        Ok(())
    }

    /// A message without the places of files, which are nobody's business.
    pub(crate) fn without_places(&self, message: &str) -> String {
        let mut message = message.to_owned();
        for folder in [&self.scratch, &self.jobs] {
            while let Some(begin) = message.find(&*folder.to_string_lossy()) {
                let rest = &message[begin..];
                let end = rest.find([' ', ':', ';', ',']).unwrap_or(rest.len());
                message.replace_range(begin..begin + end, "the file");
            }
        }
        message
    }

    fn folder(&self, id: &VideoId) -> PathBuf {
        self.jobs.join(id.as_str())
    }
}

/// Puts the names in a folder on the disk.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_jobs_stay_and_others_go() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::open(data.path()).unwrap();
        let (kept, gone) = (VideoId::random(), VideoId::random());
        for id in [&kept, &gone] {
            files.begin(id).unwrap();
            let mut upload = files.scratch_file().unwrap();
            io::Write::write_all(&mut upload, b"clip").unwrap();
            files.keep(id, "input-0", upload.path()).unwrap();
            fs::write(files.path(id, "made-1.mp4"), b"half").unwrap();
        }
        files.clear(&kept).unwrap();
        assert!(!files.path(&kept, "made-1.mp4").exists());
        files.sweep(|id| Ok(*id == kept)).unwrap();
        assert_eq!(fs::read(files.path(&kept, "input-0")).unwrap(), b"clip");
        assert!(!files.path(&gone, "input-0").exists());
        let place = files.path(&kept, "input-0");
        let message = format!("{} is damaged: no end", place.display());
        assert_eq!(files.without_places(&message), "the file is damaged: no end");
    }
}
