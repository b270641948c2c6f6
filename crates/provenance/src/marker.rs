//! Marks one video: its pictures on their way, and its file at last.

use std::path::PathBuf;

use video::{Extras, Frame, FrameRate, Resolution};

use crate::{
    Origin,
    credentials::{Credentials, Identity},
    label::Label,
    watermark::{WatermarkKey, Watermarker, has_room},
};

/// Whether the label that people see is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisibleLabel {
    /// As the law asks where it reaches people.
    Shown,
    /// Where the law allows it.
    Left,
}

/// Marks the pictures of one video in their order.
pub struct Marker {
    origin: Origin,
    label: Option<Label>,
    /// Opening frames that carry the label.
    labelled: usize,
    watermarker: Option<Watermarker>,
    marked: usize,
}

impl Marker {
    /// Prepares the marks of a video of that size and rate.
    pub fn new(origin: Origin, (resolution, frame_rate): (Resolution, FrameRate), visible: VisibleLabel) -> Self {
        let watermarker = has_room(resolution).then(|| Watermarker::new(&WatermarkKey::default(), origin.payload()));
        Self {
            label: (visible == VisibleLabel::Shown).then(|| Label::new(origin.language, resolution)),
            labelled: Label::num_frames(frame_rate),
            watermarker,
            marked: 0,
            origin,
        }
    }

    /// Marks the next frame: the label first, so that the watermark lies over it too.
    pub fn mark(&mut self, frame: &mut Frame) {
        if let Some(label) = self.label.as_ref().filter(|_| self.marked < self.labelled) {
            label.draw(frame);
        }
        if let Some(watermarker) = &mut self.watermarker {
            watermarker.mark(frame);
        }
        self.marked += 1;
    }

    /// What its file gets: the label in the metadata, and the signature. `inputs` are files that went into it.
    pub fn extras(&self, identity: &Identity, inputs: &[PathBuf]) -> Extras {
        let credentials = Credentials::new(identity.clone(), self.origin.clone(), inputs.to_vec());
        Extras { tags: vec![self.origin.aigc().tag()], seal: Some(credentials.into()) }
    }
}
