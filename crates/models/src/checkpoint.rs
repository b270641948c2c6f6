//! Weights on disk: safetensors, one file for each part, checked tensor by tensor.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::Path,
};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Tensor, TensorData},
};
use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::ModelError;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits: nothing is lost.
    F32,
    /// 16 bits: half the size, for weights that ship.
    F16,
}

/// Values of a model's tensors by their dotted names, in the order of the names.
pub type NamedTensors = BTreeMap<String, TensorData>;

/// Reads all weights of a module into memory, in 32 bits.
pub fn named_tensors(module: &impl Module) -> NamedTensors {
    let mut collector = Collector::default();
    module.visit(&mut collector);
    collector.tensors
}

/// Writes a module's weights beside `path` and moves them into place when they are whole.
///
/// # Errors
/// [`ModelError::File`] when the file cannot be written.
pub fn save(module: &impl Module, path: &Path, precision: Precision) -> Result<(), ModelError> {
    save_tensors(&named_tensors(module), path, precision)
}

/// As [`save`], for tensors that are already in memory.
///
/// # Errors
/// [`ModelError::File`] when the file cannot be written.
pub fn save_tensors(tensors: &NamedTensors, path: &Path, precision: Precision) -> Result<(), ModelError> {
    let damaged = |reason: String| ModelError::Damaged { path: path.into(), reason };
    let mut stored: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = Vec::with_capacity(tensors.len());
    for (name, data) in tensors {
        let values = data.as_slice::<f32>().map_err(|error| damaged(format!("{name}: {error:?}")))?;
        let (dtype, bytes) = match precision {
            Precision::F32 => (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Precision::F16 => {
                (Dtype::F16, values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect())
            }
        };
        stored.push((name, dtype, data.shape().to_vec(), bytes));
    }
    let views = stored
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| damaged(error.to_string()))?;
    let bytes = safetensors::serialize(views, None).map_err(|error| damaged(error.to_string()))?;
    write_whole(path, &bytes)
}

/// Writes a file beside its name and moves it into place.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let failed = |source| ModelError::File { action: "write", path: path.into(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As readable as any other new file; temporary ones are private unless told otherwise.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Reads a file of weights and puts them into `module`, which must have exactly these tensors.
///
/// # Errors
/// [`ModelError::File`] or [`ModelError::Damaged`] when the file cannot be read, [`ModelError::Tensors`] when a tensor
/// is missing, left over, of another shape, or holds a number that is not finite.
pub fn load<M: Module>(module: M, path: &Path, part: &'static str) -> Result<M, ModelError> {
    let bytes = std::fs::read(path).map_err(|source| ModelError::File { action: "read", path: path.into(), source })?;
    load_bytes(module, &bytes, path, part)
}

/// As [`load`], from bytes in memory; `path` is what errors call them.
///
/// # Errors
/// As [`load`].
pub fn load_bytes<M: Module>(module: M, bytes: &[u8], path: &Path, part: &'static str) -> Result<M, ModelError> {
    put_tensors(module, &read_tensors(bytes, path)?, path, part)
}

/// Reads safetensors of 16 or 32 bits into memory, in 32 bits.
///
/// # Errors
/// [`ModelError::Damaged`] when the bytes are not whole safetensors of these types.
pub fn read_tensors(bytes: &[u8], path: &Path) -> Result<NamedTensors, ModelError> {
    let damaged = |reason: String| ModelError::Damaged { path: path.into(), reason };
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    let mut tensors = NamedTensors::new();
    for (name, view) in file.tensors() {
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Dtype::F16 => data.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
            other => return Err(damaged(format!("{name} is stored as {other:?}; F32 and F16 are read"))),
        };
        tensors.insert(name, TensorData::new(values, view.shape().to_vec()));
    }
    Ok(tensors)
}

/// Puts tensors into `module`, which must have exactly these.
///
/// # Errors
/// [`ModelError::Tensors`] that names every tensor that is wrong.
pub fn put_tensors<M: Module>(
    module: M,
    tensors: &NamedTensors,
    path: &Path,
    part: &'static str,
) -> Result<M, ModelError> {
    let mut loader = Loader { tensors, used: BTreeSet::new(), wrong: Vec::new(), path: Vec::new() };
    let module = module.map(&mut loader);
    let Loader { used, mut wrong, .. } = loader;
    wrong.extend(tensors.keys().filter(|name| !used.contains(*name)).map(|name| format!("{name} is left over")));
    if wrong.is_empty() {
        return Ok(module);
    }
    let more = wrong.len().saturating_sub(8);
    wrong.truncate(8);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    Err(ModelError::Tensors { path: path.into(), part, reason: wrong.join("; ") + &more })
}

/// Puts those weights of another module into `module` that have the same name and shape; names the others.
///
/// # Errors
/// [`ModelError::Tensors`] when a weight is not finite.
pub fn put_fitting<M: Module>(module: M, other: &impl Module) -> Result<(M, Vec<String>), ModelError> {
    let (mut tensors, mut given) = (named_tensors(&module), named_tensors(other));
    let mut unfit = Vec::new();
    for (name, own) in &mut tensors {
        match given.remove(name).filter(|given| given.shape() == own.shape()) {
            Some(given) => *own = given,
            None => unfit.push(name.clone()),
        }
    }
    Ok((put_tensors(module, &tensors, Path::new("given weights"), "model to begin from")?, unfit))
}

#[derive(Default)]
struct Collector {
    tensors: NamedTensors,
    path: Vec<String>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors.insert(self.path.join("."), param.val().into_data());
    }
}

struct Loader<'a> {
    tensors: &'a NamedTensors,
    used: BTreeSet<String>,
    wrong: Vec<String>,
    path: Vec<String>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let expected = param.val().dims();
        let Some(data) = self.tensors.get(&name) else {
            self.wrong.push(format!("{name} is missing"));
            return param;
        };
        self.used.insert(name.clone());
        if data.shape().to_vec() != expected {
            self.wrong.push(format!("{name} has shape {:?}, not {expected:?}", data.shape().to_vec()));
            return param;
        }
        let finite = data.as_slice::<f32>().is_ok_and(|values| values.iter().all(|value| value.is_finite()));
        if !finite {
            self.wrong.push(format!("{name} holds a number that is not finite"));
            return param;
        }
        let (id, old, mapper) = param.consume();
        let new = Tensor::from_data(data.clone(), &old.device()).set_require_grad(old.is_require_grad());
        Param::from_mapped_value(id, new, mapper)
    }
}
