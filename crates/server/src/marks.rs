//! The marks that every finished video carries.

use std::path::{Path, PathBuf};

use generation::{GenerationRequest, VideoGenerator, mark};
use provenance::{Identity, Marker, Origin, ProvenanceError, VisibleLabel, origin::AIGC_KEY};
use video::{Extras, Frame, FrameRate, Resolution, VideoError, read_tags};

use crate::jobs::Job;

/// Who signs what a server makes, and whether people see a label on it.
#[derive(Clone)]
pub struct Marks {
    identity: Identity,
    visible: VisibleLabel,
}

impl Marks {
    /// Signs as the identity of a folder; what is not there yet is made.
    ///
    /// # Errors
    /// [`ProvenanceError`] for a folder or a certificate that cannot be used.
    pub fn open(folder: &Path, visible: VisibleLabel) -> Result<Self, ProvenanceError> {
        Ok(Self { identity: Identity::open(folder)?, visible })
    }

    /// The marks of a job's video, which was made by these requests of these files.
    pub(crate) fn of(
        &self,
        job: &Job,
        (generator, requests): (&dyn VideoGenerator, &[&GenerationRequest]),
        inputs: &[PathBuf],
        size_and_rate: (Resolution, FrameRate),
    ) -> Result<Marking, VideoError> {
        if requests.is_empty() {
            // The watermark goes on with the pictures, and so does what the files say of where they come from.
            let tags = inputs.iter().map(|input| read_tags(input)).collect::<Result<Vec<_>, _>>()?;
            let tags = tags.into_iter().flatten().filter(|tag| tag.key == AIGC_KEY).take(1).collect();
            return Ok(Marking { marker: None, extras: Extras { tags, seal: None } });
        }
        let more = format!("{:?}|{}", job.order.task, job.order.seed);
        let origin: Origin = mark::origin(generator, requests, &more);
        let marker = Marker::new(origin, size_and_rate, self.visible);
        let extras = marker.extras(&self.identity, inputs);
        Ok(Marking { marker: Some(marker), extras })
    }
}

/// The marks of one video.
pub(crate) struct Marking {
    marker: Option<Marker>,
    /// What its files get.
    pub(crate) extras: Extras,
}

impl Marking {
    /// Marks the next frame.
    pub(crate) fn mark(&mut self, frame: &mut Frame) {
        if let Some(marker) = &mut self.marker {
            marker.mark(frame);
        }
    }
}
