//! What an optimizer remembers of a parameter, kept where the parameter is.
//!
//! On the CPU the update is [`adamw_step`], one pass over slices. Elsewhere it is made of burn's operations, which a GPU
//! fuses, and nothing but the gradients' norm comes back from it.

use burn::tensor::{Tensor, TensorData};

use rayon::prelude::*;

use crate::cpu::{simd::WIDTH, vectorize};
use crate::{AdamW, AdamWConfig, adamw_step, cpu};

/// The gradient of one parameter.
#[derive(Debug, Clone)]
pub struct Gradient(Values);

/// First and second moment of a parameter's gradients, and the moving average of the parameter.
#[derive(Debug, Clone)]
pub struct Moments {
    first: Values,
    second: Values,
    ema: Values,
}

#[derive(Debug, Clone)]
enum Values {
    Host(Vec<f32>),
    Device(Box<Tensor<1>>),
}

impl Values {
    /// # Panics  when the tensor is not of 32-bit floats
    fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let length = tensor.shape().num_elements();
        if cpu::supported(&tensor) {
            Self::Host(to_vec(tensor))
        } else {
            Self::Device(Box::new(tensor.reshape([length])))
        }
    }

    fn zeros_like(&self) -> Self {
        match self {
            Self::Host(values) => Self::Host(vec![0.0; values.len()]),
            Self::Device(tensor) => Self::Device(Box::new(tensor.zeros_like())),
        }
    }

    fn to_vec(&self) -> Vec<f32> {
        match self {
            Self::Host(values) => values.clone(),
            Self::Device(tensor) => to_vec(Tensor::clone(tensor)),
        }
    }

    /// Puts other values in their place; says how many there are when they are not as many.
    fn replace(&mut self, values: Vec<f32>) -> Result<(), usize> {
        let length = match self {
            Self::Host(held) => held.len(),
            Self::Device(tensor) => tensor.shape().num_elements(),
        };
        if values.len() != length {
            return Err(length);
        }
        match self {
            Self::Host(held) => *held = values,
            Self::Device(tensor) => **tensor = Tensor::from_data(TensorData::new(values, [length]), &tensor.device()),
        }
        Ok(())
    }
}

/// # Panics  when the tensor is not of 32-bit floats
fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("weights and their gradients are 32-bit floats")
}

impl Gradient {
    /// Takes what a backward gave for a parameter.
    ///
    /// # Panics  when the tensor is not of 32-bit floats
    pub fn new<const D: usize>(gradient: Tensor<D>) -> Self {
        Self(Values::of(gradient))
    }

    /// Root of the sum of all squares.
    pub fn global_norm<'a>(gradients: impl Iterator<Item = &'a Self>) -> f64 {
        let (mut sum, mut on_device) = (0.0, Vec::new());
        for Self(values) in gradients {
            match values {
                Values::Host(values) => sum += sum_of_squares(values),
                Values::Device(tensor) => {
                    let tensor = Tensor::clone(tensor);
                    on_device.push((tensor.clone() * tensor).sum());
                }
            }
        }
        if !on_device.is_empty() {
            sum += to_vec(Tensor::cat(on_device, 0)).into_iter().map(f64::from).sum::<f64>();
        }
        sum.sqrt()
    }
}

/// How many squares one task adds up; fixed, so that the sum never depends on the thread count.
const SQUARES: usize = 1 << 15;

/// Σ x², in lanes, then in blocks, always in the same order.
fn sum_of_squares(values: &[f32]) -> f64 {
    let blocks = values.par_chunks(SQUARES).map(|block| {
        vectorize(
            #[inline(always)]
            |_| {
                let (groups, rest) = block.as_chunks::<WIDTH>();
                let mut sums = [0.0; WIDTH];
                for group in groups {
                    for lane in 0..WIDTH {
                        let value = f64::from(group[lane]);
                        sums[lane] += value * value;
                    }
                }
                let mut total = 0.0;
                for sum in sums {
                    total += sum;
                }
                for value in rest {
                    total += f64::from(*value).powi(2);
                }
                total
            },
        )
    });
    blocks.collect::<Vec<f64>>().into_iter().sum()
}

impl Moments {
    /// Nothing is known of gradients yet; the moving average begins at the parameter.
    ///
    /// # Panics  when the parameter is not of 32-bit floats
    pub fn new<const D: usize>(param: Tensor<D>) -> Self {
        let ema = Values::of(param);
        Self { first: ema.zeros_like(), second: ema.zeros_like(), ema }
    }

