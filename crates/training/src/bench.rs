//! How fast training is: steps of a plain transformer, whose like everybody else can also time.
//!
//! Pre-norm blocks: attention within a clip, then a feed-forward of four times the width with SiLU; the loss is the mean
//! square of 64 outputs. What is timed is all of a step: random tokens, forward, backward, AdamW with clipping and
//! moving average.

use std::time::Instant;

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData},
};
use diffusion::noise::{normal_numbers, stream};
use kernels::{Attention, ModulatedLayerNorm, Rows, Segments};
use models::{
    WeightInit,
    layers::{Linear, LinearConfig},
};
use rayon::prelude::*;
use serde::Serialize;

use crate::{TrainingError, optimizer::Optimizer, recipe::OptimizerRecipe};

const OUTPUTS: usize = 64;
/// Steps that are not counted: they find their memory.
const WARMUP_STEPS: usize = 2;
/// More than any machine that this runs on could hold.
const MAX_SIZE: usize = 1 << 16;

/// Sizes of the transformer and of its batch.
#[derive(Clone, Copy, Debug)]
pub struct TrainStep {
    /// Channels of a token.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Clips of a step.
    pub clips: usize,
    /// Tokens of a clip.
    pub tokens: usize,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct TrainStepTimes {
    /// Of each step.
    pub seconds: Vec<f64>,
    /// Weights that are trained.
    pub parameters: usize,
    /// Billions of operations a second at the median step: six for each weight and token.
    pub gflops: f64,
}

impl TrainStep {
    /// Times `repeat` steps.
    ///
    /// # Errors
    /// [`TrainingError::Recipe`] for sizes that no transformer has.
    pub fn time(self, repeat: usize, device: &Device) -> Result<TrainStepTimes, TrainingError> {
        self.check(repeat)?;
        let device = device.clone().autodiff();
        let mut net = self.init(&device);
        let mut optimizer = Optimizer::new(&net);
        let recipe = OptimizerRecipe {
            learning_rate: 1e-4,
            warmup_steps: 0,
            final_share: 1.0,
            weight_decay: 0.01,
            clip_norm: 1.0,
            ema_decay: 0.999,
        };
        let mut seconds = Vec::with_capacity(repeat);
        for step in 0..WARMUP_STEPS + repeat {
            let begun = Instant::now();
            net = kernels::on_workers(&device, || {
                let out = net.forward(self.noise(step, &device));
                let gradients = Optimizer::collect(&net, out.powi_scalar(2).mean().backward());
                optimizer.update(net, gradients, (&recipe, u64::MAX)).0
            });
            if step >= WARMUP_STEPS {
                seconds.push(begun.elapsed().as_secs_f64());
            }
        }
        let parameters = net.num_params();
        let mut sorted = seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let median = (sorted[(repeat - 1) / 2] + sorted[repeat / 2]) / 2.0;
        let operations = 6.0 * (parameters * self.clips * self.tokens) as f64;
        Ok(TrainStepTimes { seconds, parameters, gflops: operations / median / 1e9 })
    }

    fn check(self, repeat: usize) -> Result<(), TrainingError> {
        let Self { width, layers, heads, clips, tokens } = self;
        for (name, value) in [
            ("width", width),
            ("layers", layers),
            ("heads", heads),
            ("clips", clips),
            ("tokens", tokens),
            ("repeat", repeat),
        ] {
            if !(1..=MAX_SIZE).contains(&value) {
                return Err(TrainingError::Recipe(format!("{name} is {value}, and must be 1 to {MAX_SIZE}")));
            }
        }
        if !width.is_multiple_of(heads) {
            let nearest = width / heads * heads;
            return Err(TrainingError::Recipe(format!(
                "a width of {width} cannot be shared by {heads} heads; the nearest that can is {}",
                if nearest == 0 { heads } else { nearest }
            )));
        }
        Ok(())
    }

