//! What all commands that make videos share: their options, and the way from a request to files.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{anyhow, bail};
use clap::Args;
use generation::{
    GenerationError, GenerationOptions, GenerationRequest, VideoGenerator,
    tasks::{Assembly, Plan, Task},
};
use provenance::Origin;
use serde::Serialize;
use serde_json::json;
use video::{Clip, Frame, contact_sheet};
use wan::transformer::Precision;

use super::{
    marks::{MarkChoice, Marks},
    model_choice::{LoraChoice, ModelChoice},
    precision_choice::PrecisionChoice,
    sampling_choice::SamplingChoice,
};
use crate::{
    interrupt::Careful,
    look::{Look, LookChoice},
    preview, print,
    progress::Generating,
    target::Target,
    value,
};

/// Frames of each video on the contact sheet.
const SHEET_COLUMNS: usize = 8;

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
    /// What the video should not show
    #[arg(long, value_name = "PROMPT")]
    negative: Option<String>,
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
    #[command(flatten)]
    marks: MarkChoice,
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

/// One video that was made.
#[derive(Serialize)]
struct Made {
    file: String,
    seed: u64,
    seconds_taken: f64,
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

    /// What is asked for by these options.
    pub fn options(&self, prompt: String) -> GenerationOptions {
        GenerationOptions { negative_prompt: self.negative.clone(), ..self.sampling.options(prompt) }
    }

    /// Makes the videos of a task; `inputs` are files that go into them.
    pub fn run_from(
        &self,
        inputs: &[&Path],
        target: Option<Target>,
        wishes: GenerationOptions,
        task: &dyn Task,
    ) -> anyhow::Result<()> {
        let marks = self.marks.open(inputs)?;
        let look = self.look.open()?;
        let (generator, precision) = self.model.load_any(&self.loras, &self.precision, self.tile)?;
        let request = generator.request(task.options(wishes))?;
        let plan = task.plan(&request)?;
        if target.as_ref().is_some_and(Target::is_still) && plan.num_frames() > 1 {
            bail!(
                "a picture has one frame, not {}; leave out the length, or end --output in .mp4 or .gif",
                plan.num_frames()
            );
        }
        self.check_memory(generator.as_ref(), &request)?;
        let target = target.unwrap_or_else(|| Target::from_prompt(request.prompt()));
        let outputs = self.outputs(&target)?;
        for (output, _) in &outputs {
            output.check(plan.resolution, plan.frame_rate)?;
        }
        let (made, clips) = self.make((generator.as_ref(), &request, &plan), (&outputs, &marks), look)?;
        let sheet = self.write_sheet((&target, &clips), marks.of(generator.as_ref(), &request, self.seed))?;
        if self.json {
            let report = self.report((generator.as_ref(), precision), (&request, &plan), (&made, sheet.as_ref()));
            return print::json(&report);
        }
        if target != Target::Stdout {
            made.iter().try_for_each(|made| print::line(describe(made, &plan)))?;
            sheet.iter().try_for_each(|sheet| print::line(format!("{}: contact sheet", sheet.name())))?;
            clips.first().filter(|_| preview::is_possible()).into_iter().for_each(preview::show);
        }
        Ok(())
    }

    fn check_memory(&self, generator: &dyn VideoGenerator, request: &GenerationRequest) -> anyhow::Result<()> {
        let Some(machine) = self.model.machine().filter(|_| !self.ignore_memory) else { return Ok(()) };
        generator.check_memory(request, machine).map_err(|error| match error {
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

    /// Makes the videos one after another, and keeps the frames where they are shown again.
    fn make(
        &self,
        (generator, request, plan): (&dyn VideoGenerator, &GenerationRequest, &Plan),
        (outputs, marks): (&[(Target, u64)], &Marks),
        look: Option<Look>,
    ) -> anyhow::Result<(Vec<Made>, Vec<Clip>)> {
        let mut progress = Generating::begin(self.count, request.total_steps(), look);
        let keep = self.count > 1 || (!self.json && preview::is_possible());
        let (mut made, mut clips) = (Vec::new(), Vec::new());
        for (output, seed) in outputs {
            let begun = Instant::now();
            let latents = plan.sample(generator, request, (*seed, &mut progress))?;
            let _careful = Careful::begin();
            let size_and_rate = (plan.resolution, plan.frame_rate);
            let mut marker = marks.marker(marks.of(generator, request, *seed), size_and_rate);
            let mut sink = output.open(size_and_rate, marks.extras(&marker))?;
            let mut kept: Vec<Frame> = Vec::new();
            let mut write = |mut frame: Frame| {
                marker.mark(&mut frame);
                sink.write(&frame)?;
                kept.extend(keep.then_some(frame));
                Ok(())
            };
            let mut assembly = Assembly::new(&plan.pieces, &plan.finish);
            generator.decode(latents, &mut |frame| assembly.add(frame, &mut write), &mut progress)?;
            sink.finish()?;
            progress.video_done();
            made.push(Made { file: output.name(), seed: *seed, seconds_taken: begun.elapsed().as_secs_f64() });
            if keep {
                clips.push(Clip::new(kept, plan.frame_rate)?);
            }
        }
        Ok((made, clips))
    }

    fn write_sheet(&self, (target, clips): (&Target, &[Clip]), origin: Origin) -> anyhow::Result<Option<Target>> {
        if self.count == 1 {
            return Ok(None);
        }
        let clips: Vec<&Clip> = clips.iter().collect();
        let sheet = contact_sheet(&clips, SHEET_COLUMNS)?;
        let target = target.contact_sheet()?;
        // Its pictures carry their marks already.
        let extras = self.marks.open(&[])?.file_extras(origin);
        target.write(&Clip::new(vec![sheet], clips[0].frame_rate())?, extras)?;
        Ok(Some(target))
    }

    fn report(
        &self,
        (generator, precision): (&dyn VideoGenerator, Precision),
        (request, plan): (&GenerationRequest, &Plan),
        (made, sheet): (&[Made], Option<&Target>),
    ) -> serde_json::Value {
        json!({
            "file": made[0].file,
            "seed": made[0].seed,
            "seconds_taken": made.iter().map(|made| made.seconds_taken).sum::<f64>(),
            "size": plan.resolution.to_string(),
            "frames": plan.num_frames(),
            "fps": plan.frame_rate.to_string(),
            "duration_secs": plan.duration_secs(),
            "settings": {
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
            },
            "videos": made,
            "contact_sheet": sheet.map(Target::name),
        })
    }
}

fn describe(made: &Made, plan: &Plan) -> String {
    let length = match plan.num_frames() {
        1 => "a still".to_owned(),
        frames => format!("{frames} frames, {:.2} s at {} fps", plan.duration_secs(), plan.frame_rate),
    };
    format!("{}: {}, {length}, seed {}, made in {:.1} s", made.file, plan.resolution, made.seed, made.seconds_taken)
}
