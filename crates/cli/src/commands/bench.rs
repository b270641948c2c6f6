//! `misora bench`.

use clap::{Args, Subcommand};
use training::bench::TrainStep;

use super::model_choice::DeviceChoice;
use crate::print;

/// Time what misora does, for comparison with other programs
#[derive(Subcommand)]
pub enum Bench {
    TrainStep(TrainStepBench),
}

/// Train a plain transformer for a few steps, and print how long each took
///
/// Forward, backward and AdamW in f32. Prints one JSON object: seconds of each step, the number of parameters, and
/// billions of operations a second at the median.
#[derive(Args)]
pub struct TrainStepBench {
    /// Channels of a token
    #[arg(long, default_value_t = 384)]
    width: usize,
    /// Blocks
    #[arg(long, default_value_t = 8)]
    layers: usize,
    /// Attention heads
    #[arg(long, default_value_t = 6)]
    heads: usize,
    /// Clips of a step
    #[arg(long, default_value_t = 16)]
    clips: usize,
    /// Tokens of a clip
    #[arg(long, default_value_t = 80)]
    tokens: usize,
    /// Steps that are timed, after two that are not
    #[arg(long, default_value_t = 8)]
    repeat: usize,
    #[command(flatten)]
    device: DeviceChoice,
}

impl Bench {
    pub fn run(self) -> anyhow::Result<()> {
        let Self::TrainStep(TrainStepBench { width, layers, heads, clips, tokens, repeat, device }) = self;
        let step = TrainStep { width, layers, heads, clips, tokens };
        print::json(&step.time(repeat, &device.device.open()?)?)
    }
}
