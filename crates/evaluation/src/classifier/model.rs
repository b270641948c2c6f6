//! The network: convolutions over latents, a small transformer over their patches, one answer for each question.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData, activation},
};
use kernels::{Attention, CausalConv3d, HeadNormRotary, Rotary, Segments};
use models::{
    WeightInit,
    layers::{Linear, LinearConfig},
};
use serde::{Deserialize, Serialize};

use super::examples::Latents;
use crate::{Answers, PerQuestion, Question};

/// Latent positions on each side of a patch.
const PATCH: usize = 2;
/// Latent frames that the first convolution sees: this one and two before it.
const STEM_FRAMES: usize = 3;
/// Channel pairs that turn with the fastest to the slowest frequency.
const ROTARY_BASE: f32 = 64.0;
/// Numbers that tell where a patch lies: sine and cosine of three frequencies on three axes.
const PLACE_FEATURES: usize = 18;

/// Sizes of a [`Classifier`], and the statistics by which it scales its input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierConfig {
    /// Width of the convolutions.
    pub stem_width: usize,
    /// Width of the transformer.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Layers.
    pub depth: usize,
    /// Mean of each latent channel, as the encoder gives it.
    pub input_mean: Vec<f32>,
    /// Standard deviation of each latent channel.
    pub input_std: Vec<f32>,
}

impl ClassifierConfig {
    /// The size that is shipped, for latents with these statistics.
    pub const fn standard(input_mean: Vec<f32>, input_std: Vec<f32>) -> Self {
        Self { stem_width: 64, width: 128, heads: 4, depth: 3, input_mean, input_std }
    }

    /// A few channels only, for tests.
    pub const fn tiny(input_mean: Vec<f32>, input_std: Vec<f32>) -> Self {
        Self { stem_width: 8, width: 16, heads: 2, depth: 1, input_mean, input_std }
    }

    /// Says what is wrong with numbers that describe no possible network.
    ///
    /// # Errors
    /// A sentence.
    pub fn validate(&self) -> Result<(), String> {
        let Self { stem_width, width, heads, depth, input_mean, input_std } = self;
        if *heads == 0 || !width.is_multiple_of(2 * heads) || *width > 4096 || !(1..=4096).contains(stem_width) {
            return Err(format!("width {width} must be an even multiple of {heads} heads, and none above 4096"));
        }
        if *depth > 64 {
            return Err(format!("{depth} layers are more than 64"));
        }
        let channels = input_mean.len();
        if !(1..=4096).contains(&channels) || input_std.len() != channels {
            return Err(format!("{channels} means and {} deviations are given", input_std.len()));
        }
        if !input_mean.iter().all(|mean| mean.is_finite()) || !input_std.iter().all(|std| *std > 0.0 && std.is_finite())
        {
            return Err("the input's statistics must be finite, the deviations above zero".into());
        }
        Ok(())
    }

    /// A fresh classifier of this size.
    pub fn init(&self, weights: &mut WeightInit) -> Classifier {
        let (channels, stem, d) = (self.input_mean.len(), self.stem_width, self.width);
        let taps = STEM_FRAMES * 9;
        Classifier {
            stem: weights.scaled([taps * channels, stem], taps * channels),
            stem_bias: weights.zeros([stem]),
            stem_norm: weights.ones([stem]),
            stem_out: weights.scaled([9 * stem, stem], 9 * stem),
            stem_out_bias: weights.zeros([stem]),
            patch_in: LinearConfig::new(PATCH * PATCH * stem, d).init(weights),
            place_in: LinearConfig::new(PLACE_FEATURES, d).init(weights),
            blocks: (0..self.depth).map(|_| Block::init(d, self.heads, weights)).collect(),
            norm_out: weights.ones([d]),
            questions: weights.uniform([Question::ALL.len(), d], 1.0),
            question_key: LinearConfig::new(d, d).init(weights),
            question_value: LinearConfig::new(d, d).init(weights),
            norm_answer: weights.ones([d]),
            answers: Question::ALL
                .iter()
                .map(|question| LinearConfig::new(d, question.num_answers()).init_zero(weights))
                .collect(),
            config: self.clone(),
        }
    }
}

