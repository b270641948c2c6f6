//! First weights: seeded, so that the same seed gives the same model on every machine, or blank, to be read.

use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws the first weights of layers, in the order in which they are asked for.
#[derive(Debug)]
pub struct WeightInit {
    device: Device,
    /// None where nothing is drawn.
    rng: Option<ChaCha8Rng>,
}

impl WeightInit {
    /// Weights on `device`, all of them determined by `seed`.
    pub fn new(device: &Device, seed: u64) -> Self {
        Self { device: device.clone(), rng: Some(ChaCha8Rng::seed_from_u64(seed)) }
    }

    /// Zeros wherever weights would be drawn: for a model whose weights are read next.
    pub fn blank(device: &Device) -> Self {
        Self { device: device.clone(), rng: None }
    }

    /// The device that the weights are made on.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Uniform in ±√(3 / `fan_in`), so that a layer keeps its input's variance.
    pub fn scaled<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        let bound = (3.0 / fan_in.max(1) as f32).sqrt();
        self.uniform(shape, bound)
    }

    /// Uniform in ±`bound`.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        let Some(rng) = &mut self.rng else { return self.zeros(shape) };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-bound..=bound)).collect();
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    /// These values.
    pub fn values(&self, values: Vec<f32>) -> Param<Tensor<1>> {
        let shape = [values.len()];
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    /// All zeros.
    pub fn zeros<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::zeros(shape, &self.device))
    }

    /// All ones.
    pub fn ones<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::ones(shape, &self.device))
    }
}
