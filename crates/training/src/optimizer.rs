//! AdamW with clipping by global norm, and the moving average of the weights.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Gradients, Tensor, TensorData},
};
use kernels::{AdamW, AdamWConfig, adamw_step};
use models::checkpoint::{self, NamedTensors};

use crate::recipe::OptimizerRecipe;

/// Moments and moving average of all weights, by name.
#[derive(Clone, Debug, Default)]
pub struct Optimizer {
    /// Steps done.
    pub step: u64,
    slots: BTreeMap<String, Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    shape: Vec<usize>,
    first: Vec<f32>,
    second: Vec<f32>,
    ema: Vec<f32>,
}

/// What a step was like.
#[derive(Clone, Copy, Debug)]
pub struct UpdateReport {
    /// Global norm of the gradients before clipping.
    pub gradient_norm: f32,
    /// Learning rate that was used.
    pub learning_rate: f32,
}

impl Optimizer {
    /// An optimizer that has done nothing yet; the moving average begins at the weights.
    pub fn new(module: &impl Module) -> Self {
        let slots = checkpoint::named_tensors(module).into_iter().map(|(name, data)| {
            let shape = data.shape().to_vec();
            let ema = data.try_into_vec::<f32>().unwrap_or_default();
            (name, Slot { shape, first: vec![0.0; ema.len()], second: vec![0.0; ema.len()], ema })
        });
        Self { step: 0, slots: slots.collect() }
    }

    /// Global norm of the gradients, and the gradients by name.
    pub fn collect(module: &impl Module, gradients: Gradients) -> (f32, BTreeMap<String, Vec<f32>>) {
        let mut collector = Collector { gradients, values: BTreeMap::new(), path: Vec::new() };
        module.visit(&mut collector);
        let squares = |values: &Vec<f32>| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
        let norm = collector.values.values().map(squares).sum::<f64>().sqrt();
        (norm as f32, collector.values)
    }

    /// Updates all weights of `module` that have a gradient.
    pub fn update<M: Module>(
        &mut self,
        module: M,
        (gradient_norm, gradients): (f32, BTreeMap<String, Vec<f32>>),
        (recipe, steps): (&OptimizerRecipe, u64),
    ) -> (M, UpdateReport) {
        self.step += 1;
        let learning_rate = recipe.learning_rate_at(self.step, steps);
        // The moving average follows quickly at first, or it would carry the first weights for long.
        let ema_decay = recipe.ema_decay.min((1.0 + self.step as f32) / (10.0 + self.step as f32));
        let config = AdamWConfig {
            lr: learning_rate,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            weight_decay: recipe.weight_decay,
            step: self.step,
            clip_scale: (recipe.clip_norm / gradient_norm.max(1e-12)).min(1.0),
            ema_decay,
        };
        let mut updater = Updater { slots: &mut self.slots, gradients, config, path: Vec::new() };
        let module = module.map(&mut updater);
        (module, UpdateReport { gradient_norm, learning_rate })
    }

    /// The moving average of the weights, by name.
    pub fn ema(&self) -> NamedTensors {
        self.tensors(|slot| &slot.ema)
    }

    /// Everything that a checkpoint needs: `first.NAME`, `second.NAME` and `ema.NAME`.
    pub fn state(&self) -> NamedTensors {
        type Values = fn(&Slot) -> &Vec<f32>;
        let parts: [(&str, Values); 3] =
            [("first", |slot| &slot.first), ("second", |slot| &slot.second), ("ema", |slot| &slot.ema)];
        let named = parts.into_iter().flat_map(|(part, values)| {
            self.tensors(values).into_iter().map(move |(name, data)| (format!("{part}.{name}"), data))
        });
        named.collect()
    }

    /// Takes up where [`Self::state`] left off; names what does not fit.
    pub fn restore(&mut self, step: u64, mut state: NamedTensors) -> Result<(), String> {
        for (name, slot) in &mut self.slots {
            let parts = [("first", &mut slot.first), ("second", &mut slot.second), ("ema", &mut slot.ema)];
            for (part, values) in parts {
                let key = format!("{part}.{name}");
                let data = state.remove(&key).ok_or_else(|| format!("{key} is missing"))?;
                let restored = data.try_into_vec::<f32>().map_err(|error| format!("{key}: {error:?}"))?;
                if restored.len() != values.len() {
                    return Err(format!("{key} has {} values, not {}", restored.len(), values.len()));
                }
                *values = restored;
            }
        }
        self.step = step;
        Ok(())
    }

    fn tensors(&self, values: fn(&Slot) -> &Vec<f32>) -> NamedTensors {
        let named = self.slots.iter();
        named.map(|(name, slot)| (name.clone(), TensorData::new(values(slot).clone(), slot.shape.clone()))).collect()
    }
}

struct Collector {
    gradients: Gradients,
    values: BTreeMap<String, Vec<f32>>,
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
        let gradient = param.val().grad_remove(&mut self.gradients);
        if let Some(values) = gradient.and_then(|gradient| gradient.into_data().try_into_vec::<f32>().ok()) {
            self.values.insert(self.path.join("."), values);
        }
    }
}

struct Updater<'a> {
    slots: &'a mut BTreeMap<String, Slot>,
    gradients: BTreeMap<String, Vec<f32>>,
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
        let name = self.path.join(".");
        let (Some(slot), Some(grad)) = (self.slots.get_mut(&name), self.gradients.get(&name)) else { return param };
        let (id, old, mapper) = param.consume();
        let (device, tracked) = (old.device(), old.is_require_grad());
        let Ok(mut values) = old.into_data().try_into_vec::<f32>() else {
            unreachable!("weights are 32-bit floats");
        };
        // Vectors are biases and norms: they are not decayed.
        let weight_decay = if D < 2 { 0.0 } else { self.config.weight_decay };
        adamw_step(
            AdamW { param: &mut values, grad, m: &mut slot.first, v: &mut slot.second, ema: &mut slot.ema },
            &AdamWConfig { weight_decay, ..self.config },
        );
        let new = Tensor::from_data(TensorData::new(values, slot.shape.clone()), &device).set_require_grad(tracked);
        Param::from_mapped_value(id, new, mapper)
    }
}
