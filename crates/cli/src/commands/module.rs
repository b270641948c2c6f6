//! `misora module`.

use std::{ops::ControlFlow, path::PathBuf, time::Instant};

use anyhow::{Context, bail};
use burn::tensor::{Device, Tensor};
use clap::{Args, ValueEnum};
use models::checkpoint::{self, NamedTensors};
use serde_json::json;
use wan::{WanFolder, tensor_file::TensorFile, text::TextInput, transformer::TransformerInput};

use super::{model_choice::LoraChoice, module_memory::Estimate, precision_choice::PrecisionChoice};
use crate::{interrupt, interrupt::Careful, memory, print, value};

/// Run one part of an open checkpoint on given tensors, so that it can be held against a reference
#[derive(Args)]
#[command(after_help = "\
The model is a folder in the layout of diffusers. What a part takes, and what it gives:
  transformer  hidden_states [B,C,T,H,W], timestep [B] or, one for each token, [B,M], encoder_hidden_states [B,N,D]
               and, for models that take an image, encoder_hidden_states_image [B,M,D]; gives sample [B,C,T,H,W]
  vae-decode   latents [B,C,T,H,W]; gives sample [B,3,4T-3,8H,8W], with 16 for 8 in Wan 2.2's 5B model
  vae-encode   sample [B,3,4k+1,H,W]; gives latents, the mean of their distribution
  text         input_ids and attention_mask [B,N]; gives prompt_embeds [B,N,D]

Prints one JSON object: the seconds of each run, without reading the weights, by the clock and of all processors
together; the most memory ever used, and what had been expected; and what was computed with.

Example:
  misora module vae-decode --model Wan2.1-T2V-1.3B-Diffusers --input latents.safetensors --output pixels.safetensors")]
pub struct Module {
    /// Which part
    part: Part,
    /// The model folder
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The tensors to run it on
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where its output goes, as safetensors
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    loras: LoraChoice,
    /// How often to run it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeat: u64,
    #[command(flatten)]
    precision: PrecisionChoice,
    /// Threads to compute on [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1024))]
    threads: Option<u64>,
    /// Decode in tiles of at most so many pixels along a side, instead of whole frames
    #[arg(long, value_name = "PIXELS", value_parser = value::tile())]
    tile: Option<u64>,
    /// Begin even where there seems to be too little memory
    #[arg(long, hide_short_help = true)]
    ignore_memory: bool,
}

/// A part of a checkpoint.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Part {
    /// Latents, timestep and prompt to velocity
    Transformer,
    /// Latents to pixels
    VaeDecode,
    /// Pixels to latents
    VaeEncode,
    /// Token ids to embeddings
    Text,
    /// The image that a video begins with, to embeddings
    Image,
}

/// A part with its weights and inputs in place.
type Runner = Box<dyn Fn() -> anyhow::Result<NamedTensors>>;