    fn init(self, device: &Device) -> PlainTransformer {
        let Self { width: d, layers, heads, clips, tokens } = self;
        let mut weights = WeightInit::new(device, 0);
        let norm = |weights: &WeightInit| Norm { scale: weights.zeros([1, d]), shift: weights.zeros([1, d]) };
        let blocks = (0..layers).map(|_| PlainBlock {
            norm_attention: norm(&weights),
            projections: (0..4).map(|_| LinearConfig::new(d, d).init(&mut weights)).collect(),
            norm_feed_forward: norm(&weights),
            up: LinearConfig::new(d, 4 * d).init(&mut weights),
            down: LinearConfig::new(4 * d, d).init(&mut weights),
        });
        PlainTransformer {
            blocks: blocks.collect(),
            out: LinearConfig::new(d, OUTPUTS).init(&mut weights),
            heads,
            segments: Segments::new(std::iter::repeat_n(tokens, clips)),
            rows: Rows::new(std::iter::repeat_n(0, clips * tokens)),
        }
    }

    fn noise(self, step: usize, device: &Device) -> Tensor<2> {
        let shape = [self.clips * self.tokens, self.width];
        let values: Vec<f32> = (0..shape[0] as u64)
            .into_par_iter()
            .flat_map_iter(|token| normal_numbers(stream(step as u64, token)).take(self.width))
            .collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

#[derive(Module, Debug)]
struct PlainTransformer {
    blocks: Vec<PlainBlock>,
    out: Linear,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    segments: Segments,
    #[module(skip)]
    rows: Rows,
}

#[derive(Module, Debug)]
struct PlainBlock {
    norm_attention: Norm,
    /// To queries, keys and values, and back from what attention gives.
    projections: Vec<Linear>,
    norm_feed_forward: Norm,
    up: Linear,
    down: Linear,
}

/// Layer norm; its weight is 1 + scale.
#[derive(Module, Debug)]
struct Norm {
    scale: Param<Tensor<2>>,
    shift: Param<Tensor<2>>,
}

impl PlainTransformer {
    /// # Shapes  `[N, D]` → `[N, 64]`
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.blocks.iter().fold(x, |x, block| {
            let normed = block.norm_attention.forward(x.clone(), &self.rows);
            let project = |index: usize| block.projections[index].forward(normed.clone());
            let attended = kernels::attention(Attention {
                query: project(0),
                key: project(1),
                value: project(2),
                heads: self.heads,
                query_segments: &self.segments,
                key_segments: &self.segments,
            });
            let x = x + block.projections[3].forward(attended);
            let normed = block.norm_feed_forward.forward(x.clone(), &self.rows);
            x + block.down.forward(kernels::silu(block.up.forward(normed)))
        });
        self.out.forward(x)
    }
}

impl Norm {
    fn forward(&self, x: Tensor<2>, rows: &Rows) -> Tensor<2> {
        kernels::modulated_layer_norm(ModulatedLayerNorm { x, shift: self.shift.val(), scale: self.scale.val(), rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: TrainStep = TrainStep { width: 16, layers: 2, heads: 2, clips: 2, tokens: 5 };

    #[test]
    fn steps_are_timed_and_parameters_counted() {
        let times = SMALL.time(3, &Device::flex()).unwrap();
        assert_eq!(times.seconds.len(), 3);
        assert!(times.seconds.iter().all(|seconds| *seconds > 0.0) && times.gflops > 0.0);
        // Two norms, four square projections, up and down, each with a bias; then the outputs.
        let block = 2 * 2 * 16 + 4 * (16 * 16 + 16) + (16 * 64 + 64) + (64 * 16 + 16);
        assert_eq!(times.parameters, 2 * block + 16 * 64 + 64);
    }

    #[test]
    fn impossible_sizes_are_named() {
        let said = |step: TrainStep, repeat| step.time(repeat, &Device::flex()).unwrap_err().to_string();
        assert!(said(TrainStep { heads: 3, ..SMALL }, 1).contains("nearest that can is 15"));
        assert!(said(TrainStep { layers: 0, ..SMALL }, 1).contains("layers is 0"));
        assert!(said(SMALL, 0).contains("repeat is 0"));
    }
}