/// Says what latents show.
#[derive(Module, Debug)]
pub struct Classifier {
    stem: Param<Tensor<2>>,
    stem_bias: Param<Tensor<1>>,
    stem_norm: Param<Tensor<1>>,
    stem_out: Param<Tensor<2>>,
    stem_out_bias: Param<Tensor<1>>,
    patch_in: Linear,
    place_in: Linear,
    blocks: Vec<Block>,
    norm_out: Param<Tensor<1>>,
    /// One learned query for each question, `[4, D]`.
    questions: Param<Tensor<2>>,
    question_key: Linear,
    question_value: Linear,
    norm_answer: Param<Tensor<1>>,
    answers: Vec<Linear>,
    #[module(skip)]
    config: ClassifierConfig,
}

#[derive(Module, Debug)]
struct Block {
    norm_attention: Param<Tensor<1>>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm_query: Param<Tensor<1>>,
    norm_key: Param<Tensor<1>>,
    norm_feed_forward: Param<Tensor<1>>,
    up: Linear,
    down: Linear,
}

impl Classifier {
    /// Sizes.
    pub const fn config(&self) -> &ClassifierConfig {
        &self.config
    }

    /// The likeliest answer to each question, for each clip.
    pub fn answers(&self, clips: &[Latents]) -> Vec<Answers> {
        let references: Vec<_> = clips.iter().collect();
        let logits = self.forward(&references, &self.questions.val().device());
        let read = PerQuestion::from_fn(|question| best(logits.get(question).clone()));
        (0..clips.len()).map(|clip| Answers::from_fn(|question| read.get(question)[clip])).collect()
    }

    /// Scores of all answers to each question.
    ///
    /// # Shapes  each `[clips, answers]`, in the order of the clips, which may differ in size
    pub fn forward(&self, clips: &[&Latents], device: &Device) -> PerQuestion<Tensor<2>> {
        let mut tokens = Vec::new();
        let mut first = 0;
        while first < clips.len() {
            // Clips of one size go through the convolutions together.
            let run = clips[first..].iter().take_while(|clip| clip.shape == clips[first].shape).count();
            tokens.push(self.patches(&clips[first..first + run], device));
            first += run;
        }
        let grids: Vec<[usize; 3]> = clips.iter().map(|clip| grid(clip.shape)).collect();
        let segments = Segments::new(grids.iter().map(|grid| grid.iter().product()));
        let rotary = rotary(&grids, self.config.width / self.config.heads, device);
        let mut x = Tensor::cat(tokens, 0) + self.place_in.forward(places(&grids, device)); // [N, D]
        for block in &self.blocks {
            x = block.forward(x, &segments, self.config.heads, &rotary);
        }
        self.ask(kernels::rms_norm(x, self.norm_out.val()), &segments)
    }

