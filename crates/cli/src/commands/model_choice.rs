//! Which model, and where it runs.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use generation::{DeviceKind, Generator, Machine, VideoGenerator, WanGenerator, nano};
use models::Bundle;
use wan::{Lora, Precision, WanFolder};

use super::{model_place, precision_choice::PrecisionChoice};
use crate::{memory, value};

/// Options of every command that runs a model.
#[derive(Args)]
pub struct ModelChoice {
    /// A model folder, or a name on the Hugging Face hub, instead of the model that is built in; `generate` also takes
    /// Wan in the layout of diffusers
    #[arg(long, value_name = "DIR-OR-NAME")]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceChoice,
}

/// The option of every command that runs an open checkpoint's transformer.
#[derive(Args)]
pub struct LoraChoice {
    /// A LoRA to add to a Wan model, and how strongly: 1 unless said, below 0 for the contrary; may be given often
    #[arg(long = "lora", value_name = "FILE[:SCALE]", value_parser = value::lora)]
    pub loras: Vec<Lora>,
}

/// The option of every command that computes with tensors.
#[derive(Args)]
pub struct DeviceChoice {
    /// Where to compute
    #[arg(long, default_value = "cpu", value_parser = value::named::<DeviceKind>(DeviceKind::ALL.map(DeviceKind::name)))]
    pub device: DeviceKind,
}

impl ModelChoice {
    /// Loads the model, and says what it computes with.
    pub fn load(&self, precision: &PrecisionChoice) -> anyhow::Result<(Generator, Precision)> {
        let precision = precision.of_own(self.device.device)?;
        let device = self.device.device.open()?;
        let bundle = match &self.model {
            Some(place) => Bundle::load(&model_place::find_or_pull(place)?, &device)?,
            None => nano::load(&device)?,
        };
        Ok((Generator::new(bundle).with_precision(precision), precision))
    }

    /// Loads the model, which may also be a Wan folder in the layout of diffusers, and says what it computes with.
    pub fn load_any(
        &self,
        loras: &LoraChoice,
        precision: &PrecisionChoice,
        tile: Option<u64>,
    ) -> anyhow::Result<(Box<dyn VideoGenerator + Send + Sync>, Precision)> {
        let folder = self.model.as_deref().map(model_place::find_or_pull).transpose()?;
        match folder {
            Some(folder) if WanFolder::is_one(&folder) => {
                crate::keep_little_memory();
                let precision = precision.of_transformer(&WanFolder::open(&folder)?)?;
                let generator = WanGenerator::open(&folder, &self.device.device.open()?)?;
                let generator = generator.with_loras(loras.loras.clone())?.with_precision(precision);
                let generator = match tile {
                    Some(tile) => generator.with_tile(tile as usize),
                    None => generator,
                };
                Ok((Box::new(generator), precision))
            }
            _ if tile.is_some() => {
                bail!("--tile is for Wan models only; misora's own decodes in little memory. Leave it out")
            }
            _ if !loras.loras.is_empty() => {
                bail!("--lora changes Wan models only; name one with --model, or leave it out")
            }
            _ => {
                let (generator, precision) = self.load(precision)?;
                Ok((Box::new(generator), precision))
            }
        }
    }

    /// Whether a model was named.
    pub const fn is_given(&self) -> bool {
        self.model.is_some()
    }

    /// Whether it is to run elsewhere than usual.
    pub fn device_is_given(&self) -> bool {
        self.device.device != DeviceKind::Cpu
    }

    /// The memory and the threads of this machine, where it computes itself and says what it has.
    pub fn machine(&self) -> Option<Machine> {
        let available_bytes = memory::available_bytes().filter(|_| self.device.device == DeviceKind::Cpu)?;
        Some(Machine { available_bytes, threads: rayon::current_num_threads() })
    }

    /// Name of the device.
    pub fn device_name(&self) -> &'static str {
        self.device.device.name()
    }
}

impl LoraChoice {
    /// Files and scales as the option takes them.
    pub fn report(&self) -> Vec<String> {
        self.loras.iter().map(|lora| format!("{}:{}", lora.path().display(), lora.scale())).collect()
    }
}
