//! Tensors of a safetensors file that is not a checkpoint: what a part is to be run on.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::Dtype;

use crate::{
    WanError,
    weights::{Entry, MappedFile, size_of_dtype, to_f32},
};

/// Tensors by name.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    tensors: BTreeMap<String, Entry>,
}

impl TensorFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`WanError::File`] or [`WanError::Damaged`].
    pub fn open(path: &Path) -> Result<Self, WanError> {
        Ok(Self { path: path.into(), tensors: MappedFile::open(path)?.into_iter().collect() })
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// [`WanError::Input`] when there is no such tensor, or it has another number of axes.
    pub fn shape<const D: usize>(&self, name: &str) -> Result<[usize; D], WanError> {
        let shape = &self.find(name)?.shape;
        let wrong = |_| self.wrong(name, &format!("a tensor of {D} axes"), format!("{shape:?}"));
        shape.as_slice().try_into().map_err(wrong)
    }

    /// Numbers of 32 or 16 bits as a tensor.
    ///
    /// # Errors
    /// [`WanError::Input`] when there is no such tensor, or it has another type or another number of axes.
    pub fn floats<const D: usize>(&self, name: &str, device: &Device) -> Result<Tensor<D>, WanError> {
        let entry = self.find(name)?;
        if size_of_dtype(entry.dtype).is_none() {
            return Err(self.wrong(name, "F32, F16 or BF16", format!("{:?}", entry.dtype)));
        }
        let shape: [usize; D] = self.shape(name)?;
        Ok(Tensor::from_data(TensorData::new(to_f32(entry.bytes(), entry.dtype), shape), device))
    }

    /// Whole numbers from 0 on, row after row, and the shape.
    ///
    /// # Errors
    /// [`WanError::Input`] when there is no such tensor, or it does not hold such numbers in two axes.
    pub fn indices(&self, name: &str) -> Result<(Vec<u32>, [usize; 2]), WanError> {
        let entry = self.find(name)?;
        let numbers: Vec<i64> = match entry.dtype {
            Dtype::I64 => entry.bytes().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
            Dtype::I32 => {
                entry.bytes().as_chunks().0.iter().map(|bytes| i64::from(i32::from_le_bytes(*bytes))).collect()
            }
            other => return Err(self.wrong(name, "I64 or I32", format!("{other:?}"))),
        };
        let shape = self.shape(name)?;
        let index = |number: i64| {
            u32::try_from(number).map_err(|_| self.wrong(name, "made of numbers from 0 on", number.to_string()))
        };
        Ok((numbers.into_iter().map(index).collect::<Result<_, _>>()?, shape))
    }

    fn find(&self, name: &str) -> Result<&Entry, WanError> {
        self.tensors.get(name).ok_or_else(|| {
            let names = self.tensors.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            self.wrong(name, "there", format!("missing among {names}"))
        })
    }

    fn wrong(&self, name: &str, expected: &str, found: String) -> WanError {
        WanError::Input { what: format!("{name} in {}", self.path.display()), expected: expected.into(), found }
    }
}
