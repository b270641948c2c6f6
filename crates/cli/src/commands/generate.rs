//! `misora generate`.

use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use clap::Args;
use generation::{GenerationOptions, GenerationRequest, Length, VideoGenerator};
use serde::Serialize;
use serde_json::json;
use video::{Clip, Frame, FrameRate, ReadLimits, VideoReader, contact_sheet};
use wan::transformer::Precision;

use super::{
    model_choice::{LoraChoice, ModelChoice},
    precision_choice::PrecisionChoice,
    sampling_choice::SamplingChoice,
};
use crate::{interrupt::Careful, look::LookChoice, preview, print, progress::Generating, target::Target, value};

/// Frames of each video on the contact sheet.
const SHEET_COLUMNS: usize = 8;
/// More bytes than any prompt; keeps an endless standard input out of memory.
const MAX_PROMPT_BYTES: u64 = 1 << 20;

/// Make a video, or a picture, of a prompt
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora generate \"a red ball rolls across the grass\"
  misora generate \"a blue cube falls on snow\" -o cube.gif --seconds 3 --size 160x96
  misora generate \"a purple cone at sunset\" -o cone.png
  misora generate \"two balls collide\" --count 4 --seed 10 --steps 30 --guidance 5
  misora generate \"a cat in the rain\" --model Wan2.1-T2V-1.3B-Diffusers --lora style.safetensors:0.8
  misora generate \"she turns to us\" --image she.jpg --model Wan-AI/Wan2.2-TI2V-5B-Diffusers
  echo \"一个红色的球滚过草地\" | misora generate - --output - > ball.mp4

The same command gives the same bytes; another --seed gives another video.")]
pub struct Generate {
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// A file that ends in .mp4, .gif, .png or .jpg, a folder for PNG frames, or `-` for MP4 on standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Length from the first frame to the last
    #[arg(long, conflicts_with = "frames", allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Number of frames: 1, 5, 9, 13, … [default: the model's own, such as 33; 1 for a picture]
    #[arg(long)]
    frames: Option<usize>,
    /// Width and height in pixels, multiples of 16 or 32 [default: the model's own, such as 128x128]
    #[arg(long, value_name = "WxH", value_parser = value::size)]
    size: Option<[u32; 2]>,
    /// Frames per second, such as 24 or 30000/1001 [default: the model's own]
    #[arg(long)]
    fps: Option<FrameRate>,
    /// Which of all possible videos of this prompt
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    sampling: SamplingChoice,
    /// What the video should not show
    #[arg(long, value_name = "PROMPT")]
    negative: Option<String>,
    /// A picture that the video begins with, for models that take one
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Make so many videos, with the seeds that follow, and a contact sheet of them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    count: u64,
    #[command(flatten)]
    model: ModelChoice,
    #[command(flatten)]
    look: LookChoice,
    #[command(flatten)]
    loras: LoraChoice,
    #[command(flatten)]
    precision: PrecisionChoice,
    /// Print one JSON object that says what was made
    #[arg(long)]
    json: bool,
}

/// One video that was made.
#[derive(Serialize)]
struct Made {
    file: String,
    seed: u64,
    seconds_taken: f64,
}

