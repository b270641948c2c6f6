//! Weights as they lie in a checkpoint: found by name, checked one by one, and read when they are needed.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `shards` | which files hold a part |
//! | `file` | one file, mapped into memory |
//! | `names` | the names of the Wan team as those of diffusers and transformers |
//! | `convert` | numbers in 32 bits, in the layout that the kernels want |
//! | `export` | tensors written anew |

mod convert;
pub(crate) mod export;
mod file;
pub(crate) mod names;
mod shards;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{QuantisedKernel, QuantisedWeight};
use safetensors::Dtype;

pub(crate) use convert::{all_finite, size_of_dtype, to_f32};
pub use export::StoredPrecision;
pub(crate) use file::{Entry, MappedFile};

use crate::{
    WanError,
    lora::{Difference, Lora},
};

/// Problems that one message names; there are as many as tensors when a checkpoint is another model's.
const MOST_PROBLEMS: usize = 8;

/// The tensors of one part of a model, none of them read yet.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    part: &'static str,
    tensors: BTreeMap<String, Entry>,
    /// What is added to tensors while they are read.
    differences: BTreeMap<String, Vec<Difference>>,
    device: Device,
    used: RefCell<BTreeSet<String>>,
    problems: RefCell<Vec<String>>,
}

/// A place among the names of a part, such as `blocks.3.attn1`.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    weights: &'a Weights,
    prefix: String,
    reading: Reading,
}

/// What is done with tensors that a layer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// They are read.
    Values,
    /// They are looked at, for a layer that is not needed now: its tensors are zeros that take no memory.
    Presence,
}

/// Shapes of the tensors of a part, told from the headers of its files.
///
/// # Errors
/// As [`Weights::open`].
pub(crate) fn shapes(folder: &Path, stem: &str) -> Result<BTreeMap<String, Vec<usize>>, WanError> {
    Ok(shards::open(folder, stem)?.into_iter().map(|(name, entry)| (name, entry.shape)).collect())
}

impl Weights {
    /// Finds the tensors of a part in a folder: `{stem}.safetensors`, the shards that its index lists, or else the only
    /// file of tensors there. Whichever of the two ways they are named, they are known by the names of diffusers.
    ///
    /// # Errors
    /// [`WanError`] that names the file which is missing or damaged.
    pub fn open(folder: &Path, stem: &str, part: &'static str, device: &Device) -> Result<Self, WanError> {
        let tensors = shards::open(folder, stem)?;
        let (used, problems) = (RefCell::default(), RefCell::default());
        let differences = BTreeMap::new();
        let weights =
            Self { folder: folder.into(), part, tensors, differences, device: device.clone(), used, problems };
        match names::to_diffusers(weights.names()) {
            Some(rename) => weights.renamed(rename),
            None => Ok(weights),
        }
    }

    /// The same under other names.
    fn renamed(mut self, rename: names::Rename) -> Result<Self, WanError> {
        for (name, entry) in std::mem::take(&mut self.tensors) {
            let new = rename(&name);
            if self.tensors.insert(new.clone(), entry).is_some() {
                let reason = format!("{name} and another tensor are both {new}");
                return Err(WanError::Tensors { path: self.folder, part: self.part, reason });
            }
        }
        Ok(self)
    }

    /// The same with what these files add to the tensors, which are named as in diffusers.
    ///
    /// # Errors
    /// [`WanError`] that names the file and the tensors in it that do not fit.
    pub(crate) fn with_loras(mut self, loras: &[Lora]) -> Result<Self, WanError> {
        for lora in loras {
            for (name, difference) in lora.differences(&self.tensors)? {
                self.differences.entry(name).or_default().push(difference);
            }
        }
        Ok(self)
    }

