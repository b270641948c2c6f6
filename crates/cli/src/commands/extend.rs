//! `misora extend`.

use anyhow::bail;
use clap::Args;
use generation::{Edit, GenerationOptions, GenerationRequest, Length};
use video::FrameRate;

use super::{
    assembly::Piece,
    making::{Given, Making},
    prompt,
    source::{Source, SourceChoice, enough_frames},
};

/// Most frames of the clip that the model sees at the end where it goes on.
const CONTEXT_FRAMES: usize = 33;

/// Let a clip go on, before its beginning, behind its end, or both
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora extend ball.mp4 \"a red ball rolls across the grass\"
  misora extend ball.mp4 \"a red ball rolls across the grass\" --forward 0 --backward 1 -o longer.mp4

The frames that are given come out as they went in, at their own size and rate.")]
pub struct Extend {
    #[command(flatten)]
    source: SourceChoice,
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// Seconds behind the end [default: 1, or 0 with --backward]
    #[arg(long, allow_negative_numbers = true)]
    forward: Option<f64>,
    /// Seconds before the beginning
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    backward: f64,
    /// Frames per second at which the model works [default: the clip's own]
    #[arg(long)]
    fps: Option<FrameRate>,
    #[command(flatten)]
    making: Making,
}

/// Where new frames lie on the model's time line and on the clip's.
struct Layout {
    /// Frames of the clip, by number, that the model is shown.
    shown: Vec<usize>,
    /// New frames at the model's rate before and behind them.
    made: [usize; 2],
    /// New frames at the clip's rate before and behind it.
    wanted: [usize; 2],
    /// Frames at the model's rate for one at the clip's.
    speed: f64,
}

impl Extend {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let forward = self.forward.unwrap_or(if self.backward > 0.0 { 0.0 } else { 1.0 });
        for (name, seconds) in [("--forward", forward), ("--backward", self.backward)] {
            if !(0.0..=64.0).contains(&seconds) {
                bail!("{name} takes 0 to 64 seconds, not {seconds}");
            }
        }
        let source = self.source.read()?;
        let layout = Layout::of(&source, [self.backward, forward], self.fps.unwrap_or(source.frame_rate()));
        if layout.wanted == [0, 0] {
            bail!("nothing to do: --forward and --backward are both shorter than a frame");
        }
        let options = GenerationOptions {
            size: Some(source.size()),
            length: Some(Length::Frames(layout.num_frames())),
            frame_rate: Some(self.fps.unwrap_or(source.frame_rate())),
            ..self.making.options(prompt::read(&self.prompt)?)
        };
        self.making.run(target, options, |request| layout.given(&source, request))
    }
}

impl Layout {
    fn of(source: &Source, [backward, forward]: [f64; 2], frame_rate: FrameRate) -> Self {
        let (clip, own) = (source.clip(), source.frame_rate().as_f64());
        let (last, speed) = (clip.frames().len() - 1, frame_rate.as_f64() / own);
        let wanted = [backward, forward].map(|seconds| (seconds * own).round() as usize);
        let made = |wanted: usize| (wanted as f64 * speed).ceil() as usize;
        // Latent frames behind the first stand for four frames each: new ones before the clip fill theirs.
        let before = if wanted[0] == 0 { 0 } else { enough_frames(made(wanted[0])) };
        // The clip's frames at the model's rate, counted from the end that goes on; all of them where both do.
        let count = (last as f64 * speed).floor() as usize + 1;
        let count = if wanted[0] > 0 && wanted[1] > 0 { count } else { count.min(CONTEXT_FRAMES) };
        let at = |index: usize| ((index as f64 / speed).round() as usize).min(last);
        let shown = match wanted {
            [_, 0] => (0..count).map(at).collect(),
            _ => (0..count).rev().map(|index| last - at(index)).collect(),
        };
        Self { shown, made: [before, made(wanted[1])], wanted, speed }
    }

    fn num_frames(&self) -> usize {
        enough_frames(self.made[0] + self.shown.len() + self.made[1])
    }

    fn given(&self, source: &Source, request: &GenerationRequest) -> anyhow::Result<Given> {
        let ([before, _], shown) = (self.made, self.shown.len());
        let place = |(index, frame): (usize, &usize)| Ok((before + index, source.fitted(*frame, request)?));
        let known = self.shown.iter().enumerate().map(place).collect::<anyhow::Result<Vec<_>>>()?;
        let steps = |frame: usize| (frame as f64 * self.speed).round() as usize;
        // The nearest frames that were made, and never one of those that were shown.
        let earlier = (1..=self.wanted[0]).rev().map(|frame| before - steps(frame).clamp(1, before)).collect();
        let later = (1..=self.wanted[1]).map(|frame| before + shown - 1 + steps(frame).max(1)).collect();
        let given = Piece::Given(source.clip().frames().to_vec());
        Ok(Given {
            edit: Some(Edit::keep(&known, request)?),
            pieces: vec![Piece::Made(earlier), given, Piece::Made(later)],
            finish: source.to_own_size(),
            format: (source.clip().resolution(), source.frame_rate()),
        })
    }
}
