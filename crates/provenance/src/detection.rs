//! Finds the marks of a file, and says what they mean together.

use std::path::Path;

use serde::Serialize;
use video::{ReadLimits, VideoReader, read_tags};

use crate::{
    AigcLabel, ProvenanceError,
    credentials::{FoundCredentials, Standing},
    watermark::{FoundWatermark, WatermarkDetector, WatermarkKey},
};

/// Frames that are looked at: the mark is the same in all of them.
const MOST_FRAMES: usize = 500;

/// What a file says of where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// What the marks mean together.
    pub verdict: Verdict,
    /// The mark in the pictures.
    pub watermark: Option<FoundWatermark>,
    /// The signed statement.
    pub credentials: FoundCredentials,
    /// The label in the metadata.
    pub aigc: Option<AigcLabel>,
}

/// What marks mean together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It comes from misora: the pictures or a signature that holds say so.
    Misora,
    /// Something says that it was generated, by another program or without proof.
    Generated,
    /// No mark was found, which does not mean that it was not generated.
    NoMark,
}

/// Looks for all marks. `folder` is the data folder whose certificates are trusted.
///
/// # Errors
/// [`ProvenanceError::Video`] for a file whose pictures cannot be read.
pub fn detect(path: &Path, folder: Option<&Path>) -> Result<Detection, ProvenanceError> {
    let mut detector = WatermarkDetector::new(&WatermarkKey::default());
    for frame in VideoReader::open(path, &ReadLimits::default())?.take(MOST_FRAMES) {
        detector.add(&frame?);
    }
    let watermark = detector.find();
    let aigc = AigcLabel::find(&read_tags(path)?);
    let credentials = FoundCredentials::read(path, folder);
    let holds = matches!(credentials.standing, Standing::Trusted | Standing::Valid);
    let signed_here = holds && credentials.generator.as_deref() == Some("misora");
    let says_generated = aigc.is_some()
        || credentials.source_types.iter().any(|source| source.to_lowercase().contains("trainedalgorithmicmedia"));
    let verdict = match (watermark.is_some() || signed_here, says_generated) {
        (true, _) => Verdict::Misora,
        (false, true) => Verdict::Generated,
        (false, false) => Verdict::NoMark,
    };
    Ok(Detection { verdict, watermark, credentials, aigc })
}
