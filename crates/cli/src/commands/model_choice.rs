//! Which model, and where it runs.

use std::path::PathBuf;

use clap::Args;
use generation::{DeviceKind, Generator, nano};
use models::Bundle;

use crate::value;

/// Options of every command that runs a model.
#[derive(Args)]
pub struct ModelChoice {
    /// A model folder, instead of the model that is built in
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

    /// Name of the device.
    pub fn device_name(&self) -> &'static str {
        self.device.device.name()
    }
}
