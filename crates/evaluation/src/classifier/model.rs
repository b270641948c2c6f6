//! The network: convolutions over folded pixels, a small transformer over patches, one answer for each question.
//!
//! ```text
//! 1 of 4 frames × 2×2     one position of `half_width` channels, of colours alone, convolved in space
//! 4 frames × 4×4 pixels   `quarter_width` channels, to which motion has come, convolved in space
//! 4 frames × 8×8          `eighth_width` channels, convolved in space and time
//! 4 frames × 16×16        one token of `width` channels; attention over all of a clip's tokens
//! ```

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData, activation},
};
use kernels::{Attention, Segments};
use models::{
    WeightInit,
    layers::{Linear, LinearConfig},
};
use serde::{Deserialize, Serialize};
use video::Frame;

use super::{
    input::{self, Input},
    layers::{Block, ResidualConv, SPACE, TIME, fold_space},
    places,
};
use crate::{Answers, EvaluationError, PerQuestion, Question, pixels};

/// Clips of one size that go through the convolutions together: more would only take more memory.
const TOGETHER: usize = 8;

/// Sizes of a [`Classifier`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierConfig {
    /// Width of the convolution at half of the pixels' scale.
    pub half_width: usize,
    /// Width of the convolution at a quarter.
    pub quarter_width: usize,
    /// Width of the convolutions at an eighth.
    pub eighth_width: usize,
    /// Pairs of convolutions at an eighth, one in space and one in time.
    pub eighth_blocks: usize,
    /// Width of the transformer.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Layers.
    pub depth: usize,
}

impl ClassifierConfig {
    /// The size that is shipped.
    pub const fn standard() -> Self {
        Self { half_width: 24, quarter_width: 48, eighth_width: 64, eighth_blocks: 2, width: 96, heads: 4, depth: 3 }
    }

    /// A few channels only, for tests.
    pub const fn tiny() -> Self {
        Self { half_width: 4, quarter_width: 8, eighth_width: 8, eighth_blocks: 1, width: 16, heads: 2, depth: 1 }
    }

    /// Says what is wrong with numbers that describe no possible network.
    ///
    /// # Errors
    /// A sentence.
    pub fn validate(&self) -> Result<(), String> {
        let Self { half_width, quarter_width, eighth_width, eighth_blocks, width, heads, depth } = *self;
        if heads == 0 || width == 0 || !width.is_multiple_of(2 * heads) || width > 4096 {
            return Err(format!("width {width} must be an even multiple of {heads} heads, and none above 4096"));
        }
        let widths = [half_width, quarter_width, eighth_width];
        if widths.iter().any(|width| !(1..=4096).contains(width)) {
            return Err(format!("convolutions of {widths:?} channels must have 1 to 4096"));
        }
        if eighth_blocks.max(depth) > 64 {
            return Err(format!("{eighth_blocks} convolutions or {depth} layers are more than 64"));
        }
        Ok(())
    }

    /// A fresh classifier of this size.
    pub fn init(&self, weights: &mut WeightInit) -> Classifier {
        let Self { half_width, quarter_width, eighth_width, eighth_blocks, width, heads, depth } = *self;
        Classifier {
            half_in: LinearConfig::new(input::COLOURS, half_width).init(weights),
            half: ResidualConv::init(half_width, SPACE, weights),
            quarter_in: LinearConfig::new(4 * half_width + input::MOTION, quarter_width).init(weights),
            quarter: ResidualConv::init(quarter_width, SPACE, weights),
            eighth_in: LinearConfig::new(4 * quarter_width, eighth_width).init(weights),
            eighth: (0..2 * eighth_blocks)
                .map(|index| ResidualConv::init(eighth_width, if index % 2 == 0 { SPACE } else { TIME }, weights))
                .collect(),
            patch_in: LinearConfig::new(4 * eighth_width, width).init(weights),
            place_in: LinearConfig::new(places::PLACE_FEATURES, width).init(weights),
            blocks: (0..depth).map(|_| Block::init(width, heads, weights)).collect(),
            norm_out: weights.ones([width]),
            questions: weights.uniform([Question::ALL.len(), width], 1.0),
            question_key: LinearConfig::new(width, width).init(weights),
            question_value: LinearConfig::new(width, width).init(weights),
            norm_answer: weights.ones([width]),
            answers: Question::ALL
                .iter()
                .map(|question| LinearConfig::new(width, question.num_answers()).init_zero(weights))
                .collect(),
            config: self.clone(),
        }
    }
}

/// Says what a video shows.
#[derive(Module, Debug)]
pub struct Classifier {
    half_in: Linear,
    half: ResidualConv,
    quarter_in: Linear,
    quarter: ResidualConv,
    eighth_in: Linear,
    eighth: Vec<ResidualConv>,
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

impl Classifier {
    /// Sizes.
    pub const fn config(&self) -> &ClassifierConfig {
        &self.config
    }

    /// Says what a clip of any size and length shows.
    ///
    /// # Panics  when there is no frame, or the frames differ in size
    ///
    /// # Errors
    /// [`EvaluationError::Video`] when its frames cannot be scaled.
    pub fn read(&self, frames: &[Frame]) -> Result<Answers, EvaluationError> {
        Ok(self.answers(&[&pixels::at_reading_scale(frames)?])[0])
    }

    /// The likeliest answer to each question, for each clip at the scale of [`pixels::at_reading_scale`].
    pub fn answers(&self, clips: &[&[Frame]]) -> Vec<Answers> {
        let logits = self.forward(clips, &self.questions.val().device());
        let read = PerQuestion::from_fn(|question| best(logits.get(question).clone()));
        (0..clips.len()).map(|clip| Answers::from_fn(|question| read.get(question)[clip])).collect()
    }

