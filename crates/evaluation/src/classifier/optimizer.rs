//! AdamW over the classifier's weights, clipped by their global norm, with a moving average.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Gradients, Tensor, TensorData},
};
use kernels::{AdamW, AdamWConfig, adamw_step};
use models::checkpoint::NamedTensors;

/// Moments and moving average of all weights.
#[derive(Debug, Default)]
pub(super) struct Optimizer {
    slots: Vec<Slot>,
    step: u64,
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
    pub(super) learning_rate: f32,
    pub(super) weight_decay: f32,
    pub(super) clip_norm: f32,
    pub(super) average_decay: f32,
}

impl Optimizer {
    /// Updates all weights that have a gradient.
    pub(super) fn update<M: Module>(&mut self, module: M, gradients: Gradients, step: Step) -> M {
        self.step += 1;
        let mut collector = Collector { gradients, collected: Vec::new() };
        module.visit(&mut collector);
        let squares = collector.collected.iter().flatten().flatten().map(|value| f64::from(*value).powi(2));
        let norm = squares.sum::<f64>().sqrt() as f32;
        let counted = self.step as f32;
        let config = AdamWConfig {
            lr: step.learning_rate,
            beta1: 0.9,
            beta2: 0.98,
            eps: 1e-8,
            weight_decay: step.weight_decay,
            step: self.step,
            clip_scale: (step.clip_norm / norm.max(1e-12)).min(1.0),
            // It follows quickly at first, or it would carry the first weights for long.
            ema_decay: step.average_decay.min((1.0 + counted) / (10.0 + counted)),
        };
        let mut updater =
            Updater { slots: &mut self.slots, gradients: collector.collected.into_iter(), config, index: 0 };
        module.map(&mut updater)
    }

    /// The moving average, under the names of the module's weights.
    pub(super) fn average(&self, module: &impl Module) -> NamedTensors {
        let mut names = Names::default();
        module.visit(&mut names);
        let tensor = |slot: &Slot| TensorData::new(slot.average.clone(), slot.shape.clone());
        names.names.into_iter().zip(self.slots.iter().map(tensor)).collect::<BTreeMap<_, _>>()
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
    slots: &'a mut Vec<Slot>,
    gradients: std::vec::IntoIter<Option<Vec<f32>>>,
    config: AdamWConfig,
    index: usize,
}

impl ModuleMapper for Updater<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.gradients.next().flatten();
        let (id, old, mapper) = param.consume();
        let (device, tracked, shape) = (old.device(), old.is_require_grad(), old.dims().to_vec());
        let mut values = old.into_data().try_into_vec::<f32>().unwrap_or_default();
        if self.index == self.slots.len() {
            let zeros = vec![0.0; values.len()];
            let (first, second) = (zeros.clone(), zeros);
            self.slots.push(Slot { shape: shape.clone(), first, second, average: values.clone() });
        }
        let slot = &mut self.slots[self.index];
        self.index += 1;
        if let Some(grad) = gradient {
            // Vectors are biases and norms: they are not decayed.
            let weight_decay = if D < 2 { 0.0 } else { self.config.weight_decay };
            let state = AdamW {
                param: &mut values,
                grad: &grad,
                m: &mut slot.first,
                v: &mut slot.second,
                ema: &mut slot.average,
            };
            adamw_step(state, &AdamWConfig { weight_decay, ..self.config });
        }
        let new = Tensor::from_data(TensorData::new(values, shape), &device).set_require_grad(tracked);
        Param::from_mapped_value(id, new, mapper)
    }
}

#[derive(Default)]
struct Names {
    path: Vec<String>,
    names: Vec<String>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        self.names.push(self.path.join("."));
    }
}
