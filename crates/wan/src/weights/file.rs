//! One safetensors file, mapped into memory.

use std::{collections::HashMap, fs::File, ops::Range, path::Path, sync::Arc};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use crate::WanError;

/// Texts by name in the header of a file, beside its tensors.
pub(crate) type HeaderNotes = HashMap<String, String>;

/// A file whose bytes the system brings in when they are touched.
#[derive(Debug)]
pub(crate) struct MappedFile {
    map: Mmap,
}

/// Where a tensor lies, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) file: Arc<MappedFile>,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    range: Range<usize>,
}

impl MappedFile {
    /// Maps a file and reads its header, which must describe every byte of it.
    ///
    /// # Errors
    /// [`WanError::File`] when it cannot be opened, [`WanError::Damaged`] when header and length do not agree.
    pub(crate) fn open(path: &Path) -> Result<Vec<(String, Entry)>, WanError> {
        Ok(Self::open_with_notes(path)?.0)
    }

    /// The same with the texts that its header also has.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_with_notes(path: &Path) -> Result<(Vec<(String, Entry)>, HeaderNotes), WanError> {
        let failed = |source| WanError::File { path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        // SAFETY: weights are published once and then left alone; whoever cuts a file short while it is in use ends
        // this program by a signal, as with any program that maps files.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let damaged =
            |error: SafeTensorError| WanError::Damaged { path: path.into(), reason: explain(&error, map.len()) };
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(damaged)?;
        let start = header + size_of::<u64>();
        let found: Vec<_> = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| (name, info.dtype, info.shape.clone(), info.data_offsets))
            .collect();
        let file = Arc::new(Self { map });
        let entry = |(name, dtype, shape, (from, to))| {
            (name, Entry { file: Arc::clone(&file), dtype, shape, range: start + from..start + to })
        };
        Ok((found.into_iter().map(entry).collect(), metadata.metadata().clone().unwrap_or_default()))
    }
}

impl Entry {
    /// The tensor's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.file.map[self.range.clone()]
    }

    /// Lets go of the memory that reading the bytes has taken. They can still be read again.
    pub(crate) fn release(&self) {
        #[cfg(unix)]
        {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: the file is mapped shared and never written, so that dropped pages come back with the same bytes.
            // Refusal costs memory only.
            let _ = unsafe { self.file.map.unchecked_advise_range(advice, self.range.start, self.range.len()) };
        }
    }
}

fn explain(error: &SafeTensorError, bytes: usize) -> String {
    match error {
        SafeTensorError::InvalidOffset(name) => {
            format!("the offsets of {name} do not follow on those of the tensor before it; fetch the file again")
        }
        SafeTensorError::MetadataIncompleteBuffer => {
            format!("its tensors do not end where the file ends, after {bytes} bytes: it was cut short; fetch it again")
        }
        SafeTensorError::TensorInvalidInfo => {
            "a tensor's shape and type do not fit the bytes that its offsets give it; fetch the file again".into()
        }
        SafeTensorError::InvalidHeaderLength => {
            format!("its header is longer than the whole file of {bytes} bytes: it was cut short; fetch it again")
        }
        other => format!("it is not safetensors ({other}); fetch the file again"),
    }
}
