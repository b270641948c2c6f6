//! `misora models pull`.

use clap::Args;
use hub::{Hub, ModelName};

use crate::{commands::model_place::Pulling, print};

/// Fetch a model from the Hugging Face hub, or what is still missing of it
#[derive(Args)]
#[command(after_help = "\
HF_HOME or HF_HUB_CACHE say where models are kept, HF_TOKEN opens those that ask for it, HF_ENDPOINT names another hub.
A pull that was stopped goes on where it stopped.")]
pub struct Pull {
    /// A name such as Wan-AI/Wan2.1-T2V-1.3B-Diffusers; owner/name@revision for a branch, tag or commit
    name: ModelName,
}

impl Pull {
    pub fn run(self) -> anyhow::Result<()> {
        let folder = Hub::from_env().pull(&self.name, &mut Pulling::begin(&self.name))?;
        print::line(folder.display())
    }
}