    /// Scores of all answers to each question, for clips at the scale of [`pixels::at_reading_scale`].
    ///
    /// # Shapes  each `[clips, answers]`, in the order of the clips, which may differ in size
    pub fn forward(&self, clips: &[&[Frame]], device: &Device) -> PerQuestion<Tensor<2>> {
        let grids: Vec<[usize; 3]> = clips.iter().map(|clip| input::grid(clip)).collect();
        let mut tokens = Vec::new();
        let mut first = 0;
        while first < clips.len() {
            let alike = grids[first..].iter().take(TOGETHER).take_while(|grid| **grid == grids[first]).count();
            tokens.push(self.patches(&clips[first..first + alike], device));
            first += alike;
        }
        let grids: Vec<_> = grids.into_iter().map(|[t, h, w]| [t, h / 4, w / 4]).collect();
        let segments = Segments::new(grids.iter().map(|grid| grid.iter().product()));
        let rotary = places::rotary(&grids, self.config.width / self.config.heads, device);
        let mut x = Tensor::cat(tokens, 0) + self.place_in.forward(places::waves(&grids, device)); // [N, D]
        for block in &self.blocks {
            x = block.forward(x, &segments, self.config.heads, &rotary);
        }
        self.ask(kernels::rms_norm(x, self.norm_out.val()), &segments)
    }

    /// # Shapes  B clips of one size → `[B·T·H/16·W/16, D]`
    fn patches(&self, clips: &[&[Frame]], device: &Device) -> Tensor<2> {
        let (b, [t, h, w]) = (clips.len(), input::grid(clips[0]));
        let inputs = clips.iter().map(|frames| Input::of(frames));
        let (colours, motion): (Vec<_>, Vec<_>) = inputs.map(|input| (input.colours, input.motion)).unzip();
        let tensor = |values: Vec<Vec<f32>>, shape: [usize; 5]| -> Tensor<5> {
            Tensor::from_data(TensorData::new(values.concat(), shape), device)
        };
        let colours = tensor(colours, [b, t, 2 * h, 2 * w, input::COLOURS]);
        let colours = fold_space(self.half.forward(self.half_in.forward_positions(colours)));
        let motion = tensor(motion, [b, t, h, w, input::MOTION]);
        let x = Tensor::cat(vec![colours, motion], 4); // [B, T, H/4, W/4, C]
        let x = self.quarter.forward(self.quarter_in.forward_positions(x));
        let x = self.eighth_in.forward_positions(fold_space(x)); // [B, T, H/8, W/8, C]
        let x = fold_space(self.eighth.iter().fold(x, |x, layer| layer.forward(x)));
        let [_, _, rows, columns, channels] = x.dims();
        self.patch_in.forward(kernels::silu(x.reshape([b * t * rows * columns, channels])))
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

/// The best answer in each row; of equal ones the first.
fn best(scores: Tensor<2>) -> Vec<usize> {
    let [_, answers] = scores.dims();
    let scores = activation::softmax(scores, 1).into_data().try_into_vec::<f32>().unwrap_or_default();
    let rows = scores.chunks_exact(answers);
    rows.map(|row| (0..answers).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    fn frames(width: u32, height: u32, count: usize, seed: usize) -> Vec<Frame> {
        let size = Resolution::new(width, height).unwrap();
        let byte = |frame: usize, index: usize| ((index * 37 + frame * 11 + seed * 53) % 251) as u8;
        let rgb = |frame| (0..size.pixel_count() * 3).map(|index| byte(frame, index)).collect();
        (0..count).map(|frame| Frame::new(size, rgb(frame)).unwrap()).collect()
    }

    #[test]
    fn a_clip_is_read_alike_alone_and_beside_others() {
        let device = Device::flex();
        let classifier = ClassifierConfig::tiny().init(&mut WeightInit::new(&device, 1));
        let clips = [frames(32, 32, 5, 1), frames(32, 32, 5, 2), frames(48, 32, 1, 3)];
        let clips: Vec<&[Frame]> = clips.iter().map(Vec::as_slice).collect();
        // The last layer begins at zero, so the tokens that it reads are compared.
        let tokens =
            |clips: &[&[Frame]]| -> Vec<f32> { classifier.patches(clips, &device).into_data().try_into_vec().unwrap() };
        let (both, alone) = (tokens(&clips[..2]), tokens(&clips[1..2]));
        assert_eq!(alone.len(), 2 * 2 * 2 * 16);
        assert_eq!(both[both.len() / 2..], alone);
        let logits = classifier.forward(&clips, &device);
        assert_eq!(logits.motion.dims(), [3, Question::Motion.num_answers()]);
        assert_eq!(classifier.answers(&clips).len(), 3);
    }

    #[test]
    fn films_of_any_size_and_length_are_read() {
        let classifier = ClassifierConfig::tiny().init(&mut WeightInit::new(&Device::flex(), 1));
        for (width, height, count) in [(64, 64, 9), (160, 96, 33), (96, 160, 65), (50, 31, 1), (128, 128, 2)] {
            assert!(classifier.read(&frames(width, height, count, 1)).is_ok(), "{width}x{height}, {count} frames");
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let good = ClassifierConfig::tiny();
        assert_eq!(good.validate(), Ok(()));
        for wrong in [
            ClassifierConfig { heads: 0, ..good.clone() },
            ClassifierConfig { width: 15, ..good.clone() },
            ClassifierConfig { width: 0, ..good.clone() },
            ClassifierConfig { depth: 1000, ..good.clone() },
            ClassifierConfig { eighth_blocks: 1000, ..good.clone() },
            ClassifierConfig { half_width: 0, ..good.clone() },
            ClassifierConfig { quarter_width: 0, ..good.clone() },
            ClassifierConfig { eighth_width: 5000, ..good },
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }
}