impl Generate {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.output.as_deref().map(Target::from_option).transpose()?;
        if self.json && target == Some(Target::Stdout) {
            bail!("the video and the JSON cannot both go to standard output; name a file with --output");
        }
        let options = self.options(target.as_ref())?;
        let (generator, precision) = self.model.load_any(&self.loras, &self.precision)?;
        let request = generator.request(options)?;
        if target.as_ref().is_some_and(Target::is_still) && request.num_frames() > 1 {
            bail!(
                "a picture has one frame, not {}; leave out the length, or end --output in .mp4 or .gif",
                request.num_frames()
            );
        }
        let target = target.unwrap_or_else(|| Target::from_prompt(request.prompt()));
        let outputs = self.outputs(&target)?;
        for (output, _) in &outputs {
            output.check(request.resolution(), request.frame_rate())?;
        }
        let (made, clips) = self.make(generator.as_ref(), &request, &outputs)?;
        let sheet = self.write_sheet(&target, &clips)?;
        if self.json {
            return print::json(&self.report((generator.as_ref(), precision), &request, (&made, sheet.as_ref())));
        }
        if target != Target::Stdout {
            made.iter().try_for_each(|made| print::line(describe(made, &request)))?;
            sheet.iter().try_for_each(|sheet| print::line(format!("{}: contact sheet", sheet.name())))?;
            clips.first().filter(|_| preview::is_possible()).into_iter().for_each(preview::show);
        }
        Ok(())
    }

    fn options(&self, target: Option<&Target>) -> anyhow::Result<GenerationOptions> {
        let length = match (self.frames, self.seconds) {
            (Some(frames), _) => Some(Length::Frames(frames)),
            (None, Some(seconds)) => Some(Length::Seconds(seconds)),
            (None, None) => target.filter(|target| target.is_still()).map(|_| Length::Frames(1)),
        };
        let prompt = if self.prompt == "-" { read_prompt()? } else { self.prompt.clone() };
        Ok(GenerationOptions {
            negative_prompt: self.negative.clone(),
            size: self.size,
            length,
            frame_rate: self.fps,
            image: self.image.as_deref().map(read_picture).transpose()?,
            ..self.sampling.options(prompt)
        })
    }

    /// Each video's place and seed.
    fn outputs(&self, target: &Target) -> anyhow::Result<Vec<(Target, u64)>> {
        if self.count == 1 {
            return Ok(vec![(target.clone(), self.seed)]);
        }
        if self.seed.checked_add(self.count).is_none() {
            bail!("there are no {} seeds after {}; choose a smaller --seed", self.count, self.seed);
        }
        (0..self.count).map(|index| Ok((target.numbered(index + 1)?, self.seed + index))).collect()
    }

    /// Makes the videos one after another, and keeps the frames where they are shown again.
    fn make(
        &self,
        generator: &dyn VideoGenerator,
        request: &GenerationRequest,
        outputs: &[(Target, u64)],
    ) -> anyhow::Result<(Vec<Made>, Vec<Clip>)> {
        let mut progress = Generating::begin(self.count, request.total_steps(), self.look.open()?);
        let keep = self.count > 1 || (!self.json && preview::is_possible());
        let (mut made, mut clips) = (Vec::new(), Vec::new());
        for (output, seed) in outputs {
            let begun = Instant::now();
            let latents = generator.sample_latents(request, *seed, &mut progress)?;
            let _careful = Careful::begin();
            let mut sink = output.open(request.resolution(), request.frame_rate())?;
            let mut kept: Vec<Frame> = Vec::new();
            let mut write = |frame: Frame| {
                sink.write(&frame)?;
                kept.extend(keep.then_some(frame));
                Ok(())
            };
            generator.decode(latents, &mut write, &mut progress)?;
            sink.finish()?;
            progress.video_done();
            made.push(Made { file: output.name(), seed: *seed, seconds_taken: begun.elapsed().as_secs_f64() });
            if keep {
                clips.push(Clip::new(kept, request.frame_rate())?);
            }
        }
        Ok((made, clips))
    }

    fn write_sheet(&self, target: &Target, clips: &[Clip]) -> anyhow::Result<Option<Target>> {
        if self.count == 1 {
            return Ok(None);
        }
        let clips: Vec<&Clip> = clips.iter().collect();
        let sheet = contact_sheet(&clips, SHEET_COLUMNS)?;
        let target = target.contact_sheet()?;
        target.write(&Clip::new(vec![sheet], clips[0].frame_rate())?)?;
        Ok(Some(target))
    }

    fn report(
        &self,
        (generator, precision): (&dyn VideoGenerator, Precision),
        request: &GenerationRequest,
        (made, sheet): (&[Made], Option<&Target>),
    ) -> serde_json::Value {
        json!({
            "file": made[0].file,
            "seed": made[0].seed,
            "seconds_taken": made.iter().map(|made| made.seconds_taken).sum::<f64>(),
            "size": request.resolution().to_string(),
            "frames": request.num_frames(),
            "fps": request.frame_rate().to_string(),
            "duration_secs": request.duration_secs(),
            "settings": {
                "prompt": request.prompt(),
                "negative_prompt": request.negative_prompt(),
                "steps": request.num_inference_steps(),
                "sampler": request.sampler(),
                "guidance": request.guidance(),
                "image": self.image,
                "outline": request.outline().map(|outline| outline.strength),
                "model": generator.name(),
                "loras": self.loras.report(),
                "precision": precision.name(),
                "device": self.model.device_name(),
            },
            "videos": made,
            "contact_sheet": sheet.map(Target::name),
        })
    }
}

fn describe(made: &Made, request: &GenerationRequest) -> String {
    let (size, frames) = (request.resolution(), request.num_frames());
    let length = match frames {
        1 => "a still".to_owned(),
        _ => format!("{frames} frames, {:.2} s at {} fps", request.duration_secs(), request.frame_rate()),
    };
    format!("{}: {size}, {length}, seed {}, made in {:.1} s", made.file, made.seed, made.seconds_taken)
}

/// The only frame of a picture's file.
fn read_picture(path: &Path) -> anyhow::Result<Frame> {
    let mut reader = VideoReader::open(path, &ReadLimits::default())?;
    let first = reader.next().context("--image has no frame")??;
    if reader.next().is_some() {
        bail!("--image {} is a video; name a picture, such as one of its frames", path.display());
    }
    Ok(first)
}

fn read_prompt() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("Type the prompt, then Ctrl-D:");
    }
    let mut prompt = String::new();
    stdin
        .lock()
        .take(MAX_PROMPT_BYTES)
        .read_to_string(&mut prompt)
        .context("cannot read the prompt from standard input")?;
    Ok(prompt)
}
