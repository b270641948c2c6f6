//! Where a thing is to go: its way over the picture.

use std::str::FromStr;

use models::transformer::MotionPath;

use crate::{GenerationError, evenly::evenly};

/// How far outside of the picture a thing may be asked to be, as a share of its sides.
const OUTSIDE: f32 = 1.0;

/// The way of one thing over the picture, from the first frame to the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    name: String,
    points: Vec<[f32; 2]>,
}

impl Motion {
    /// The way of what is called `name` through points at even distances in time: shares of the width from the left and of
    /// the height from the top. One point means that it stays there.
    ///
    /// # Errors
    /// [`GenerationError::Motion`] when the name is empty, there is no point, or one lies far outside of the picture.
    pub fn new(name: &str, points: Vec<[f32; 2]>) -> Result<Self, GenerationError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(wrong(format!("does not say what moves; {ADVICE}")));
        }
        if points.is_empty() {
            return Err(wrong(format!("of \"{name}\" has no points; {ADVICE}")));
        }
        let allowed = -OUTSIDE..=1.0 + OUTSIDE;
        if let Some([x, y]) = points.iter().find(|point| !point.iter().all(|share| allowed.contains(share))) {
            return Err(wrong(format!(
                "of \"{name}\" goes to {x},{y}, far outside of the picture, whose corners are 0,0 and 1,1"
            )));
        }
        Ok(Self { name: name.to_owned(), points })
    }

    /// What moves.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The way at these of so many moments.
    pub(crate) fn during(&self, moments: &[usize], of: usize) -> Self {
        let all = self.places(of);
        Self { points: moments.iter().map(|moment| all[*moment]).collect(), ..self.clone() }
    }

    /// The way as the transformer takes it.
    pub(crate) fn path(&self, latent_frames: usize) -> MotionPath {
        MotionPath { clip: 0, points: self.places(latent_frames).into_iter().map(Some).collect() }
    }

    /// Where it is at so many moments, evenly from beginning to end.
    fn places(&self, count: usize) -> Vec<[f32; 2]> {
        evenly(&self.points, count, |from, to, share| [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis])))
    }
}

const ADVICE: &str = "write what moves and where it goes, such as \"red ball: 0.2,0.5 -> 0.8,0.5\"";

/// `red ball: 0.2,0.5 → 0.8,0.5`, with as many points as are wanted.
impl FromStr for Motion {
    type Err = GenerationError;

    fn from_str(text: &str) -> Result<Self, GenerationError> {
        let (name, way) = text.split_once([':', '：']).ok_or_else(|| wrong(format!("is not one; {ADVICE}")))?;
        let way = way.replace("->", "→");
        let points = way.split('→').map(|point| {
            let (x, y) = point.split_once([',', '，'])?;
            Some([x.trim().parse().ok()?, y.trim().parse().ok()?])
        });
        let points =
            points.collect::<Option<_>>().ok_or_else(|| wrong(format!("\"{}\" is not one; {ADVICE}", way.trim())))?;
        Self::new(name, points)
    }
}

fn wrong(problem: impl Into<String>) -> GenerationError {
    GenerationError::Motion { problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_evenly_in_time() {
        let motion: Motion = " red ball : 0.2,0.5 -> 0.8,0.5→0.8, 0.1".parse().unwrap();
        assert_eq!(motion.name(), "red ball");
        let points = motion.path(5).points;
        assert_eq!((points[0], points[2], points[4]), (Some([0.2, 0.5]), Some([0.8, 0.5]), Some([0.8, 0.1])));
        assert_eq!(points[1].map(|[x, _]| (x * 10.0).round()), Some(5.0));
        let stays: Motion = "球：0.5，0.5".parse().unwrap();
        assert_eq!(stays.path(2).points, [Some([0.5, 0.5]); 2]);
    }

    #[test]
    fn what_is_no_motion_is_named() {
        let message = |text: &str| text.parse::<Motion>().unwrap_err().to_string();
        assert!(message("0.2,0.5 -> 0.8,0.5").contains("red ball: 0.2,0.5"));
        assert!(message("ball: 0.2 -> 0.8").contains("\"0.2 → 0.8\" is not one"));
        assert!(message(": 0.2,0.5").contains("what moves"));
        assert!(message("ball: 0.2,9").contains("far outside"));
        assert!(message("ball: 0.2,NaN").contains("far outside"));
    }
}
