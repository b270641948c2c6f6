//! The tiny model, and what diffusers computes with it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use wan::tensor_file::TensorFile;

/// A tensor of a file: type, shape and bytes.
pub type Stored = (Dtype, Vec<usize>, Vec<u8>);

pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

pub fn model() -> PathBuf {
    goldens().join("model")
}

/// Reference tensors by name.
pub struct Goldens {
    file: TensorFile,
    tolerance: f64,
}

impl Goldens {
    pub fn open() -> Self {
        Self::of("wan")
    }

    /// Those of one of the other models.
    pub fn of(name: &str) -> Self {
        let path = goldens().join(name).with_extension("safetensors");
        let bytes = std::fs::read(&path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let tolerance = metadata.metadata().as_ref().unwrap()["tolerance"].parse().unwrap();
        Self { file: TensorFile::open(&path).unwrap(), tolerance }
    }

    pub fn get<const D: usize>(&self, name: &str) -> Tensor<D> {
        self.file.floats(name, &Device::flex()).unwrap()
    }

    pub fn numbers(&self, name: &str) -> Vec<f32> {
        values(self.get::<1>(name))
    }

    pub fn indices(&self, name: &str) -> (Vec<u32>, [usize; 2]) {
        self.file.indices(name).unwrap()
    }

    /// Asserts that the norm of the difference is a small part of the norm of the reference.
    pub fn compare<const D: usize>(&self, name: &str, ours: Tensor<D>) {
        let theirs: Tensor<D> = self.get(name);
        assert_eq!(ours.dims(), theirs.dims(), "{name}");
        let error = relative_error(&values(ours), &values(theirs));
        println!("{name}: {error:.1e}");
        assert!(error <= self.tolerance, "{name}: the relative error is {error:e}, allowed is {:e}", self.tolerance);
    }
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

pub fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = norm(&mut ours.iter().zip(theirs).map(|(ours, theirs)| f64::from(ours - theirs)));
    difference / norm(&mut theirs.iter().map(|value| f64::from(*value)))
}

/// Changes the tensors of a file. What else its header says is lost.
#[track_caller]
pub fn rewrite(path: &Path, change: impl FnOnce(&mut BTreeMap<String, Stored>)) {
    let bytes = fs::read(path).unwrap();
    let mut tensors: BTreeMap<String, Stored> = SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut tensors);
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[track_caller]
pub fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}
