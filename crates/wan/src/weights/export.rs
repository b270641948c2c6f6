//! Tensors written anew: under the names of diffusers, in another precision, in shards.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    str::FromStr,
};

use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::{Dtype, SafeTensorError, View, serialize_to_file};
use serde_json::json;

use super::{
    Weights,
    convert::{all_finite, size_of_dtype, to_f32},
    file::Entry,
};
use crate::WanError;

/// Bytes after which a new shard begins.
pub(crate) const SHARD_BYTES: u64 = 5 << 30;

/// In how many bits numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredPrecision {
    /// 32 bits.
    F32,
    /// 16 bits: 11 of them precise, up to 65504.
    F16,
    /// 16 bits: 8 of them precise, as far as 32 bits reach.
    Bf16,
}

impl StoredPrecision {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    const fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
        }
    }

    fn bytes(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => bytes(values, f32::to_le_bytes),
            Self::F16 => bytes(values, |value| f16::from_f32(value).to_le_bytes()),
            Self::Bf16 => bytes(values, |value| bf16::from_f32(value).to_le_bytes()),
        }
    }

    const fn is_too_large(self, value: f32) -> bool {
        matches!(self, Self::F16) && value.abs() >= 65520.0
    }
}

impl FromStr for StoredPrecision {
    type Err = WanError;

    fn from_str(name: &str) -> Result<Self, WanError> {
        Self::ALL.into_iter().find(|precision| precision.name() == name).ok_or_else(|| WanError::Input {
            what: "the precision".into(),
            expected: Self::ALL.map(Self::name).join(", "),
            found: name.chars().take(64).collect(),
        })
    }
}

fn bytes<const N: usize>(values: &[f32], convert: impl Fn(f32) -> [u8; N] + Sync) -> Vec<u8> {
    let mut out = vec![0; values.len() * N];
    out.par_chunks_exact_mut(N).zip(values).for_each(|(out, value)| out.copy_from_slice(&convert(*value)));
    out
}

/// What is to be written, and who hears of it.
pub(crate) struct Export<'a> {
    pub(crate) precision: StoredPrecision,
    pub(crate) shard_bytes: u64,
    pub(crate) progress: Watch<'a>,
}

/// Hears how many more bytes have been read, and may stop it.
type Watch<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

