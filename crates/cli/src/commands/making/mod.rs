//! What all commands that make videos share: their options, and the way from a request to files.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `remote` | the same by a server elsewhere |
//! | `report` | what is said of videos that were made |

mod remote;
mod report;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{anyhow, bail};
use clap::Args;
use generation::{GenerationError, GenerationOptions, GenerationRequest, Machine, Motion, VideoGenerator, tasks::Task};
use provenance::moderation::Wish;
use serde_json::json;
use video::{Clip, Frame, ReadLimits, VideoError, contact_sheet};
use wan::Precision;

use report::{Made, describe, report};

pub use report::Outcome;

use super::{
    guide_choice::GuideChoice,
    marks::{MarkChoice, Marks, Signer},
    model_choice::{LoraChoice, ModelChoice},
    policy_choice::PolicyChoice,
    precision_choice::PrecisionChoice,
    sampling_choice::SamplingChoice,
    server_choice::ServerChoice,
};
use crate::{
    interrupt::Careful,
    look::{Look, LookChoice},
    preview, print,
    progress::Generating,
    target::{Sink, Target},
    value,
};

/// Frames of each video on the contact sheet.
const SHEET_COLUMNS: usize = 8;
/// Most frames of a video that stay in memory to be shown again.
const MOST_KEPT_FRAMES: usize = 256;

/// Options of every command that makes videos.
#[derive(Args)]
pub struct Making {
    /// A file that ends in .mp4, .gif, .png or .jpg, a folder for PNG frames, or `-` for MP4 on standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Which of all possible videos of this prompt
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    sampling: SamplingChoice,
    #[command(flatten)]
    guide: GuideChoice,
    /// What the video should not show
    #[arg(long, value_name = "PROMPT")]
    negative: Option<String>,
    /// Make so many videos, with the seeds that follow, and a contact sheet of them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    count: u64,
    #[command(flatten)]
    server: ServerChoice,
    #[command(flatten)]
    model: ModelChoice,
    #[command(flatten)]
    look: LookChoice,
    #[command(flatten)]
    loras: LoraChoice,
    #[command(flatten)]
    precision: PrecisionChoice,
    #[command(flatten)]
    marks: MarkChoice,
    #[command(flatten)]
    policy: PolicyChoice,
    /// Decode frames of a Wan model that are larger than this in overlapping tiles of so many pixels along a side, one after
    /// another: smaller tiles take less memory and more time [default: 512]
    #[arg(long, value_name = "PIXELS", value_parser = value::tile(), hide_short_help = true)]
    tile: Option<u64>,
    /// Begin even where there seems to be too little memory
    #[arg(long, hide_short_help = true)]
    ignore_memory: bool,
    /// Print one JSON object that says what was made
    #[arg(long)]
    json: bool,
}

/// A model, whoever looks on, and who signs.
pub struct Loaded {
    /// The model.
    pub generator: Box<dyn VideoGenerator>,
    /// What it computes with.
    pub precision: Precision,
    /// Whoever looks on.
    pub look: Option<Look>,
    /// Who signs what is made.
    pub signer: Signer,
}

/// Videos that are to be made.
pub struct Production {
    /// Where they go.
    pub target: Target,
    /// What each is like.
    pub outcome: Outcome,
    /// What the parts of a video are called, and how many steps one takes.
    pub parts: (&'static str, usize),
    /// What they are made with, for JSON.
    pub settings: serde_json::Value,
    /// Whoever looks on.
    pub look: Option<Look>,
    /// What they are marked with.
    pub marks: Marks,
}

/// One video that is to be made.
pub struct Job<'a> {
    /// Which of all possible ones.
    pub seed: u64,
    /// Where it goes.
    pub output: &'a Target,
    /// Takes its frames.
    pub write: &'a mut dyn FnMut(Frame) -> Result<(), VideoError>,
    /// Hears how far it is.
    pub progress: &'a mut Generating,
}

impl Making {
    /// Where the video goes, if that was said.
    pub fn target(&self) -> anyhow::Result<Option<Target>> {
        let target = self.output.as_deref().map(Target::from_option).transpose()?;
        if self.json && target == Some(Target::Stdout) {
            bail!("the video and the JSON cannot both go to standard output; name a file with --output");
        }
        Ok(target)
    }

