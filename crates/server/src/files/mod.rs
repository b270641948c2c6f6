//! Videos, pictures and uploads: of each job's files, each appears whole or not at all, in a folder of this machine or in a
//! bucket that many machines share.
//!
//! A job's inputs are `input-0`, `input-1`, …; what its attempts make begins with `made-` and the attempt's number, and
//! is served only once the job says that this attempt completed it.

mod place;
mod variant;

use std::{
    fs, io,
    ops::{Deref, Range},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, buffered::BufWriter, path::Path as Key};
use tempfile::{NamedTempFile, TempDir, TempPath};
use tokio::{io::AsyncWriteExt, runtime::Handle};

pub(crate) use place::{Place, make_folder};
pub(crate) use variant::Variant;
use variant::attempt_of;

use crate::{ServerError, VideoId};

const INPUT: &str = "input-";
/// Larger files go to a bucket in parts of this many bytes.
const PART_BYTES: usize = 8 << 20;

/// A file of a job, where this machine's programs can read it.
#[derive(Debug)]
pub(crate) enum Local {
    /// It lies here anyway.
    There(PathBuf),
    /// It was brought here, and goes when nobody needs it any more.
    Brought(TempPath),
}

impl Deref for Local {
    type Target = Path;

    fn deref(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Brought(path) => path,
        }
    }
}

/// The files of all jobs.
pub(crate) struct Files {
    place: Place,
    /// What has not become a job's yet, or was brought here to be read; emptied at the start.
    scratch: PathBuf,
    runtime: Handle,
}

/// Methods that are not `async` wait, and so are for threads that may.
impl Files {
    /// Files at a place, with a folder of this machine that nobody else uses for what is on its way.
    pub(crate) fn open(place: Place, scratch: PathBuf, runtime: Handle) -> Result<Self, ServerError> {
        match fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(ServerError::data(&scratch)(error)),
            _ => {}
        }
        make_folder(&scratch)?;
        let files = Self { place, scratch, runtime };
        files.runtime.block_on(files.store().list(None).next()).transpose().map_err(|error| files.wrong(&error))?;
        Ok(files)
    }

    /// A nameless file for what comes in.
    pub(crate) fn scratch_file(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(&self.scratch)
    }

    /// A nameless folder for what is being made.
    pub(crate) fn scratch_folder(&self) -> io::Result<TempDir> {
        TempDir::new_in(&self.scratch)
    }

    /// Whether they lie on other machines, which may be away for a while.
    pub(crate) const fn are_elsewhere(&self) -> bool {
        self.place.folder.is_none()
    }

    /// The name of an input.
    pub(crate) fn input_name(number: usize) -> String {
        format!("{INPUT}{number}")
    }

    /// Copies a file to a job, where it stays whatever becomes of the original.
    pub(crate) fn keep(&self, id: &VideoId, name: &str, original: &Path) -> io::Result<()> {
        self.runtime.block_on(async {
            let mut writer = BufWriter::with_capacity(Arc::clone(&self.place.store), key(id, name), PART_BYTES);
            let mut file = tokio::fs::File::open(original).await?;
            if let Err(error) = tokio::io::copy(&mut file, &mut writer).await {
                // The parts of what did not become a file would be kept for ever.
                drop(writer.abort().await);
                return Err(error);
            }
            writer.shutdown().await
        })?;
        self.settle(id, name)
    }

    /// Puts a file and its name on the disk, where the store is one.
    fn settle(&self, id: &VideoId, name: &str) -> io::Result<()> {
        let Some(folder) = self.place.folder.as_ref().filter(|_| cfg!(unix)) else { return Ok(()) };
        let of_job = folder.join(id.as_str());
        [of_job.join(name), of_job, folder.clone()].iter().try_for_each(|path| fs::File::open(path)?.sync_all())
    }

    /// A file of a job, to be read here.
    pub(crate) fn bring(&self, id: &VideoId, name: &str) -> io::Result<Local> {
        if let Some(folder) = &self.place.folder {
            return Ok(Local::There(folder.join(id.as_str()).join(name)));
        }
        let file = self.scratch_file()?;
        self.runtime.block_on(async {
            let mut chunks = self.store().get(&key(id, name)).await?.into_stream();
            let mut writer = tokio::fs::File::from_std(file.reopen()?);
            while let Some(chunk) = chunks.try_next().await? {
                writer.write_all(&chunk).await?;
            }
            writer.flush().await
        })?;
        Ok(Local::Brought(file.into_temp_path()))
    }

    /// How many bytes a file has; nothing where there is none.
    pub(crate) async fn length(&self, id: &VideoId, name: &str) -> io::Result<Option<u64>> {
        match self.store().head(&key(id, name)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A part of a file, as it comes.
    pub(crate) async fn read(
        &self,
        id: &VideoId,
        name: &str,
        part: Range<u64>,
    ) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        let options = GetOptions { range: Some(GetRange::Bounded(part)), ..GetOptions::default() };
        let found = self.store().get_opts(&key(id, name), options).await?;
        Ok(found.into_stream().map_err(io::Error::from).boxed())
    }

    /// Takes away what those attempts at a job have left of which `is_over` says so.
    pub(crate) fn clear(&self, id: &VideoId, is_over: impl Fn(u32) -> bool) {
        self.remove_where(id, |name| attempt_of(name).is_some_and(&is_over));
    }

    /// Takes away all of a job.
    pub(crate) fn remove(&self, id: &VideoId) {
        self.remove_where(id, |_| true);
        if let Some(folder) = &self.place.folder {
            // Half a file of a process that was killed is none that the store knows of.
            drop(fs::remove_dir_all(folder.join(id.as_str())));
        }
    }

    fn remove_where(&self, id: &VideoId, goes: impl Fn(&str) -> bool) {
        let removed = self.runtime.block_on(async {
            let files: Vec<ObjectMeta> = self.store().list(Some(&Key::from(id.as_str()))).try_collect().await?;
            for file in files.iter().filter(|file| file.location.filename().is_some_and(&goes)) {
                match self.store().delete(&file.location).await {
                    Err(object_store::Error::NotFound { .. }) => {}
                    deleted => deleted?,
                }
            }
            Ok::<_, object_store::Error>(())
        });
        if let Err(error) = removed {
            tracing::warn!(%id, %error, "files that nobody needs could not be removed");
        }
    }

    /// Takes away files of jobs that do not exist, of deletions and requests that were cut short; those that are younger than
    /// `age` may belong to a request that another server is taking.
    pub(crate) fn sweep(
        &self,
        age: Duration,
        exists: impl Fn(&VideoId) -> Result<bool, ServerError>,
    ) -> Result<(), ServerError> {
        let jobs = self.runtime.block_on(self.store().list_with_delimiter(None)).map_err(|error| self.wrong(&error))?;
        for job in jobs.common_prefixes {
            let Some(Ok(id)) = job.filename().map(str::parse::<VideoId>) else {
                // What is not ours stays.
                continue;
            };
            if !exists(&id)? && (age.is_zero() || self.is_older(&job, age).map_err(|error| self.wrong(&error))?) {
                self.remove(&id);
            }
        }
        Ok(())
    }

    fn is_older(&self, job: &Key, age: Duration) -> Result<bool, object_store::Error> {
        let files: Vec<ObjectMeta> = self.runtime.block_on(self.store().list(Some(job)).try_collect())?;
        let begins = crate::jobs::now() - i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        Ok(files.iter().all(|file| file.last_modified.timestamp() < begins))
    }

    /// A message without the places of files, which are nobody's business.
    pub(crate) fn without_places(&self, message: &str) -> String {
        let mut message = message.to_owned();
        for folder in [Some(&self.scratch), self.place.folder.as_ref()].into_iter().flatten() {
            while let Some(begin) = message.find(&*folder.to_string_lossy()) {
                let rest = &message[begin..];
                let end = rest.find([' ', ':', ';', ',']).unwrap_or(rest.len());
                message.replace_range(begin..begin + end, "the file");
            }
        }
        message
    }

    fn store(&self) -> &dyn ObjectStore {
        &*self.place.store
    }

    fn wrong(&self, error: &object_store::Error) -> ServerError {
        place::wrong(&self.place.name, error)
    }
}