    /// Names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.tensors.keys().map(String::as_str)
    }

    /// The root of the names.
    pub(crate) fn root(&self) -> Scope<'_> {
        Scope { weights: self, prefix: String::new(), reading: Reading::Values }
    }

    /// Allows tensors that no layer asks for.
    pub(crate) fn ignore(&self, is_ignored: impl Fn(&str) -> bool) {
        let ignored = self.tensors.keys().filter(|name| is_ignored(name)).cloned();
        self.used.borrow_mut().extend(ignored);
    }

    /// Says whether everything that was asked for was there, and nothing was left over.
    ///
    /// # Errors
    /// [`WanError::Tensors`] that names what is wrong.
    pub(crate) fn accounted(&self) -> Result<(), WanError> {
        let mut problems = std::mem::take(&mut *self.problems.borrow_mut());
        let used = self.used.borrow();
        problems.extend(self.names().filter(|name| !used.contains(*name)).map(|name| format!("{name} is left over")));
        match in_one_line(problems, MOST_PROBLEMS) {
            None => Ok(()),
            Some(reason) => Err(WanError::Tensors { path: self.folder.clone(), part: self.part, reason }),
        }
    }

    fn problem(&self, problem: String) {
        self.problems.borrow_mut().push(problem);
    }
}

/// The first problems and the number of the others, or nothing when there are none.
pub(crate) fn in_one_line(mut problems: Vec<String>, most: usize) -> Option<String> {
    let more = problems.len().saturating_sub(most);
    problems.truncate(most);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    if problems.is_empty() { None } else { Some(problems.join("; ") + &more) }
}

impl<'a> Scope<'a> {
    /// The names below `name`.
    pub(crate) fn child(&self, name: impl std::fmt::Display) -> Self {
        Self { prefix: self.full_name(&name), ..self.clone() }
    }

    /// The same names, for a layer that is only to be checked.
    pub(crate) fn unread(&self) -> Self {
        Self { reading: Reading::Presence, ..self.clone() }
    }

    /// Where tensors are made.
    pub(crate) fn device(&self) -> &Device {
        &self.weights.device
    }

    /// A tensor that has the shape `stored` in the file and `D` axes here.
    ///
    /// What is wrong with it is noted for [`Weights::accounted`], and zeros stand in.
    pub(crate) fn values<const D: usize>(&self, name: &str, stored: &[usize], shape: [usize; D]) -> Tensor<D> {
        self.tensor(name, stored, shape, to_f32)
    }

    /// The weight of a linear layer, `[out, in]` in the file: `[in, out]`.
    pub(crate) fn linear(&self, name: &str, [inputs, outputs]: [usize; 2]) -> Tensor<2> {
        self.flattened(name, [inputs, outputs], &[outputs, inputs])
    }

    /// The same in 8 bits, with a scale for each output. Nothing stands in for what is wrong.
    pub(crate) fn quantised(&self, name: &str, [inputs, outputs]: [usize; 2]) -> QuantisedWeight {
        let most = kernels::int8::MOST_INPUTS;
        if inputs > most {
            self.weights.problem(format!("{} has more than {most} columns, too many for int8", self.full_name(&name)));
        }
        match self.read(name, &[outputs, inputs], to_f32) {
            Some(values) if inputs <= most => QuantisedWeight::new([inputs, outputs], |output, row| {
                row.copy_from_slice(&values[output * inputs..][..inputs]);
            }),
            _ => QuantisedWeight::new([0, 0], |_, _| {}),
        }
    }

    /// The weight of a convolution with three taps along each axis in 8 bits. Nothing is asked of what may not be read.
    pub(crate) fn quantised_kernel(&self, name: &str, [inputs, outputs]: [usize; 2]) -> QuantisedKernel {
        match self.read(name, &[outputs, inputs, 3, 3, 3], to_f32) {
            Some(values) => QuantisedKernel::new([3, inputs, outputs], |output, row| {
                row.copy_from_slice(&values[output * row.len()..][..row.len()]);
            }),
            None => QuantisedKernel::new([0; 3], |_, _| {}),
        }
    }

