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

/// Who signs videos, and what went into them.
pub struct Signer {
    identity: Identity,
    inputs: Vec<PathBuf>,
    visible: VisibleLabel,
}

/// The marks of videos that differ in nothing but their seeds.
pub struct Marks {
    signer: Signer,
    origin: Origin,
}

impl MarkChoice {
    /// Finds who signs, before the work. `inputs` are files that go into the videos.
    pub fn open(&self, inputs: &[&Path]) -> anyhow::Result<Signer> {
        Ok(Signer {
            identity: Identity::open(&data_folder()?)?,
            inputs: inputs.iter().map(|input| input.to_path_buf()).collect(),
            visible: if self.no_visible_label { VisibleLabel::Left } else { VisibleLabel::Shown },
        })
    }
}

impl Signer {
    /// The marks of videos that are made by these requests, one after another; `settings` is what else tells them apart from
    /// others.
    pub fn marks(self, generator: &dyn VideoGenerator, requests: &[&GenerationRequest], settings: &str) -> Marks {
        let settings = format!("{settings}|{:?}", self.inputs);
        Marks { origin: mark::origin(generator, requests, &settings), signer: self }
    }
}

impl Marks {
    /// What marks the pictures of the video of a seed.
    pub fn marker(&self, seed: u64, size_and_rate: (Resolution, FrameRate)) -> Marker {
        Marker::new(self.of(seed), size_and_rate, self.signer.visible)
    }

    /// What its file gets.
    pub fn extras(&self, marker: &Marker) -> Extras {
        marker.extras(&self.signer.identity, &self.signer.inputs)
    }

    /// What a file gets whose pictures are marked already.
    pub fn file_extras(&self, seed: u64) -> Extras {
        let origin = self.of(seed);
        let tags = vec![origin.aigc().tag()];
        let Signer { identity, inputs, .. } = &self.signer;
        Extras { tags, seal: Some(Credentials::new(identity.clone(), origin, inputs.clone()).into()) }
    }

    fn of(&self, seed: u64) -> Origin {
        let origin = self.origin.clone();
        Origin { recipe: format!("{}|{seed}", origin.recipe), ..origin }
    }
}