impl Weights {
    /// Bytes of all tensors as they are stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.tensors.values().map(|entry| entry.bytes().len() as u64).sum()
    }

    /// Numbers of all tensors.
    pub(crate) fn num_parameters(&self) -> u64 {
        self.tensors.values().map(|entry| entry.shape.iter().product::<usize>() as u64).sum()
    }

    /// Reads every tensor, one at a time.
    ///
    /// # Errors
    /// [`WanError::Tensors`] for a type that is not read and for numbers that are not finite; [`WanError::Stopped`].
    pub(crate) fn look_at_all(&self, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<(), WanError> {
        self.check_types()?;
        for (name, entry) in &self.tensors {
            let is_finite = all_finite(&to_f32(entry.bytes(), entry.dtype));
            entry.release();
            if !is_finite {
                return Err(self.problem_with(format!("{name} holds a number that is not finite")));
            }
            if progress(entry.bytes().len() as u64).is_break() {
                return Err(WanError::Stopped);
            }
        }
        Ok(())
    }

    fn check_types(&self) -> Result<(), WanError> {
        match self.tensors.iter().find(|(_, entry)| size_of_dtype(entry.dtype).is_none()) {
            None => Ok(()),
            Some((name, Entry { dtype, .. })) => {
                Err(self.problem_with(format!("{name} is stored as {dtype:?}; F32, F16 and BF16 are read")))
            }
        }
    }

    /// Writes all tensors into `folder`: as `{stem}.safetensors`, or as shards with an index.
    ///
    /// # Errors
    /// [`WanError::Tensors`] for a number that the precision cannot hold, a type that is not read, or numbers that are
    /// not finite; [`WanError::Write`]; [`WanError::Stopped`].
    pub(crate) fn export(&self, folder: &Path, stem: &str, export: &mut Export<'_>) -> Result<(), WanError> {
        self.check_types()?;
        let size = export.precision.dtype().bitsize() as u64 / 8;
        let written_bytes = |entry: &Entry| entry.shape.iter().product::<usize>() as u64 * size;
        let mut shards: Vec<Vec<(&str, &Entry)>> = vec![Vec::new()];
        let (mut filled, mut total) = (0, 0);
        for (name, entry) in &self.tensors {
            let bytes = written_bytes(entry);
            if filled > 0 && filled + bytes > export.shard_bytes {
                shards.push(Vec::new());
                filled = 0;
            }
            if let Some(shard) = shards.last_mut() {
                shard.push((name, entry));
            }
            (filled, total) = (filled + bytes, total + bytes);
        }
        let count = shards.len();
        let mut places = BTreeMap::new();
        for (index, shard) in shards.into_iter().enumerate() {
            let name = match count {
                1 => format!("{stem}.safetensors"),
                _ => format!("{stem}-{:05}-of-{count:05}.safetensors", index + 1),
            };
            places.extend(shard.iter().map(|(tensor, _)| (*tensor, name.clone())));
            self.write_shard(&folder.join(name), shard, export)?;
        }
        if count > 1 {
            let path = folder.join(format!("{stem}.safetensors.index.json"));
            let index = json!({ "metadata": { "total_size": total }, "weight_map": places });
            std::fs::write(&path, format!("{index:#}\n")).map_err(WanError::write(path))?;
        }
        Ok(())
    }

    fn write_shard(&self, path: &Path, shard: Vec<(&str, &Entry)>, export: &mut Export<'_>) -> Result<(), WanError> {
        let writing = Writing { precision: export.precision, state: RefCell::new((None, &mut *export.progress)) };
        let tensors = shard.into_iter().map(|(name, entry)| (name, Stored { name, entry, writing: &writing }));
        // What loads these files elsewhere asks which framework wrote them.
        let format = [("format".to_owned(), "pt".to_owned())].into();
        let written = serialize_to_file(tensors, Some(format), path);
        match (writing.state.borrow_mut().0.take(), written) {
            (Some(Problem::Stopped), _) => Err(WanError::Stopped),
            (Some(Problem::Tensor(reason)), _) => Err(self.problem_with(reason)),
            (None, Ok(())) => Ok(()),
            (None, Err(SafeTensorError::IoError(source))) => Err(WanError::write(path)(source)),
            (None, Err(error)) => Err(self.problem_with(error.to_string())),
        }
    }

    fn problem_with(&self, reason: String) -> WanError {
        WanError::Tensors { path: PathBuf::from(&self.folder), part: self.part, reason }
    }
}

enum Problem {
    Stopped,
    Tensor(String),
}

/// One shard while it is written. The first problem ends the reading, since a tensor's bytes cannot be refused.
struct Writing<'a> {
    precision: StoredPrecision,
    state: RefCell<(Option<Problem>, Watch<'a>)>,
}

/// A tensor that is converted when its bytes are asked for.
struct Stored<'a> {
    name: &'a str,
    entry: &'a Entry,
    writing: &'a Writing<'a>,
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        self.writing.precision.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.entry.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let (problem, progress) = &mut *self.writing.state.borrow_mut();
        if problem.is_some() {
            return vec![0; self.data_len()].into();
        }
        let precision = self.writing.precision;
        let values = to_f32(self.entry.bytes(), self.entry.dtype);
        let wrong = |value: &&f32| !value.is_finite() || precision.is_too_large(**value);
        if let Some(value) = values.par_iter().find_any(wrong) {
            let cure = if value.is_finite() { "; bf16 and f32 can hold it" } else { "" };
            *problem =
                Some(Problem::Tensor(format!("{} holds {value}, which {} cannot{cure}", self.name, precision.name())));
        }
        if progress(self.entry.bytes().len() as u64).is_break() {
            *problem = Some(Problem::Stopped);
        }
        self.entry.release();
        precision.bytes(&values).into()
    }

    fn data_len(&self) -> usize {
        self.entry.shape.iter().product::<usize>() * self.dtype().bitsize() / 8
    }
}