    /// What is asked for by these options, if it may be.
    pub fn options(&self, prompt: String) -> anyhow::Result<GenerationOptions> {
        let motions = self.guide.motions();
        let things = motions.iter().map(Motion::name);
        self.check_texts(std::iter::once(prompt.as_str()).chain(things).collect())?;
        Ok(GenerationOptions {
            negative_prompt: self.negative.clone(),
            camera: self.guide.camera()?,
            motions,
            ..self.sampling.options(prompt)
        })
    }

    /// Refuses texts that the policy does not allow, and what is not to be shown beside them.
    pub fn check_texts(&self, shown: Vec<&str>) -> anyhow::Result<()> {
        let hidden = self.negative.as_deref().into_iter().collect();
        Ok(self.policy.moderator()?.check_texts(&Wish { shown, hidden })?)
    }

    /// Refuses what a story says is not to be shown, if the policy does not allow it.
    pub fn check_negative(&self, hidden: Option<&str>) -> anyhow::Result<()> {
        let hidden = hidden.into_iter().collect();
        Ok(self.policy.moderator()?.check_texts(&Wish { shown: Vec::new(), hidden })?)
    }

    /// Loads the model, when all that can be looked at before is right; `inputs` are files that go into the videos.
    pub fn load(&self, inputs: &[&Path]) -> anyhow::Result<Loaded> {
        let moderator = self.policy.moderator()?;
        inputs.iter().try_for_each(|input| moderator.check_file(input, &ReadLimits::default()))?;
        let signer = self.marks.open(inputs)?;
        let look = self.look.open()?;
        let (generator, precision) = self.model.load_any(&self.loras, &self.precision, self.tile)?;
        Ok(Loaded { generator, precision, look, signer })
    }

    /// Makes the videos of a task; `inputs` are files that go into them.
    pub fn run(
        &self,
        inputs: &[&Path],
        target: Option<Target>,
        wishes: GenerationOptions,
        task: &dyn Task,
    ) -> anyhow::Result<()> {
        self.run_on(self.load(inputs)?, target, wishes, task)
    }

    /// The same on a model that is loaded.
    pub fn run_on(
        &self,
        model: Loaded,
        target: Option<Target>,
        wishes: GenerationOptions,
        task: &dyn Task,
    ) -> anyhow::Result<()> {
        let Loaded { generator, precision, look, signer } = model;
        let generator = generator.as_ref();
        let request = generator.request(task.options(wishes))?;
        let plan = task.plan(&request)?;
        self.check_memory(&|machine| generator.check_memory((&request, plan.edit.is_some()), machine))?;
        let settings = self.settings((generator, precision), &request);
        let production = Production {
            marks: signer.marks(generator, &[&request], &settings.to_string()),
            target: target.unwrap_or_else(|| Target::from_prompt(request.prompt())),
            outcome: Outcome::of(&plan),
            parts: ("video", request.total_steps()),
            settings,
            look,
        };
        self.produce(production, &mut |job| {
            Ok(plan.make((generator, &request), (job.seed, job.progress), job.write)?)
        })
    }

