//! Judges all of a request: its texts by the policy, its pictures by a classifier.

use std::{path::Path, sync::Arc};

use video::{Frame, ReadLimits, VideoReader};

use super::{
    CommandClassifier, ImageClassifier, Policy, Wish,
    images::{EvenlySpaced, evenly_spaced},
};
use crate::ProvenanceError;

/// Judges requests by one policy.
#[derive(Clone)]
pub struct Moderator {
    policy: Arc<Policy>,
    classifier: Option<Arc<dyn ImageClassifier>>,
}

impl Moderator {
    /// Judges by a policy; pictures by the program that it names, if it names one.
    pub fn new(policy: Arc<Policy>) -> Self {
        let command = CommandClassifier::of(policy.images());
        let classifier = command.map(|command| Arc::new(command) as Arc<dyn ImageClassifier>);
        Self { policy, classifier }
    }

    /// Judges pictures by this classifier instead.
    #[must_use]
    pub fn with_classifier(self, classifier: Arc<dyn ImageClassifier>) -> Self {
        Self { classifier: Some(classifier), ..self }
    }

    /// What it judges by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Judges texts.
    ///
    /// # Errors
    /// [`ProvenanceError::Refused`].
    pub fn check_texts(&self, wish: &Wish<'_>) -> Result<(), ProvenanceError> {
        self.policy.check(wish).map_err(ProvenanceError::Refused)
    }

    /// Judges a picture or a clip that is given, by some frames that lie evenly over it.
    ///
    /// # Errors
    /// [`ProvenanceError::Refused`]; [`ProvenanceError::Classifier`] when nothing is known of a picture;
    /// [`ProvenanceError::Video`] for a file that cannot be read.
    pub fn check_file(&self, path: &Path, limits: &ReadLimits) -> Result<(), ProvenanceError> {
        if self.classifier.is_none() {
            return Ok(());
        }
        let mut frames = EvenlySpaced::new(self.policy.images().frames);
        for frame in VideoReader::open(path, limits)? {
            frames.add(frame?);
        }
        frames.finish().iter().try_for_each(|frame| self.check_frame(frame))
    }

    /// Judges frame `number` of a finished video before it is written, if the policy has it looked at.
    ///
    /// # Errors
    /// As [`Moderator::check_file`].
    pub fn check_finished(&self, frame: &Frame, (number, num_frames): (usize, usize)) -> Result<(), ProvenanceError> {
        let rules = self.policy.images();
        if !rules.looks_at_finished || !evenly_spaced(num_frames, rules.frames).contains(&number) {
            return Ok(());
        }
        self.check_frame(frame)
    }

    fn check_frame(&self, frame: &Frame) -> Result<(), ProvenanceError> {
        let Some(classifier) = &self.classifier else { return Ok(()) };
        let judged = self.policy.check_scores(&classifier.classify(frame)?);
        let judged = judged.map_err(|category| ProvenanceError::Classifier {
            program: "the classifier".to_owned(),
            problem: format!("gave no score for {category}, which has an image_threshold"),
        })?;
        judged.map_err(ProvenanceError::Refused)
    }
}