    /// # Shapes  B clips of `[C, T, H, W]` → `[B·T·H/2·W/2, D]`
    fn patches(&self, clips: &[&Latents], device: &Device) -> Tensor<2> {
        let (b, [c, t, h, w]) = (clips.len(), clips[0].shape);
        let values: Vec<f32> = clips.iter().flat_map(|clip| &clip.values).copied().collect();
        let statistics = |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), [1, c, 1, 1, 1]), device);
        let x: Tensor<5> = Tensor::from_data(TensorData::new(values, [b, c, t, h, w]), device);
        let x = (x - statistics(&self.config.input_mean)) / statistics(&self.config.input_std);
        let x = x.permute([0, 2, 3, 4, 1]); // [B, T, H, W, C]
        // Before the film begins there was the first frame, so that nothing seems to move there.
        let before = x.clone().narrow(1, 0, 1).repeat_dim(1, STEM_FRAMES - 1);
        let x = kernels::causal_conv3d(CausalConv3d {
            x: Tensor::cat(vec![before, x], 1),
            weight: self.stem.val(),
            bias: self.stem_bias.val(),
            kernel: [STEM_FRAMES, 3, 3],
        });
        let s = self.config.stem_width;
        let x = kernels::rms_norm_silu(x.reshape([b * t * h * w, s]), self.stem_norm.val());
        let x = kernels::causal_conv3d(CausalConv3d {
            x: x.reshape([b, t, h, w, s]),
            weight: self.stem_out.val(),
            bias: self.stem_out_bias.val(),
            kernel: [1, 3, 3],
        });
        let [rows, columns] = [h / PATCH, w / PATCH];
        let x = x
            .reshape([b * t * rows, PATCH, columns, PATCH * s])
            .swap_dims(1, 2) // [B·T·rows, columns, 2, 2·S]
            .reshape([b * t * rows * columns, PATCH * PATCH * s]);
        self.patch_in.forward(kernels::silu(x))
    }

    /// Each question looks at all tokens of its clip.
    fn ask(&self, tokens: Tensor<2>, segments: &Segments) -> PerQuestion<Tensor<2>> {
        let (clips, d, asked) = (segments.len(), self.config.width, Question::ALL.len());
        let attended = kernels::attention(Attention {
            query: self.questions.val().repeat_dim(0, clips),
            key: self.question_key.forward(tokens.clone()),
            value: self.question_value.forward(tokens),
            heads: self.config.heads,
            query_segments: &Segments::new(std::iter::repeat_n(asked, clips)),
            key_segments: segments,
        });
        let answers = kernels::rms_norm(attended, self.norm_answer.val()).reshape([clips, asked, d]);
        PerQuestion::from_fn(|question| {
            let index = question as usize;
            self.answers[index].forward(answers.clone().narrow(1, index, 1).reshape([clips, d]))
        })
    }
}

impl Block {
    fn init(width: usize, heads: usize, weights: &mut WeightInit) -> Self {
        let square = LinearConfig::new(width, width);
        Self {
            norm_attention: weights.ones([width]),
            query: square.init(weights),
            key: square.init(weights),
            value: square.init(weights),
            output: square.init_zero(weights),
            norm_query: weights.ones([width / heads]),
            norm_key: weights.ones([width / heads]),
            norm_feed_forward: weights.ones([width]),
            up: LinearConfig::new(width, 3 * width).init(weights),
            down: LinearConfig::new(3 * width, width).init_zero(weights),
        }
    }

    fn forward(&self, x: Tensor<2>, segments: &Segments, heads: usize, rotary: &Rotary) -> Tensor<2> {
        let normed = kernels::rms_norm(x.clone(), self.norm_attention.val());
        let rotated = |projection: &Linear, weight: &Param<Tensor<1>>| {
            kernels::head_norm_rotary(HeadNormRotary {
                x: projection.forward(normed.clone()),
                weight: weight.val(),
                heads,
                rotary: Some(rotary.clone()),
            })
        };
        let attended = kernels::attention(Attention {
            query: rotated(&self.query, &self.norm_query),
            key: rotated(&self.key, &self.norm_key),
            value: self.value.forward(normed.clone()),
            heads,
            query_segments: segments,
            key_segments: segments,
        });
        let x = x + self.output.forward(attended);
        let normed = kernels::rms_norm(x.clone(), self.norm_feed_forward.val());
        x + self.down.forward(kernels::gelu(self.up.forward(normed)))
    }
}

/// The best answer in each row; of equal ones the first.
fn best(scores: Tensor<2>) -> Vec<usize> {
    let [_, answers] = scores.dims();
    let scores = activation::softmax(scores, 1).into_data().try_into_vec::<f32>().unwrap_or_default();
    let rows = scores.chunks_exact(answers);
    rows.map(|row| (0..answers).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or_default()).collect()
}