    /// Updates a parameter as [`adamw_step`] does.
    ///
    /// # Shapes  `[…]`, unchanged
    /// # Panics  when parameter, gradient and moments differ in length or in where they are
    pub fn step<const D: usize>(&mut self, param: Tensor<D>, gradient: &Gradient, config: &AdamWConfig) -> Tensor<D> {
        let (shape, device) = (param.dims(), param.device());
        match (&gradient.0, self) {
            (Values::Host(grad), Self { first: Values::Host(m), second: Values::Host(v), ema: Values::Host(ema) }) => {
                let mut param = to_vec(param);
                adamw_step(AdamW { param: &mut param, grad, m, v, ema }, config);
                Tensor::from_data(TensorData::new(param, shape), &device)
            }
            (
                Values::Device(grad),
                Self { first: Values::Device(m), second: Values::Device(v), ema: Values::Device(ema) },
            ) => composite(param.reshape(grad.dims()), grad, [m, v, ema], config).reshape(shape),
            _ => panic!("a parameter's gradient and moments must be where the parameter is"),
        }
    }

    /// The moving average.
    pub fn ema(&self) -> Vec<f32> {
        self.ema.to_vec()
    }

    /// First moment, second moment and moving average.
    pub fn to_vecs(&self) -> [Vec<f32>; 3] {
        [&self.first, &self.second, &self.ema].map(Values::to_vec)
    }

    /// Takes up what [`Self::to_vecs`] gave; of values of another number, says what number it should be.
    ///
    /// # Errors
    /// How many values there are.
    pub fn restore(&mut self, [first, second, ema]: [Vec<f32>; 3]) -> Result<(), usize> {
        self.first.replace(first)?;
        self.second.replace(second)?;
        self.ema.replace(ema)
    }
}

/// The meaning of [`adamw_step`] in burn's operations.
fn composite(
    param: Tensor<1>,
    grad: &Tensor<1>,
    [first, second, ema]: [&mut Tensor<1>; 3],
    config: &AdamWConfig,
) -> Tensor<1> {
    let AdamWConfig { lr, beta1, beta2, eps, weight_decay, step, clip_scale, ema_decay } = *config;
    let correction = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
    let grad = grad.clone() * clip_scale;
    let m = first.clone() * beta1 + grad.clone() * (1.0 - beta1);
    let v = second.clone() * beta2 + grad.clone() * grad * (1.0 - beta2);
    let denominator = v.clone().sqrt() * correction(beta2).sqrt().recip() + eps;
    let param = param * (1.0 - lr * weight_decay) - m.clone() / denominator * (f64::from(lr) / correction(beta1));
    *ema = ema.clone() * ema_decay + param.clone() * (1.0 - ema_decay);
    (*first, *second) = (m, v);
    param
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    const CONFIG: AdamWConfig = AdamWConfig {
        lr: 1e-2,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        weight_decay: 0.1,
        step: 3,
        clip_scale: 0.5,
        ema_decay: 0.9,
    };

    fn tensor(values: [f32; 4]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [2, 2]), &Device::flex())
    }

    #[test]
    fn what_a_gpu_runs_is_what_the_cpu_runs() {
        let (param, grad) = (tensor([1.0, -2.0, 0.5, 3.0]), tensor([0.3, -0.1, 0.0, 2.0]));
        let mut moments = Moments::new(param.clone());
        let gradient = Gradient::new(grad.clone());
        let flat = |tensor: Tensor<2>| tensor.reshape([4]);
        let (mut m, mut v, mut ema) = (flat(param.zeros_like()), flat(param.zeros_like()), flat(param.clone()));
        let (mut one, mut other) = (param.clone(), flat(param));
        for step in 1..4 {
            let config = AdamWConfig { step, ..CONFIG };
            one = moments.step(one, &gradient, &config);
            other = composite(other, &flat(grad.clone()), [&mut m, &mut v, &mut ema], &config);
        }
        let [first, second, average] = moments.to_vecs();
        for (one, other) in [(to_vec(one), other), (first, m), (second, v), (average, ema)] {
            let other = to_vec(other);
            assert!(one.iter().zip(&other).all(|(one, other)| (one - other).abs() < 1e-6), "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_norm_is_over_all_and_state_comes_back() {
        let gradients = [Gradient::new(tensor([3.0, 0.0, 0.0, 0.0])), Gradient::new(tensor([0.0, 4.0, 0.0, 0.0]))];
        assert!((Gradient::global_norm(gradients.iter()) - 5.0).abs() < 1e-9);
        let many: Vec<f32> = (0..2 * SQUARES + 21).map(|index| (index as f32).sin()).collect();
        let exact = many.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let many = [Gradient::new(Tensor::<1>::from_data(many.as_slice(), &Device::flex()))];
        assert!((Gradient::global_norm(many.iter()) - exact).abs() < 1e-9 * exact);
        let mut moments = Moments::new(tensor([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(moments.restore([vec![0.0; 4], vec![0.0; 3], vec![0.0; 4]]), Err(4));
        let state = [[1.0; 4], [2.0; 4], [3.0; 4]].map(|values| values.to_vec());
        moments.restore(state.clone()).unwrap();
        assert_eq!((moments.to_vecs(), moments.ema()), (state.clone(), state[2].clone()));
    }
}
