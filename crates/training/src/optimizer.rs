//! AdamW with clipping by global norm, and the moving average of the weights.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Gradients, Tensor, TensorData},
};
use kernels::{AdamWConfig, Gradient, Moments};
use models::checkpoint::{self, NamedTensors};

use crate::{recipe::OptimizerRecipe, stage::device_of};

/// The parts of a slot in a checkpoint.
const PARTS: [&str; 3] = ["first", "second", "ema"];

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
    moments: Moments,
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
        let device = device_of(module);
        let slots = checkpoint::named_tensors(module).into_iter().map(|(name, data)| {
            let shape = data.shape().to_vec();
            let values = data.try_into_vec::<f32>().unwrap_or_default();
            let length = values.len();
            let moments = Moments::new(Tensor::<1>::from_data(TensorData::new(values, [length]), &device));
            (name, Slot { shape, moments })
        });
        Self { step: 0, slots: slots.collect() }
    }

    /// Global norm of the gradients, and the gradients by name.
    pub fn collect(module: &impl Module, gradients: Gradients) -> (f32, BTreeMap<String, Gradient>) {
        let mut collector = Collector { gradients, by_name: BTreeMap::new(), path: Vec::new() };
        module.visit(&mut collector);
        (Gradient::global_norm(collector.by_name.values()) as f32, collector.by_name)
    }

    /// Updates all weights of `module` that have a gradient.
    pub fn update<M: Module>(
        &mut self,
        module: M,
        (gradient_norm, gradients): (f32, BTreeMap<String, Gradient>),
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
        let averages = self.slots.iter().map(|(name, slot)| (name.clone(), slot.data(slot.moments.ema())));
        averages.collect()
    }

    /// Everything that a checkpoint needs: `first.NAME`, `second.NAME` and `ema.NAME`.
    pub fn state(&self) -> NamedTensors {
        let parts = self.slots.iter().flat_map(|(name, slot)| {
            let parts = PARTS.into_iter().zip(slot.moments.to_vecs());
            parts.map(move |(part, values)| (format!("{part}.{name}"), slot.data(values)))
        });
        parts.collect()
    }

    /// Takes up where [`Self::state`] left off; names what does not fit.
    pub fn restore(&mut self, step: u64, mut state: NamedTensors) -> Result<(), String> {
        for (name, slot) in &mut self.slots {
            let mut take = |part: &str| {
                let key = format!("{part}.{name}");
                let data = state.remove(&key).ok_or_else(|| format!("{key} is missing"))?;
                data.try_into_vec::<f32>().map_err(|error| format!("{key}: {error:?}"))
            };
            let [first, second, ema] = PARTS;
            slot.moments
                .restore([take(first)?, take(second)?, take(ema)?])
                .map_err(|length| format!("{name} has another size: {length} values are expected"))?;
        }
        self.step = step;
        Ok(())
    }
}

impl Slot {
    fn data(&self, values: Vec<f32>) -> TensorData {
        TensorData::new(values, self.shape.clone())
    }
}

struct Collector {
    gradients: Gradients,
    by_name: BTreeMap<String, Gradient>,
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
        if let Some(gradient) = param.val().grad_remove(&mut self.gradients) {
            self.by_name.insert(self.path.join("."), Gradient::new(gradient));
        }
    }
}

struct Updater<'a> {
    slots: &'a mut BTreeMap<String, Slot>,
    gradients: BTreeMap<String, Gradient>,
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
        let (Some(slot), Some(gradient)) = (self.slots.get_mut(&name), self.gradients.get(&name)) else { return param };
        let (id, old, mapper) = param.consume();
        let tracked = old.is_require_grad();
        // Vectors are biases and norms: they are not decayed.
        let weight_decay = if D < 2 { 0.0 } else { self.config.weight_decay };
        let config = AdamWConfig { weight_decay, ..self.config };
        let new = Tensor::from_inner(slot.moments.step(old.inner(), gradient, &config)).set_require_grad(tracked);
        Param::from_mapped_value(id, new, mapper)
    }
}
