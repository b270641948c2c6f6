//! What is asked of a video: its main object's colour, shape and motion, and the camera's move.

use serde::{Deserialize, Serialize};
use worlds::{CameraMove, Colour, Labels, Motion, Shape};

/// One thing that a video is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The main object's colour.
    Colour,
    /// Its shape.
    Shape,
    /// What it does.
    Motion,
    /// What the camera does.
    Camera,
}

impl Question {
    /// All of them, in the order of tables and of the classifier's heads.
    pub const ALL: [Self; 4] = [Self::Colour, Self::Shape, Self::Motion, Self::Camera];

    /// Its name, as tables and JSON write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Colour => "colour",
            Self::Shape => "shape",
            Self::Motion => "motion",
            Self::Camera => "camera",
        }
    }

    /// Number of possible answers.
    pub const fn num_answers(self) -> usize {
        match self {
            Self::Colour => Colour::ALL.len(),
            Self::Shape => Shape::ALL.len(),
            Self::Motion => Motion::ALL.len(),
            Self::Camera => CameraMove::ALL.len(),
        }
    }

    /// What an answer is called.
    ///
    /// # Panics  when there is no such answer
    pub const fn answer_name(self, answer: usize) -> &'static str {
        match self {
            Self::Colour => Colour::ALL[answer].name(),
            Self::Shape => Shape::ALL[answer].name(),
            Self::Motion => Motion::ALL[answer].name(),
            Self::Camera => CameraMove::ALL[answer].name(),
        }
    }

    /// Reads an answer's name.
    ///
    /// # Errors
    /// The possible names, as a sentence.
    pub fn parse(self, name: &str) -> Result<usize, String> {
        let said = |error: worlds::WorldsError| error.to_string();
        match self {
            Self::Colour => name.parse::<Colour>().map(Colour::index).map_err(said),
            Self::Shape => name.parse::<Shape>().map(Shape::index).map_err(said),
            Self::Motion => name.parse::<Motion>().map(Motion::index).map_err(said),
            Self::Camera => name.parse::<CameraMove>().map(CameraMove::index).map_err(said),
        }
    }
}

/// One value for each [`Question`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the questions say it")]
pub struct PerQuestion<T> {
    pub colour: T,
    pub shape: T,
    pub motion: T,
    pub camera: T,
}

/// The true answers, or what somebody took for them: positions in the lists of `worlds`.
pub type Answers = PerQuestion<usize>;

/// Answers of which some may be unknown.
pub type KnownAnswers = PerQuestion<Option<usize>>;

impl<T> PerQuestion<T> {
    /// Asks `value` for each question.
    pub fn from_fn(mut value: impl FnMut(Question) -> T) -> Self {
        Self {
            colour: value(Question::Colour),
            shape: value(Question::Shape),
            motion: value(Question::Motion),
            camera: value(Question::Camera),
        }
    }

    /// The value for a question.
    pub const fn get(&self, question: Question) -> &T {
        match question {
            Question::Colour => &self.colour,
            Question::Shape => &self.shape,
            Question::Motion => &self.motion,
            Question::Camera => &self.camera,
        }
    }

    /// The value for a question, to be changed.
    pub const fn get_mut(&mut self, question: Question) -> &mut T {
        match question {
            Question::Colour => &mut self.colour,
            Question::Shape => &mut self.shape,
            Question::Motion => &mut self.motion,
            Question::Camera => &mut self.camera,
        }
    }
}

/// The answers that are true of a simulated film.
pub const fn true_answers(labels: &Labels) -> Answers {
    Answers {
        colour: labels.colour.index(),
        shape: labels.shape.index(),
        motion: labels.motion.index(),
        camera: labels.camera.index(),
    }
}

/// The answers about the same film, seen in a mirror.
pub fn mirrored(answers: Answers) -> Answers {
    let camera = match CameraMove::ALL[answers.camera] {
        CameraMove::PanLeft => CameraMove::PanRight,
        CameraMove::PanRight => CameraMove::PanLeft,
        CameraMove::OrbitLeft => CameraMove::OrbitRight,
        CameraMove::OrbitRight => CameraMove::OrbitLeft,
        other => other,
    };
    Answers { camera: camera.index(), ..answers }
}

/// How often each true answer was read as each other one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// `counts[truth][read]`.
    pub counts: Vec<Vec<u32>>,
}

impl Confusion {
    /// Nothing read yet.
    pub fn new(question: Question) -> Self {
        Self { counts: vec![vec![0; question.num_answers()]; question.num_answers()] }
    }

    /// One more reading.
    pub fn add(&mut self, truth: usize, read: usize) {
        self.counts[truth][read] += 1;
    }

    /// Number of readings.
    pub fn total(&self) -> u32 {
        self.counts.iter().flatten().sum()
    }

    /// Share of readings that are right, if there are any.
    pub fn share(&self) -> Option<f64> {
        let right: u32 = self.counts.iter().enumerate().map(|(truth, row)| row[truth]).sum();
        (self.total() > 0).then(|| f64::from(right) / f64::from(self.total()))
    }

    /// The commonest mistakes, as (truth, read, count), most frequent first.
    pub fn mistakes(&self) -> Vec<(usize, usize, u32)> {
        let cells = self
            .counts
            .iter()
            .enumerate()
            .flat_map(|(truth, row)| row.iter().enumerate().map(move |(read, &count)| (truth, read, count)));
        let mut mistakes: Vec<_> = cells.filter(|(truth, read, count)| truth != read && *count > 0).collect();
        mistakes.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        mistakes
    }
}

impl PerQuestion<Confusion> {
    /// One more reading of all questions.
    pub fn add(&mut self, truth: Answers, read: Answers) {
        for question in Question::ALL {
            self.get_mut(question).add(*truth.get(question), *read.get(question));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_swaps_left_and_right_and_nothing_else() {
        for camera in 0..CameraMove::ALL.len() {
            let answers = Answers { colour: 1, shape: 2, motion: 3, camera };
            let seen = mirrored(answers);
            let swap = |name: &str| match name.split_once('-') {
                Some((what, "left")) => format!("{what}-right"),
                Some((what, "right")) => format!("{what}-left"),
                _ => name.to_owned(),
            };
            assert_eq!(Question::Camera.answer_name(seen.camera), swap(Question::Camera.answer_name(camera)));
            assert_eq!(mirrored(seen), answers);
        }
    }

    #[test]
    fn confusion_counts_shares_and_mistakes() {
        let mut confusion = Confusion::new(Question::Shape);
        assert_eq!(confusion.share(), None);
        for (truth, read) in [(0, 0), (1, 2), (1, 2), (2, 2), (3, 0)] {
            confusion.add(truth, read);
        }
        assert_eq!(confusion.share(), Some(0.4));
        assert_eq!(confusion.mistakes(), [(1, 2, 2), (3, 0, 1)]);
    }
}