/// Patches of latents: frames, rows, columns.
const fn grid([_, t, h, w]: [usize; 4]) -> [usize; 3] {
    [t, h / PATCH, w / PATCH]
}

/// Frame, row and column of every patch of every clip, with the lengths of these axes.
fn positions(grids: &[[usize; 3]]) -> impl Iterator<Item = ([usize; 3], [usize; 3])> {
    grids.iter().flat_map(|&[t, rows, columns]| {
        (0..t * rows * columns).map(move |token| {
            let position = [token / (rows * columns), token / columns % rows, token % columns];
            (position, [t, rows, columns])
        })
    })
}

/// Where each patch lies in the whole clip, as waves.
fn places(grids: &[[usize; 3]], device: &Device) -> Tensor<2> {
    let mut features = Vec::new();
    for (position, lengths) in positions(grids) {
        for (index, length) in position.into_iter().zip(lengths) {
            let share = (index as f32 + 0.5) / length as f32;
            for frequency in [0.5, 1.0, 2.0] {
                let angle = std::f32::consts::TAU * frequency * share;
                features.extend([angle.sin(), angle.cos()]);
            }
        }
    }
    let tokens = features.len() / PLACE_FEATURES;
    Tensor::from_data(TensorData::new(features, [tokens, PLACE_FEATURES]), device)
}

/// Angles by which attention knows how far two patches are apart: a third of the channel pairs for each axis.
fn rotary(grids: &[[usize; 3]], head_width: usize, device: &Device) -> Rotary {
    let pairs = head_width / 2;
    let per_axis = pairs.div_ceil(3);
    let mut angles = Vec::new();
    for (position, _) in positions(grids) {
        angles.extend((0..pairs).map(|pair| {
            let frequency = ROTARY_BASE.powf(-((pair % per_axis) as f32) / per_axis as f32);
            position[pair / per_axis] as f32 * frequency
        }));
    }
    let shape = [angles.len() / pairs.max(1), pairs];
    let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), device);
    Rotary {
        cos: tensor(angles.iter().map(|angle| angle.cos()).collect()),
        sin: tensor(angles.iter().map(|angle| angle.sin()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latents(shape: [usize; 4], seed: usize) -> Latents {
        let count = shape.iter().product::<usize>();
        Latents { shape, values: (0..count).map(|index| ((index * 37 + seed) % 101) as f32 / 50.0 - 1.0).collect() }
    }

    #[test]
    fn a_clip_is_read_alike_alone_and_beside_others() {
        let device = Device::flex();
        let classifier = ClassifierConfig::tiny(vec![0.1; 3], vec![0.5; 3]).init(&mut WeightInit::new(&device, 1));
        let clips = [latents([3, 5, 8, 8], 1), latents([3, 5, 8, 8], 2), latents([3, 2, 4, 6], 3)];
        // The last layer begins at zero, so the tokens that it reads are compared.
        let tokens =
            |clips: &[&Latents]| -> Vec<f32> { classifier.patches(clips, &device).into_data().try_into_vec().unwrap() };
        let (both, alone) = (tokens(&[&clips[0], &clips[1]]), tokens(&[&clips[1]]));
        assert_eq!(both[both.len() / 2..], alone);
        let logits = classifier.forward(&clips.iter().collect::<Vec<_>>(), &device);
        assert_eq!(logits.motion.dims(), [3, Question::Motion.num_answers()]);
        assert_eq!(classifier.answers(&clips).len(), 3);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let good = ClassifierConfig::tiny(vec![0.0], vec![1.0]);
        assert_eq!(good.validate(), Ok(()));
        for wrong in [
            ClassifierConfig { heads: 0, ..good.clone() },
            ClassifierConfig { width: 15, ..good.clone() },
            ClassifierConfig { depth: 1000, ..good.clone() },
            ClassifierConfig { input_std: vec![0.0], ..good.clone() },
            ClassifierConfig { input_mean: vec![f32::NAN], ..good.clone() },
            ClassifierConfig { input_mean: vec![], input_std: vec![], ..good },
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }
}
