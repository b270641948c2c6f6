//! A clip that is given to a command.

use std::path::{Path, PathBuf};

use clap::Args;
use generation::tasks::Source;
use video::{Fit, ReadLimits, read_clip};

use crate::value;

/// The clip of every command that makes a video out of one.
#[derive(Args)]
pub struct SourceChoice {
    /// The clip: any video that ffmpeg reads, and without it MP4 of misora, GIF, PNG, JPEG
    #[arg(value_name = "CLIP")]
    path: PathBuf,
    /// Width and height at which the model works, multiples of 16 [default: the clip's own]
    #[arg(long, value_name = "WxH", value_parser = value::size)]
    size: Option<[u32; 2]>,
    /// What becomes of pictures of another shape than that size
    #[arg(long, value_parser = value::named::<Fit>(Fit::ALL.map(Fit::name)))]
    fit: Option<Fit>,
}

impl SourceChoice {
    /// Where the clip lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the clip.
    pub fn read(&self) -> anyhow::Result<Source> {
        Ok(Source::new(read_clip(&self.path, &ReadLimits::default())?, self.size, self.fit))
    }
}