    /// The same where the file has more axes, all but the first of which are inputs.
    pub(crate) fn flattened(&self, name: &str, [inputs, outputs]: [usize; 2], stored: &[usize]) -> Tensor<2> {
        self.tensor(name, stored, [inputs, outputs], |bytes, dtype| convert::transposed(bytes, dtype, inputs))
    }

    /// The weight of a convolution with `kernel` taps, `[out, in, kernel…]` in the file: `[taps · in, out]`.
    pub(crate) fn convolution(&self, name: &str, [inputs, outputs]: [usize; 2], kernel: &[usize]) -> Tensor<2> {
        let taps: usize = kernel.iter().product();
        let stored: Vec<usize> = [outputs, inputs].into_iter().chain(kernel.iter().copied()).collect();
        let convert = |bytes: &[u8], dtype| convert::convolution(bytes, dtype, [outputs, inputs, taps]);
        self.tensor(name, &stored, [taps * inputs, outputs], convert)
    }

    /// A table of which single rows will be read.
    pub(crate) fn table(&self, name: &str, [rows, width]: [usize; 2]) -> Option<Entry> {
        self.find(name, &[rows, width]).cloned()
    }

    fn tensor<const D: usize>(
        &self,
        name: &str,
        stored: &[usize],
        shape: [usize; D],
        convert: impl FnOnce(&[u8], Dtype) -> Vec<f32>,
    ) -> Tensor<D> {
        match self.read(name, stored, convert) {
            Some(values) => Tensor::from_data(TensorData::new(values, shape), self.device()),
            None => Tensor::<D>::zeros([1; D], self.device()).expand(shape),
        }
    }

    /// The numbers of a tensor, laid out by `convert`, when they are wanted and nothing is wrong with them.
    fn read(&self, name: &str, stored: &[usize], convert: impl FnOnce(&[u8], Dtype) -> Vec<f32>) -> Option<Vec<f32>> {
        let entry = self.find(name, stored)?;
        if self.reading == Reading::Presence {
            return None;
        }
        let full = self.full_name(&name);
        let Some(differences) = self.weights.differences.get(&full) else {
            let values = convert(entry.bytes(), entry.dtype);
            entry.release();
            return self.finite(values, || format!("{full} holds a number that is not finite"));
        };
        let values = to_f32(entry.bytes(), entry.dtype);
        entry.release();
        let mut values = self.finite(values, || format!("{full} holds a number that is not finite"))?;
        differences.iter().for_each(|difference| difference.add_to(&mut values));
        let problem = || format!("{full} is not finite with the LoRA added; a smaller scale may help");
        let mut values = self.finite(values, problem)?;
        // As they would lie in a file.
        values.iter_mut().for_each(|value| *value = f32::from_bits(value.to_bits().to_le()));
        Some(convert(bytemuck::cast_slice(&values), Dtype::F32))
    }

    /// The numbers, where all are finite; otherwise the problem is noted.
    fn finite(&self, values: Vec<f32>, problem: impl FnOnce() -> String) -> Option<Vec<f32>> {
        let is_finite = all_finite(&values);
        if !is_finite {
            self.weights.problem(problem());
        }
        is_finite.then_some(values)
    }

    /// The entry of a tensor, when it is there and as expected.
    fn find(&self, name: &str, stored: &[usize]) -> Option<&'a Entry> {
        let full = self.full_name(&name);
        let Some(entry) = self.weights.tensors.get(&full) else {
            self.weights.problem(format!("{full} is missing"));
            return None;
        };
        self.weights.used.borrow_mut().insert(full.clone());
        if entry.shape != stored {
            self.weights.problem(format!("{full} has shape {:?}, not {stored:?}", entry.shape));
            return None;
        }
        if convert::size_of_dtype(entry.dtype).is_none() {
            self.weights.problem(format!("{full} is stored as {:?}; F32, F16 and BF16 are read", entry.dtype));
            return None;
        }
        Some(entry)
    }

    fn full_name(&self, name: &impl std::fmt::Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }
}
