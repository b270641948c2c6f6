//! `misora models convert`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use models::{Bundle, checkpoint::Precision};
use wan::{StoredPrecision, WanFolder};

use super::Place;
use crate::{
    commands::model_place,
    interrupt::{self, Careful},
    print, progress, value,
};

/// Write a model anew: in another precision, its tensors under the names of diffusers
#[derive(Args)]
pub struct Convert {
    #[command(flatten)]
    place: Place,
    /// The new folder, which must not be there yet
    target: PathBuf,
    /// In how many bits to store numbers
    #[arg(long, value_parser = value::named::<StoredPrecision>(StoredPrecision::ALL.map(StoredPrecision::name)))]
    precision: StoredPrecision,
}

impl Convert {
    pub fn run(self) -> anyhow::Result<()> {
        let Self { place, target, precision } = self;
        let folder = model_place::here(&place.model)?;
        if target.exists() {
            bail!("cannot write {}: it is there already, and nothing is written over", target.display());
        }
        // What is half written is taken away.
        let _careful = Careful::begin();
        if WanFolder::is_one(&folder) {
            let bar = progress::bytes(0);
            bar.set_message("converting");
            let mut watch = |done, total| {
                bar.set_length(total);
                bar.set_position(done);
                interrupt::flow()
            };
            wan::export(&WanFolder::open(&folder)?, &target, precision, &mut watch)?;
            bar.finish_and_clear();
        } else {
            let precision = match precision {
                StoredPrecision::F32 => Precision::F32,
                StoredPrecision::F16 => Precision::F16,
                StoredPrecision::Bf16 => bail!("misora's own models are stored as f16 or f32, not as bf16"),
            };
            Bundle::load(&folder, &generation::DeviceKind::Cpu.open()?)?.save(&target, precision)?;
        }
        print::line(format!("{}: {}", target.display(), print::bytes(model_place::bytes_in(&target)?)))
    }
}
