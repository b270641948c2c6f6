//! Rendered films with their answers: what the classifier learns from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use video::Frame;

use crate::{
    Answers, EvaluationError,
    films::{self, FilmSet},
    question::true_answers,
};

/// A film, and what is true of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The film.
    pub frames: Vec<Frame>,
    /// The truth.
    pub answers: Answers,
}

/// What stands in the first line of a file of films; their pixels follow.
#[derive(Serialize, Deserialize)]
struct Header {
    /// What was filmed, so that films of another recipe are not taken for these.
    set: String,
    answers: Vec<Answers>,
}

/// The films of a set: those that `folder` holds, or else rendered and put there, since rendering takes as long as
/// learning.
///
/// # Errors
/// What may go wrong with rendering, and [`EvaluationError::File`] when the films cannot be kept.
pub fn films(set: &FilmSet, folder: &Path) -> Result<Vec<Example>, EvaluationError> {
    let path = folder.join(file_name(set));
    if let Some(examples) = kept(set, &path) {
        return Ok(examples);
    }
    let rendered = films::render(set, 0..set.count)?.into_iter();
    let examples: Vec<_> =
        rendered.map(|film| Example { answers: true_answers(&film.labels), frames: film.clip.into_frames() }).collect();
    keep(set, &examples, &path)?;
    Ok(examples)
}

fn file_name(set: &FilmSet) -> String {
    format!("films-{}-{}-{}.bin", set.settings.resolution, set.settings.num_frames, set.first_seed)
}

fn keep(set: &FilmSet, examples: &[Example], path: &Path) -> Result<(), EvaluationError> {
    let failed = |source| EvaluationError::File { action: "write", path: PathBuf::from(path), source };
    let header = Header { set: format!("{set:?}"), answers: examples.iter().map(|example| example.answers).collect() };
    let mut bytes = serde_json::to_vec(&header).map_err(|error| failed(error.into()))?;
    bytes.push(b'\n');
    for frame in examples.iter().flat_map(|example| &example.frames) {
        bytes.extend_from_slice(frame.rgb());
    }
    // Beside its name at first, so that a stop leaves no half of a file.
    let unfinished = path.with_extension("part");
    std::fs::write(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, path)).map_err(failed)
}

/// The films of a file, if it is whole and holds this set.
fn kept(set: &FilmSet, path: &Path) -> Option<Vec<Example>> {
    let bytes = std::fs::read(path).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let header: Header = serde_json::from_slice(&bytes[..end]).ok()?;
    let size = set.settings.resolution;
    let frame_bytes = size.pixel_count() * 3;
    let pixels = &bytes[end + 1..];
    if header.set != format!("{set:?}")
        || header.answers.len() != set.count
        || pixels.len() != set.count * set.settings.num_frames * frame_bytes
    {
        return None;
    }
    let films = pixels.chunks_exact(set.settings.num_frames * frame_bytes);
    let example = |(pixels, answers): (&[u8], Answers)| {
        let frames = pixels.chunks_exact(frame_bytes).map(|rgb| Frame::new(size, rgb.to_vec()).ok());
        Some(Example { frames: frames.collect::<Option<_>>()?, answers })
    };
    films.zip(header.answers).map(example).collect()
}

#[cfg(test)]
mod tests {
    use video::Resolution;
    use worlds::{Distribution, FilmSettings};

    use super::*;

    #[test]
    fn films_are_kept_and_damaged_or_other_ones_are_rendered_again() {
        let folder = tempfile::tempdir().unwrap();
        let settings = FilmSettings {
            resolution: Resolution::new(16, 16).unwrap(),
            frame_rate: films::frame_rate(8).unwrap(),
            num_frames: 5,
        };
        let first_seed = films::CLASSIFIER_SEED;
        let set = FilmSet { distribution: Distribution::simple(), settings, count: 2, first_seed };
        let path = folder.path().join(file_name(&set));
        assert_eq!(kept(&set, &path), None);
        let rendered = films(&set, folder.path()).unwrap();
        assert_eq!((rendered.len(), rendered[0].frames.len()), (2, 5));
        assert_eq!(kept(&set, &path), Some(rendered.clone()));

        let whole = std::fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..10], b"", b"{}\n"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(kept(&set, &path), None);
        }
        assert_eq!(films(&set, folder.path()).unwrap(), rendered);
        let other = FilmSet { distribution: Distribution::full(), ..set };
        assert_eq!(kept(&other, &path), None);
    }
}
