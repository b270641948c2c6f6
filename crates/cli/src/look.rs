//! `--preview`: what a clip will look like, while it forms; as a file, and in a terminal that can show pictures.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use video::{Clip, OutputFormat, VideoError, contact_sheet, write_clip};

use crate::{preview, target::check_folder};

/// Frames side by side in a picture.
const SHEET_COLUMNS: usize = 8;
/// How often the terminal shows a clip that is on its way.
const SHOWINGS: usize = 4;

/// The option of commands that make videos.
#[derive(Args)]
pub struct LookChoice {
    /// Show what the video will look like while it forms: in FILE (.gif, .png or .mp4), which is written anew after every
    /// step, or without one in the terminal
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    preview: Option<Option<PathBuf>>,
}

impl LookChoice {
    /// Whoever looks, if anybody does.
    pub fn open(&self) -> anyhow::Result<Option<Look>> {
        let Some(file) = &self.preview else { return Ok(None) };
        match file {
            Some(file) => check(file)?,
            None if preview::is_possible() => {}
            None => bail!("this terminal shows no pictures; name a file instead, such as --preview look.gif"),
        }
        Ok(Some(Look { file: file.clone(), shown: 0 }))
    }
}

/// Work of minutes should not end at a name.
fn check(file: &Path) -> anyhow::Result<()> {
    if !matches!(OutputFormat::from_path(file)?, OutputFormat::Gif | OutputFormat::Png | OutputFormat::Mp4) {
        bail!("--preview {}: name a file that ends in .gif, .png or .mp4", file.display());
    }
    check_folder(file)
}

/// Somebody who looks.
pub struct Look {
    file: Option<PathBuf>,
    /// How often the terminal has shown the clip.
    shown: usize,
}

impl Look {
    /// Begins with another clip.
    pub fn next_clip(&mut self) {
        self.shown = 0;
    }

    /// Shows a clip of which so many of so many steps are done.
    ///
    /// # Errors
    /// [`VideoError`] when the file cannot be written.
    pub fn see(&mut self, clip: &Clip, (done, total): (usize, usize)) -> Result<(), VideoError> {
        match &self.file {
            Some(file) if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")) => {
                let sheet = contact_sheet(&[clip], SHEET_COLUMNS)?;
                write_clip(&Clip::new(vec![sheet], clip.frame_rate())?, file)
            }
            Some(file) => write_clip(clip, file),
            None => {
                if SHOWINGS * done > self.shown * total {
                    self.shown += 1;
                    preview::show(clip);
                }
                Ok(())
            }
        }
    }
}
