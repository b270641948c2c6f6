//! A training step of a small transformer made of these operations.

use burn::tensor::{Gradients, Tensor};
use kernels::*;

use crate::{TOKENS, best, random};

/// The operations in one of their two forms.
struct Forms {
    linear: fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>) -> Tensor<2>,
    attention: fn(Attention<'_>) -> Tensor<2>,
    head_norm_rotary: fn(HeadNormRotary) -> Tensor<2>,
    modulated_layer_norm: fn(ModulatedLayerNorm<'_>) -> Tensor<2>,
    gated_residual: fn(GatedResidual<'_>) -> Tensor<2>,
    gelu: fn(Tensor<2>) -> Tensor<2>,
}

const FUSED: Forms = Forms { linear, attention, head_norm_rotary, modulated_layer_norm, gated_residual, gelu };
const COMPOSITE: Forms = Forms {
    linear: linear::composite,
    attention: attention::composite,
    head_norm_rotary: head_norm::composite,
    modulated_layer_norm: modulation::modulated_layer_norm_composite,
    gated_residual: modulation::gated_residual_composite,
    gelu: activation::gelu_composite,
};

const SEGMENT: usize = 192;
const TEXT: usize = 32;
const LAYERS: usize = 8;

/// The parameters of one layer: six vectors for the modulation, then the projections.
struct Layer {
    modulation: [Tensor<2>; 6],
    projections: [(Tensor<2>, Tensor<1>); 10],
    head_weights: [Tensor<1>; 2],
}

/// Everything that a step is given.
struct Network {
    width: usize,
    heads: usize,
    layers: Vec<Layer>,
    x: Tensor<2>,
    text: Tensor<2>,
    rotary: Rotary,
    segments: Segments,
    text_segments: Segments,
    rows: Rows,
}

impl Network {
    fn new(width: usize, heads: usize) -> Self {
        let clips = TOKENS / SEGMENT;
        let projection = |inputs: usize, outputs: usize| {
            let scale = (inputs as f32).sqrt().recip();
            ((random([inputs, outputs]) * scale).detach().require_grad(), random([outputs]))
        };
        let square = || projection(width, width);
        let layer = |_| Layer {
            modulation: [(); 6].map(|()| random([clips, width])),
            projections: [
                square(),
                square(),
                square(),
                square(),
                square(),
                square(),
                square(),
                square(),
                projection(width, 4 * width),
                projection(4 * width, width),
            ],
            head_weights: [(); 2].map(|()| random([width / heads])),
        };
        let angles = [TOKENS, width / heads / 2];
        let segments = Segments::new(vec![SEGMENT; clips]);
        Self {
            width,
            heads,
            layers: (0..LAYERS).map(layer).collect(),
            x: random([TOKENS, width]),
            text: random([clips * TEXT, width]),
            rotary: Rotary { cos: random(angles).detach(), sin: random(angles).detach() },
            rows: Rows::from_segments(&segments),
            segments,
            text_segments: Segments::new(vec![TEXT; clips]),
        }
    }

    fn forward(&self, forms: &Forms) -> Tensor<2> {
        let rows = &self.rows;
        self.layers.iter().fold(self.x.clone(), |x, layer| {
            let [shift, scale, gate, mlp_shift, mlp_scale, mlp_gate] = layer.modulation.clone();
            let project = |index: usize, x: Tensor<2>| {
                let (weight, bias) = layer.projections[index].clone();
                (forms.linear)(x, weight, Some(bias))
            };
            let norm = |index: usize, x: Tensor<2>, rotary| {
                let weight = layer.head_weights[index].clone();
                (forms.head_norm_rotary)(HeadNormRotary { x, weight, heads: self.heads, rotary })
            };
            let y = (forms.modulated_layer_norm)(ModulatedLayerNorm { x: x.clone(), shift, scale, rows });
            let y = (forms.attention)(Attention {
                query: norm(0, project(0, y.clone()), Some(self.rotary.clone())),
                key: norm(1, project(1, y.clone()), Some(self.rotary.clone())),
                value: project(2, y),
                heads: self.heads,
                query_segments: &self.segments,
                key_segments: &self.segments,
            });
            let x = (forms.gated_residual)(GatedResidual { x, y: project(3, y), gate, rows });
            let y = (forms.attention)(Attention {
                query: project(4, x.clone()),
                key: project(5, self.text.clone()),
                value: project(6, self.text.clone()),
                heads: self.heads,
                query_segments: &self.segments,
                key_segments: &self.text_segments,
            });
            let x = x + project(7, y);
            let y = (forms.modulated_layer_norm)(ModulatedLayerNorm {
                x: x.clone(),
                shift: mlp_shift,
                scale: mlp_scale,
                rows,
            });
            let y = project(9, (forms.gelu)(project(8, y)));
            (forms.gated_residual)(GatedResidual { x, y, gate: mlp_gate, rows })
        })
    }

    fn step(&self, forms: &Forms) -> Gradients {
        let y = self.forward(forms);
        (y.clone() * y).mean().backward()
    }

    /// Operations in the matrix products of forward and backward, in billions.
    fn giga(&self) -> f64 {
        let (tokens, width) = (TOKENS as f64, self.width as f64);
        let text = self.text.dims()[0] as f64;
        let projections = 2.0 * width * width * (14.0 * tokens + 2.0 * text);
        let attention = 4.0 * tokens * width * (SEGMENT + TEXT) as f64;
        3e-9 * LAYERS as f64 * (projections + attention)
    }
}

/// Times whole steps, forward and backward, without the optimizer.
pub fn train_steps() {
    for (width, heads) in [(256, 4), (384, 6)] {
        let name = format!("step of {LAYERS} layers of {width}");
        if std::env::args().skip(1).any(|word| !word.starts_with('-') && !name.contains(&word)) {
            continue;
        }
        let network = Network::new(width, heads);
        let fused = best(|| drop(network.step(&FUSED)));
        let giga = network.giga();
        println!("{name}: fused {fused:.0} ms, {:.0} GFLOP/s", giga / fused * 1e3);
        if std::env::args().any(|word| word == "--fused") {
            continue;
        }
        let composite = best(|| drop(network.step(&COMPOSITE)));
        println!(
            "{name}: composite {composite:.0} ms, {:.0} GFLOP/s; fused is {:.2}× faster",
            giga / composite * 1e3,
            composite / fused
        );
    }
}