fn key(id: &VideoId, name: &str) -> Key {
    Key::from_iter([id.as_str(), name])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(data: &Path, runtime: &tokio::runtime::Runtime) -> Files {
        let place = Place::folder(&data.join("videos")).unwrap();
        Files::open(place, data.join("scratch"), runtime.handle().clone()).unwrap()
    }

    #[test]
    fn files_of_jobs_stay_and_others_go() {
        let data = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let files = open(data.path(), &runtime);
        let (kept, gone) = (VideoId::random(), VideoId::random());
        for id in [&kept, &gone] {
            let mut upload = files.scratch_file().unwrap();
            io::Write::write_all(&mut upload, b"clip").unwrap();
            for name in ["input-0", "made-1.mp4", "made-1-thumbnail.jpg", "made-12.mp4"] {
                files.keep(id, name, upload.path()).unwrap();
            }
        }
        files.clear(&kept, |attempt| attempt < 12);
        let length = |name: &str| runtime.block_on(files.length(&kept, name)).unwrap();
        assert_eq!(
            (length("made-1.mp4"), length("made-1-thumbnail.jpg"), length("made-12.mp4")),
            (None, None, Some(4))
        );
        files.sweep(Duration::from_secs(1000), |id| Ok(*id == kept)).unwrap();
        assert!(files.bring(&gone, "input-0").unwrap().exists(), "it may belong to a request that is being taken");
        // Half a file of a process that was killed.
        fs::write(data.path().join("videos").join(gone.as_str()).join("made-2.mp4#1"), b"half").unwrap();
        files.sweep(Duration::ZERO, |id| Ok(*id == kept)).unwrap();
        let place = files.bring(&kept, "input-0").unwrap();
        assert_eq!(fs::read(&*place).unwrap(), b"clip");
        assert!(!data.path().join("videos").join(gone.as_str()).exists());
        let message = format!("{} is damaged: no end", place.display());
        assert_eq!(files.without_places(&message), "the file is damaged: no end");
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let data = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (files, id) = (open(data.path(), &runtime), VideoId::random());
        let original = data.path().join("original");
        // Larger than a part, so that it goes there in several.
        let bytes: Vec<u8> = (0..PART_BYTES + 1000).map(|index| (index % 251) as u8).collect();
        fs::write(&original, &bytes).unwrap();
        assert!(files.keep(&id, "input-0", &data.path().join("missing")).is_err());
        assert_eq!(runtime.block_on(files.length(&id, "input-0")).unwrap(), None);
        files.keep(&id, "input-0", &original).unwrap();
        let part = PART_BYTES as u64 - 10..PART_BYTES as u64 + 10;
        let read: Vec<Bytes> = runtime
            .block_on(async { files.read(&id, "input-0", part.clone()).await.unwrap().try_collect().await.unwrap() });
        assert_eq!(read.concat(), bytes[part.start as usize..part.end as usize]);
        assert!(fs::read(&*files.bring(&id, "input-0").unwrap()).unwrap() == bytes);
    }
}
