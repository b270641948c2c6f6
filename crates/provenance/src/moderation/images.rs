//! Pictures are judged by a classifier: anything that gives scores by category.

use std::{collections::BTreeMap, time::Duration};

use video::Frame;

use crate::ProvenanceError;

/// How surely a picture belongs to each category, from 0 to 1.
pub type Scores = BTreeMap<String, f32>;

/// Says what a picture shows.
pub trait ImageClassifier: Send + Sync {
    /// Looks at one picture.
    ///
    /// # Errors
    /// [`ProvenanceError::Classifier`] when nothing is known of it; then it must not pass.
    fn classify(&self, frame: &Frame) -> Result<Scores, ProvenanceError>;
}

/// Which pictures are looked at, and by which program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRules {
    /// The program and its arguments; none when no picture is looked at.
    pub command: Vec<String>,
    /// How long it may look at one picture.
    pub timeout: Duration,
    /// How many pictures of a clip are looked at.
    pub frames: usize,
    /// Whether finished videos are looked at too, before they are written.
    pub looks_at_finished: bool,
}

impl Default for ImageRules {
    fn default() -> Self {
        Self { command: Vec::new(), timeout: Duration::from_secs(10), frames: 8, looks_at_finished: false }
    }
}

/// Pictures that lie evenly over a clip whose length is not known beforehand.
pub(super) struct EvenlySpaced<T> {
    most: usize,
    stride: usize,
    seen: usize,
    kept: Vec<T>,
    last: Option<T>,
}

impl<T> EvenlySpaced<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), stride: 1, seen: 0, kept: Vec::new(), last: None }
    }

    pub(super) fn add(&mut self, item: T) {
        // Twice as many as wanted: every other one goes, and from here on only every other one comes.
        if self.kept.len() == 2 * self.most {
            let mut number = 0;
            self.kept.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.stride *= 2;
        }
        if self.seen.is_multiple_of(self.stride) {
            self.last = None;
            self.kept.push(item);
        } else {
            self.last = Some(item);
        }
        self.seen += 1;
    }

    /// At most as many as wanted, the first and the last among them.
    pub(super) fn finish(self) -> Vec<T> {
        let Self { most, mut kept, last, .. } = self;
        kept.extend(last);
        let count = kept.len();
        let wanted: Vec<usize> = evenly_spaced(count, most);
        kept.into_iter().enumerate().filter(|(index, _)| wanted.contains(index)).map(|(_, item)| item).collect()
    }
}

/// Numbers of `most` of so many things, the first and the last among them.
pub(super) fn evenly_spaced(count: usize, most: usize) -> Vec<usize> {
    let most = most.min(count);
    (0..most).map(|number| if most == 1 { 0 } else { number * (count - 1) / (most - 1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_evenly_over_a_clip_of_any_length() {
        for length in [1, 2, 7, 8, 9, 100, 1000] {
            let mut pictures = EvenlySpaced::new(8);
            (0..length).for_each(|number| pictures.add(number));
            let kept = pictures.finish();
            assert_eq!(kept.len(), length.min(8), "{kept:?}");
            assert_eq!((kept[0], kept[kept.len() - 1]), (0, length - 1));
            let gaps: Vec<usize> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| *gap <= length.div_ceil(4)), "{kept:?}");
        }
        assert_eq!(evenly_spaced(5, 1), [0]);
        assert_eq!(evenly_spaced(33, 3), [0, 16, 32]);
    }
}
