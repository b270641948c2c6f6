//! `misora models verify`.

use clap::Args;
use hub::ModelCache;
use indicatif::ProgressBar;
use models::Bundle;
use wan::WanFolder;

use super::Place;
use crate::{commands::model_place, interrupt, print, progress};

/// Check every file of a model: checksums where they are known, and that all tensors are there, fit and are finite
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
}

impl Verify {
    pub fn run(self) -> anyhow::Result<()> {
        let folder = model_place::here(&self.place.model)?;
        let bar = progress::bytes(0);
        bar.set_message("checksums");
        let compared = ModelCache::from_env().verify(&folder, &mut |more| bar.inc(more))?;
        let tensors = if WanFolder::is_one(&folder) { verify_wan(&folder, &bar)? } else { verify_own(&folder)? };
        bar.finish_and_clear();
        let checksums = match compared {
            0 => "no checksums to compare with".to_owned(),
            bytes => format!("{} with the right checksums", print::bytes(bytes)),
        };
        print::line(format!("{}: whole; {tensors}, {checksums}", folder.display()))
    }
}

fn verify_wan(folder: &std::path::Path, bar: &ProgressBar) -> anyhow::Result<String> {
    bar.set_message("tensors");
    let mut watch = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        interrupt::flow()
    };
    let tensors = wan::verify(&WanFolder::open(folder)?, &mut watch)?;
    Ok(format!("{tensors} tensors fit and are finite"))
}

fn verify_own(folder: &std::path::Path) -> anyhow::Result<String> {
    let bundle = Bundle::load(folder, &generation::DeviceKind::Cpu.open()?)?;
    let parameters: usize = generation::Generator::new(bundle).parameter_counts().iter().sum();
    Ok(format!("{parameters} parameters fit and are finite"))
}
