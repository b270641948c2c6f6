//! The tiny model, and what diffusers computes with it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use safetensors::SafeTensors;
use wan::tensor_file::TensorFile;

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
        let path = goldens().join("wan.safetensors");
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
