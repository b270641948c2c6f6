//! Muon over the classifier's matrices and AdamW over its other weights, with a moving average.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Gradients, Tensor, TensorData},
};
use kernels::{AdamW, AdamWConfig, adamw_step};
use models::checkpoint::{self, NamedTensors};

use super::muon;

/// Moments and moving average of all weights, by name.
#[derive(Debug)]
pub(super) struct Optimizer {
    slots: BTreeMap<String, Slot>,
}

#[derive(Debug)]
struct Slot {
    shape: Vec<usize>,
    first: Vec<f32>,
    second: Vec<f32>,
    average: Vec<f32>,
}

/// How one step is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Counts from 1.
    pub(super) number: u64,
    pub(super) learning_rate: f32,
    pub(super) weight_decay: f32,
    pub(super) clip_norm: f32,
    pub(super) average_decay: f32,
}

impl Optimizer {
    /// An optimizer that has done nothing yet; the moving average begins at the weights.
    pub(super) fn new(module: &impl Module) -> Self {
        let slots = checkpoint::named_tensors(module).into_iter().map(|(name, data)| {
            let shape = data.shape().to_vec();
            let average = data.try_into_vec::<f32>().unwrap_or_default();
            (name, Slot { shape, first: vec![0.0; average.len()], second: vec![0.0; average.len()], average })
        });
        Self { slots: slots.collect() }
    }

    /// Updates all weights that have a gradient.
    pub(super) fn update<M: Module>(&mut self, module: M, gradients: Gradients, step: Step) -> M {
        let mut collector = Collector { gradients, collected: Vec::new() };
        module.visit(&mut collector);
        let squares = collector.collected.iter().flatten().flatten().map(|value| f64::from(*value).powi(2));
        let norm = squares.sum::<f64>().sqrt() as f32;
        let counted = step.number as f32;
        let config = AdamWConfig {
            lr: step.learning_rate,
            beta1: 0.9,
            beta2: 0.98,
            eps: 1e-8,
            weight_decay: step.weight_decay,
            step: step.number,
            clip_scale: (step.clip_norm / norm.max(1e-12)).min(1.0),
            // It follows quickly at first, or it would carry the first weights for long.
            ema_decay: step.average_decay.min((1.0 + counted) / (10.0 + counted)),
        };
        let gradients = collector.collected.into_iter();
        module.map(&mut Updater { slots: &mut self.slots, gradients, config, path: Vec::new() })
    }

    /// The moving average of the weights.
    pub(super) fn average(&self) -> NamedTensors {
        self.slots.iter().map(|(name, slot)| (name.clone(), slot.tensor(&slot.average))).collect()
    }

    /// Everything that going on needs: `first.NAME`, `second.NAME` and `average.NAME`.
    pub(super) fn state(&self) -> NamedTensors {
        let named = self.slots.iter().flat_map(|(name, slot)| {
            let parts = [("first", &slot.first), ("second", &slot.second), ("average", &slot.average)];
            parts.map(|(part, values)| (format!("{part}.{name}"), slot.tensor(values)))
        });
        named.collect()
    }

    /// Takes up where [`Self::state`] left off; names what does not fit.
    pub(super) fn restore(&mut self, state: &NamedTensors) -> Result<(), String> {
        for (name, slot) in &mut self.slots {
            let parts = [("first", &mut slot.first), ("second", &mut slot.second), ("average", &mut slot.average)];
            for (part, values) in parts {
                let key = format!("{part}.{name}");
                let restored = state.get(&key).and_then(|data| data.as_slice::<f32>().ok());
                *values = restored
                    .filter(|restored| restored.len() == values.len())
                    .ok_or_else(|| format!("{key} is not there with {} values", values.len()))?
                    .to_vec();
            }
        }
        Ok(())
    }
}

impl Slot {
    fn tensor(&self, values: &[f32]) -> TensorData {
        TensorData::new(values.to_vec(), self.shape.clone())
    }
}

/// The gradients of all weights in the module's order.
struct Collector {
    gradients: Gradients,
    collected: Vec<Option<Vec<f32>>>,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad_remove(&mut self.gradients);
        self.collected.push(gradient.and_then(|gradient| gradient.into_data().try_into_vec().ok()));
    }
}

struct Updater<'a> {
    slots: &'a mut BTreeMap<String, Slot>,
    gradients: std::vec::IntoIter<Option<Vec<f32>>>,
    config: AdamWConfig,
    path: Vec<String>,
}

impl ModuleMapper for Updater<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.gradients.next().flatten();
        let (Some(grad), Some(slot)) = (gradient, self.slots.get_mut(&self.path.join("."))) else { return param };
        let (id, old, mapper) = param.consume();
        let (device, tracked) = (old.device(), old.is_require_grad());
        let mut values = old.into_data().try_into_vec::<f32>().unwrap_or_default();
        // Vectors are biases and norms: they are not decayed.
        let weight_decay = if D < 2 { 0.0 } else { self.config.weight_decay };
        if let [rows, columns] = slot.shape[..]
            && muon::suits(&slot.shape)
        {
            let AdamWConfig { lr, ema_decay, .. } = self.config;
            let change = muon::change(&mut slot.first, &grad, [rows, columns]);
            for ((value, change), average) in values.iter_mut().zip(change).zip(&mut slot.average) {
                *value -= lr * (change + weight_decay * *value);
                *average += (1.0 - ema_decay) * (*value - *average);
            }
        } else {
            let Slot { first, second, average, .. } = slot;
            let state = AdamW { param: &mut values, grad: &grad, m: first, v: second, ema: average };
            adamw_step(state, &AdamWConfig { weight_decay, ..self.config });
        }
        let new = Tensor::from_data(TensorData::new(values, slot.shape.clone()), &device).set_require_grad(tracked);
        Param::from_mapped_value(id, new, mapper)
    }
}
