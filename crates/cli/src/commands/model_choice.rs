//! Which model, and where it runs.

use std::path::PathBuf;

use clap::Args;
use generation::{DeviceKind, Generator, VideoGenerator, WanGenerator, nano};
use models::Bundle;
use wan::{WanFolder, transformer::Precision};

use super::precision_choice::PrecisionChoice;
use crate::value;

/// Options of every command that runs a model.
#[derive(Args)]
pub struct ModelChoice {
    /// A model folder, instead of the model that is built in; `generate` also takes a Wan 2.1 folder of diffusers
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceChoice,
}

/// The option of every command that computes with tensors.
#[derive(Args)]
pub struct DeviceChoice {
    /// Where to compute
    #[arg(long, default_value = "cpu", value_parser = value::named::<DeviceKind>(DeviceKind::ALL.map(DeviceKind::name)))]
    pub device: DeviceKind,
}

impl ModelChoice {
    /// Loads the model.
    pub fn load(&self) -> anyhow::Result<Generator> {
        let device = self.device.device.open()?;
        let bundle = match &self.model {
            Some(folder) => Bundle::load(folder, &device)?,
            None => nano::load(&device)?,
        };
        Ok(Generator::new(bundle))
    }

    /// Loads the model, which may also be a Wan 2.1 folder in the layout of diffusers, and says what it computes with.
    pub fn load_any(&self, precision: &PrecisionChoice) -> anyhow::Result<(Box<dyn VideoGenerator>, Precision)> {
        match &self.model {
            Some(folder) if WanFolder::is_one(folder) => {
                crate::keep_little_memory();
                let precision = precision.of_transformer(&WanFolder::open(folder)?)?;
                let generator = WanGenerator::open(folder, &self.device.device.open()?)?;
                Ok((Box::new(generator.with_precision(precision)), precision))
            }
            _ => {
                let precision = precision.of_what_has_f32_only("misora's own model")?;
                Ok((Box::new(self.load()?), precision))
            }
        }
    }

    /// Name of the device.
    pub fn device_name(&self) -> &'static str {
        self.device.device.name()
    }
}