impl Module {
    pub fn run(self) -> anyhow::Result<()> {
        if let Some(threads) = self.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads as usize)
                .build_global()
                .context("cannot set --threads")?;
        }
        if self.output.is_dir() {
            bail!("--output {} is a folder; name a file that ends in .safetensors", self.output.display());
        }
        if !matches!(self.part, Part::Transformer) && !self.loras.loras.is_empty() {
            bail!("--lora changes the transformer only; leave it out for other parts");
        }
        if self.tile.is_some() && !matches!(self.part, Part::VaeDecode) {
            bail!("--tile is for vae-decode only; leave it out for other parts");
        }
        let tile = self.tile.map(|tile| tile as usize);
        crate::keep_little_memory();
        let folder = WanFolder::open(&self.model)?;
        let precision = match self.part {
            Part::Transformer => self.precision.of_transformer(&folder)?,
            Part::VaeDecode => self.precision.of_decoder(),
            part => self.precision.of_what_has_f32_only(part.name())?,
        };
        let folder = folder.with_loras(self.loras.loras)?.with_precision(precision);
        let input = TensorFile::open(&self.input)?;
        let estimate = Estimate::of((self.part, tile), &folder, &input)?;
        if !self.ignore_memory {
            estimate.check(memory::available_bytes())?;
        }
        let runner = self.part.prepare(&folder, &input, tile)?;
        let (mut seconds, mut processor_seconds, mut output) = (Vec::new(), Vec::new(), NamedTensors::new());
        for _ in 0..self.repeat {
            // The last output is dropped first: two at once would count as memory.
            output.clear();
            let (begun, before) = (Instant::now(), Usage::of_this_program());
            output = runner()?;
            seconds.push(begun.elapsed().as_secs_f64());
            processor_seconds.push(Usage::of_this_program().processor_seconds - before.processor_seconds);
            if interrupt::flow().is_break() {
                bail!("stopped; nothing was written");
            }
        }
        let _careful = Careful::begin();
        checkpoint::save_tensors(&output, &self.output, checkpoint::Precision::F32)?;
        let usage = Usage::of_this_program();
        print::line(json!({
            "seconds": seconds,
            "processor_seconds": processor_seconds,
            "peak_rss_bytes": usage.peak_rss_bytes,
            "estimated_peak_bytes": estimate.bytes(),
            "precision": precision.name(),
        }))
    }
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::VaeDecode => "vae-decode",
            Self::VaeEncode => "vae-encode",
            Self::Text => "text",
            Self::Image => "image",
        }
    }

    fn prepare(self, folder: &WanFolder, input: &TensorFile, tile: Option<usize>) -> anyhow::Result<Runner> {
        let device = Device::flex();
        Ok(match self {
            Self::Transformer => {
                let transformer = folder.transformer(&device)?;
                let hidden_states: Tensor<5> = input.floats("hidden_states", &device)?;
                let timesteps = timesteps(input, &device)?;
                let text: Tensor<3> = input.floats("encoder_hidden_states", &device)?;
                let image = "encoder_hidden_states_image";
                let image: Option<Tensor<3>> =
                    if input.has(image) { Some(input.floats(image, &device)?) } else { None };
                Box::new(move || {
                    named(
                        "sample",
                        transformer.forward(TransformerInput {
                            hidden_states: hidden_states.clone(),
                            timesteps: &timesteps,
                            encoder_hidden_states: text.clone(),
                            encoder_hidden_states_image: image.clone(),
                        })?,
                    )
                })
            }
            Self::VaeDecode => {
                let decoder = folder.decoder(&device)?;
                let latents: Tensor<5> = input.floats("latents", &device)?;
                Box::new(move || match tile {
                    None => named("sample", decoder.decode(latents.clone())?),
                    Some(tile) => {
                        let clip = decoder.decode_in_tiles(&latents, tile, &mut |_, _| ControlFlow::Continue(()))?;
                        named("sample", clip.frames(0..clip.num_frames(), &device))
                    }
                })
            }
            Self::VaeEncode => {
                let encoder = folder.encoder(&device)?;
                let sample: Tensor<5> = input.floats("sample", &device)?;
                Box::new(move || named("latents", encoder.encode(sample.clone())?))
            }
            Self::Text => {
                let encoder = folder.text_encoder(&device)?;
                let (ids, shape) = input.indices("input_ids")?;
                let (mask, mask_shape) = input.indices("attention_mask")?;
                if mask_shape != shape {
                    bail!(
                        "attention_mask has the shape {mask_shape:?}, but input_ids {shape:?}; they must be the same"
                    );
                }
                let present: Vec<bool> = mask.iter().map(|mask| *mask > 0).collect();
                Box::new(move || {
                    let input = TextInput { ids: &ids, present: &present, length: shape[1] };
                    named("prompt_embeds", encoder.forward(&input)?)
                })
            }
            Self::Image => {
                let encoder = folder.image_encoder(&device)?;
                let pixels: Tensor<4> = input.floats("pixel_values", &device)?;
                Box::new(move || named("image_embeds", encoder.forward(pixels.clone())?))
            }
        })
    }
}

fn named<const D: usize>(name: &str, tensor: Tensor<D>) -> anyhow::Result<NamedTensors> {
    Ok(NamedTensors::from([(name.to_owned(), tensor.try_into_data()?)]))
}

/// One for each clip, or one for each token.
fn timesteps(input: &TensorFile, device: &Device) -> anyhow::Result<Vec<f32>> {
    match input.floats::<2>("timestep", device) {
        Ok(of_tokens) => Ok(of_tokens.try_into_vec_as()?),
        Err(_) => values(input.floats::<1>("timestep", device)?),
    }
}

fn values(tensor: Tensor<1>) -> anyhow::Result<Vec<f32>> {
    Ok(tensor.try_into_vec_as()?)
}

/// What the program has taken from the system so far.
struct Usage {
    /// Of all processors together, the system's work for it included.
    processor_seconds: f64,
    /// The most memory that it has ever had in place.
    peak_rss_bytes: u64,
}

impl Usage {
    fn of_this_program() -> Self {
        // SAFETY: a zeroed `rusage` is a valid one, and the call only writes it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
            usage
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        Self {
            processor_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peak_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit,
        }
    }
}
