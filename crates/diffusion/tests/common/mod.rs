//! Data whose velocity and whose probability-flow ODE are known exactly: a mixture of Gaussians.

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::{Canvas, DiffusionError, Sigma};

/// Weight, mean and standard deviation of each part; the same as in scripts/goldens/diffusers_schedulers.py.
const MIXTURE: [[f64; 3]; 3] = [[0.3, -1.2, 0.35], [0.5, 0.4, 0.5], [0.2, 1.7, 0.25]];

/// E[noise − data | x] at each position's own level, as a denoiser.
pub fn mixture(canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
    let levels = values(canvas.levels(sigma).expand(canvas.latents.dims()));
    let velocity: Vec<f32> =
        values(canvas.latents.clone()).iter().zip(levels).map(|(&x, level)| velocity(x, level)).collect();
    Ok(tensor(velocity, canvas.latents.dims()))
}

fn velocity(x: f32, sigma: f32) -> f32 {
    let [x, sigma] = [x, sigma].map(f64::from);
    let alpha = 1.0 - sigma;
    let parts = MIXTURE.map(|[weight, mean, std]| {
        let variance = alpha * alpha * std * std + sigma * sigma;
        let offset = x - alpha * mean;
        let density = weight / variance.sqrt() * (-0.5 * offset * offset / variance).exp();
        [density, (sigma - alpha * std * std) / variance * offset - mean]
    });
    let total: f64 = parts.iter().map(|[density, _]| density).sum();
    (parts.iter().map(|[density, velocity]| density * velocity).sum::<f64>() / total) as f32
}

/// Where the probability-flow ODE takes x from level `from` to level `to`.
///
/// In one dimension the flow keeps the order of points and carries one density to the other, so that it keeps each
/// point's quantile. This needs neither the velocity nor any integration.
#[allow(dead_code, reason = "not every test file compares with the exact solution")]
pub fn exact(x: f32, from: Sigma, to: Sigma) -> f64 {
    let quantile = cumulative(f64::from(x), from);
    let [mut low, mut high] = [-20.0, 20.0];
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if cumulative(middle, to) < quantile { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

fn cumulative(x: f64, sigma: Sigma) -> f64 {
    let sigma = f64::from(sigma.value());
    let alpha = 1.0 - sigma;
    let part = |[weight, mean, std]: [f64; 3]| {
        let variance = alpha * alpha * std * std + sigma * sigma;
        weight * 0.5 * libm::erfc((alpha * mean - x) / (2.0 * variance).sqrt())
    };
    MIXTURE.map(part).iter().sum()
}

pub fn tensor(values: Vec<f32>, dims: [usize; 5]) -> Tensor<5> {
    Tensor::from_data(TensorData::new(values, dims), &Device::default())
}

pub fn values(tensor: Tensor<5>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

/// A canvas of which every position is at one level.
#[allow(dead_code, reason = "not every test file needs a level below 1")]
pub fn canvas_at(level: Sigma, latents: Tensor<5>) -> Canvas {
    let canvas = Canvas::imagined(latents);
    Canvas { start: canvas.start * level.value(), ..canvas }
}