    /// Does the work for each video, and says what came of it.
    pub fn produce(
        &self,
        production: Production,
        work: &mut dyn FnMut(Job<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Production { target, outcome, parts, settings, look, marks } = production;
        if target.is_still() && outcome.num_frames > 1 {
            bail!(
                "a picture has one frame, not {}; leave out the length, or end --output in .mp4 or .gif",
                outcome.num_frames
            );
        }
        let outputs = self.outputs(&target)?;
        for (output, _) in &outputs {
            output.check(outcome.resolution, outcome.frame_rate)?;
        }
        let progress = Generating::begin(self.count, parts, look);
        let (made, clips) = self.make((outcome, &outputs, &marks), progress, work)?;
        let sheet = self.write_sheet((&target, &marks), &clips)?;
        if self.json {
            return print::json(&report(outcome, settings, (&made, sheet.as_ref())));
        }
        if target != Target::Stdout {
            made.iter().try_for_each(|made| print::line(describe(made, outcome)))?;
            sheet.iter().try_for_each(|sheet| print::line(format!("{}: contact sheet", sheet.name())))?;
            clips.first().filter(|_| preview::is_possible()).into_iter().for_each(preview::show);
        }
        Ok(())
    }

    /// Refuses work that there is too little memory for.
    pub fn check_memory(&self, check: &dyn Fn(Machine) -> Result<(), GenerationError>) -> anyhow::Result<()> {
        let Some(machine) = self.model.machine().filter(|_| !self.ignore_memory) else { return Ok(()) };
        check(machine).map_err(|error| match error {
            GenerationError::Memory { .. } => anyhow!("{error}; --ignore-memory goes on all the same"),
            other => other.into(),
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

    /// Makes the videos one after another, and keeps some of the frames where they are shown again.
    fn make(
        &self,
        (outcome, outputs, marks): (Outcome, &[(Target, u64)], &Marks),
        mut progress: Generating,
        work: &mut dyn FnMut(Job<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<(Vec<Made>, Vec<Clip>)> {
        let keep = self.count > 1 || (!self.json && preview::is_possible());
        let stride = outcome.num_frames.div_ceil(MOST_KEPT_FRAMES);
        let (mut made, mut clips) = (Vec::new(), Vec::new());
        for (output, seed) in outputs {
            let begun = Instant::now();
            let size_and_rate = (outcome.resolution, outcome.frame_rate);
            let mut marker = marks.marker(*seed, size_and_rate);
            let mut sink: Option<(Sink, Careful)> = None;
            let (mut number, mut kept) = (0_usize, Vec::new());
            let moderator = self.policy.moderator()?;
            let mut write = |mut frame: Frame| {
                let judged = moderator.check_finished(&frame, (number, outcome.num_frames));
                judged.map_err(|error| VideoError::Refused { message: error.to_string() })?;
                let (sink, _) = match &mut sink {
                    Some(sink) => sink,
                    None => {
                        let careful = Careful::begin();
                        sink.insert((output.open(size_and_rate, marks.extras(&marker))?, careful))
                    }
                };
                marker.mark(&mut frame);
                sink.write(&frame)?;
                kept.extend((keep && number.is_multiple_of(stride)).then_some(frame));
                number += 1;
                Ok(())
            };
            work(Job { seed: *seed, output, write: &mut write, progress: &mut progress })?;
            let (sink, _careful) = sink.ok_or(VideoError::NoFrames)?;
            sink.finish()?;
            progress.video_done();
            made.push(Made { file: output.name(), seed: *seed, seconds_taken: begun.elapsed().as_secs_f64() });
            if keep {
                clips.push(Clip::new(kept, outcome.frame_rate)?);
            }
        }
        Ok((made, clips))
    }

    fn write_sheet(&self, (target, marks): (&Target, &Marks), clips: &[Clip]) -> anyhow::Result<Option<Target>> {
        if self.count == 1 {
            return Ok(None);
        }
        let clips: Vec<&Clip> = clips.iter().collect();
        let sheet = contact_sheet(&clips, SHEET_COLUMNS)?;
        let target = target.contact_sheet()?;
        // Its pictures carry their marks already.
        target.write(&Clip::new(vec![sheet], clips[0].frame_rate())?, marks.file_extras(self.seed))?;
        Ok(Some(target))
    }

    /// Which weights a video is made with, beside the model's name.
    pub fn weights(&self, precision: Precision) -> [(String, String); 4] {
        [
            ("version of misora", env!("CARGO_PKG_VERSION").to_owned()),
            ("LoRA", self.loras.report().join(", ")),
            ("precision", precision.name().to_owned()),
            ("device", self.model.device_name().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// What a video is made with, for JSON.
    pub fn settings(
        &self,
        (generator, precision): (&dyn VideoGenerator, Precision),
        request: &GenerationRequest,
    ) -> serde_json::Value {
        json!({
            "prompt": request.prompt(),
            "negative_prompt": request.negative_prompt(),
            "steps": request.num_inference_steps(),
            "sampler": request.sampler(),
            "guidance": request.guidance(),
            "image": request.image().map(|image| image.resolution().to_string()),
            "outline": request.outline().map(|outline| outline.strength),
            "model": generator.name(),
            "loras": self.loras.report(),
            "precision": precision.name(),
            "device": self.model.device_name(),
        })
    }
}
