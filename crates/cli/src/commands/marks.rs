//! The marks that every finished video carries.

use std::path::{Path, PathBuf};

use clap::Args;
use generation::{GenerationRequest, VideoGenerator, mark};
use provenance::{Identity, Marker, Origin, VisibleLabel, credentials::Credentials, data_folder};
use video::{Extras, FrameRate, Resolution};

/// Which marks are left out.
#[derive(Args)]
pub struct MarkChoice {
    /// Leave out the label that people see on the opening pictures. China's GB 45438 asks for it on whatever is shown to the
    /// public, the EU's AI Act on deepfakes; for drafts that stay with you, and where another notice is given, it may go.
    /// Watermark, metadata and signature stay
    #[arg(long, hide_short_help = true)]
    no_visible_label: bool,
}

/// What is needed to mark videos.
pub struct Marks {
    identity: Identity,
    inputs: Vec<PathBuf>,
    visible: VisibleLabel,
}

impl MarkChoice {
    /// Finds who signs, before the work. `inputs` are files that go into the video.
    pub fn open(&self, inputs: &[&Path]) -> anyhow::Result<Marks> {
        Ok(Marks {
            identity: Identity::open(&data_folder()?)?,
            inputs: inputs.iter().map(|input| input.to_path_buf()).collect(),
            visible: if self.no_visible_label { VisibleLabel::Left } else { VisibleLabel::Shown },
        })
    }
}

impl Marks {
    /// What is said of the video of a request and seed.
    pub fn of(&self, generator: &dyn VideoGenerator, request: &GenerationRequest, seed: u64) -> Origin {
        mark::origin(generator, request, (seed, &format!("{:?}", self.inputs)))
    }

    /// What marks its pictures.
    pub fn marker(&self, origin: Origin, size_and_rate: (Resolution, FrameRate)) -> Marker {
        Marker::new(origin, size_and_rate, self.visible)
    }

    /// What its file gets.
    pub fn extras(&self, marker: &Marker) -> Extras {
        marker.extras(&self.identity, &self.inputs)
    }

    /// What a file gets whose pictures are marked already.
    pub fn file_extras(&self, origin: Origin) -> Extras {
        let tags = vec![origin.aigc().tag()];
        Extras { tags, seal: Some(Credentials::new(self.identity.clone(), origin, self.inputs.clone()).into()) }
    }
}
