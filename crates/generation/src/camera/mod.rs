//! Where the camera goes: in words, or pose by pose.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `words` | `pan left 30, dolly in 2` to a path |
//! | `horizon` | where the ground ends in a picture |
//! | `view` | what stands where in it, as far as geometry says |
//! | `things` | what stands on the ground |
//! | `plate` | what rests in a film of a standing camera |
//! | `warp` | such a film, seen by a camera that moves |
//! | `guided` | a film is made twice: standing, and from what a moving camera would see of that |

mod guided;
mod horizon;
mod plate;
mod things;
mod view;
mod warp;
mod words;

use glam::{Quat, Vec3};
use models::transformer::CameraPose;

pub use guided::moved;
pub use warp::Warped;

use crate::{GenerationError, evenly::evenly};

/// Metres and radians below which a camera stands still.
const LEAST_MOVE: f32 = 1e-4;

/// A camera's path, from the first frame of a video to the last.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraPath {
    /// Poses at even distances in time; at least one, the first at the origin.
    poses: Vec<CameraPose>,
}

impl CameraPath {
    /// A path through poses at even distances in time: translation in metres in the axes of the first camera (`x` right,
    /// `y` up, `z` backwards), then rotation vector in radians in the same axes. They count from the first one.
    ///
    /// # Errors
    /// [`GenerationError::Camera`] when there is no pose, or a number is not finite.
    pub fn through(poses: &[CameraPose]) -> Result<Self, GenerationError> {
        let first = poses.first().ok_or_else(|| wrong("has no poses; give at least one"))?;
        if !poses.as_flattened().iter().all(|number| number.is_finite()) {
            return Err(wrong("holds a number that is not finite; give metres and radians"));
        }
        Ok(Self { poses: poses.iter().map(|pose| from(first, pose)).collect() })
    }

    /// The path at these of so many moments, counted from the first of them.
    pub(crate) fn during(&self, moments: &[usize], of: usize) -> Self {
        let all = self.poses(of);
        let poses: Vec<_> = moments.iter().map(|moment| all[*moment]).collect();
        // Poses of a path are some and finite, and so are these.
        Self::through(&poses).unwrap_or_else(|_| self.clone())
    }

    /// Reads a path: a line for each pose, each with six numbers, see [`Self::through`]; spaces or commas between them.
    ///
    /// # Errors
    /// [`GenerationError::Camera`] that names the line.
    pub fn parse_poses(text: &str) -> Result<Self, GenerationError> {
        let mut poses = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let numbers: Result<Vec<f32>, _> =
                line.split([',', ' ', '\t']).filter(|part| !part.is_empty()).map(str::parse).collect();
            let pose = numbers.ok().and_then(|numbers| CameraPose::try_from(numbers).ok()).ok_or_else(|| {
                wrong(format!(
                    "has no pose on line {}; write six numbers: x y z in metres, and a rotation vector in radians",
                    index + 1
                ))
            })?;
            poses.push(pose);
        }
        Self::through(&poses)
    }

    /// A camera that does not move.
    pub(crate) fn still() -> Self {
        Self { poses: vec![[0.0; 6]] }
    }

    /// Whether the camera moves at all.
    pub(crate) fn moves(&self) -> bool {
        self.poses.iter().any(|pose| pose.iter().any(|number| number.abs() > LEAST_MOVE))
    }

    /// The path at so many moments, counted from one of them.
    pub(crate) fn poses_from(&self, origin: usize, count: usize) -> Vec<CameraPose> {
        let poses = self.poses(count);
        let first = poses[origin];
        poses.iter().map(|pose| from(&first, pose)).collect()
    }

    /// The path at so many moments, evenly from its beginning to its end.
    pub fn poses(&self, count: usize) -> Vec<CameraPose> {
        evenly(&self.poses, count, |start, end, share| {
            pose_of(position(start).lerp(position(end), share), rotation(start).slerp(rotation(end), share))
        })
    }
}

/// A pose counted from another one.
fn from(first: &CameraPose, pose: &CameraPose) -> CameraPose {
    let to_first = rotation(first).inverse();
    let turn = (to_first * rotation(pose)).normalize();
    // Of the two quaternions for one rotation, that of the shorter way round.
    pose_of(to_first * (position(pose) - position(first)), if turn.w < 0.0 { -turn } else { turn })
}

fn position(pose: &CameraPose) -> Vec3 {
    Vec3::new(pose[0], pose[1], pose[2])
}

fn rotation(pose: &CameraPose) -> Quat {
    Quat::from_scaled_axis(Vec3::new(pose[3], pose[4], pose[5]))
}

fn pose_of(position: Vec3, rotation: Quat) -> CameraPose {
    let turn = rotation.to_scaled_axis();
    [position.x, position.y, position.z, turn.x, turn.y, turn.z]
}

fn wrong(problem: impl Into<String>) -> GenerationError {
    GenerationError::Camera { problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poses_count_from_the_first_and_lie_evenly_in_time() {
        let path = CameraPath::parse_poses("# a comment\n1 0 0 0 0.5 0\n\n1,0,-2,0,0.5,0\n").unwrap();
        let middle = path.poses(3)[1];
        // Turned to the left by 0.5, what was straight ahead of the world lies to the right.
        let expected = [0.5_f32.sin(), 0.0, -0.5_f32.cos(), 0.0, 0.0, 0.0];
        assert!(middle.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5), "{middle:?}");
        assert_eq!((path.poses(1), path.poses(2)[0]), (vec![[0.0; 6]], [0.0; 6]));
    }

    #[test]
    fn a_part_of_a_path_counts_from_its_own_first_pose() {
        let path: CameraPath = "pan left 40".parse().unwrap();
        let part = path.during(&[2, 3, 4], 5).poses(3);
        let turns: Vec<f32> = part.iter().map(|pose| pose[4].to_degrees()).collect();
        let whole: Vec<f32> = path.poses(5).iter().map(|pose| pose[4].to_degrees()).collect();
        let expected = [0.0, whole[3] - whole[2], whole[4] - whole[2]];
        assert!(
            turns.iter().zip(expected).all(|(turn, expected)| (turn - expected).abs() < 1e-3),
            "{turns:?} {whole:?}"
        );
    }

    #[test]
    fn wrong_poses_are_named() {
        let message = |text: &str| CameraPath::parse_poses(text).unwrap_err().to_string();
        assert!(message("0 0 0 0 0 0\n1 2 3").contains("line 2"));
        assert!(message("0 0 0 0 0 x").contains("line 1"));
        assert!(message("0 0 0 0 0 inf").contains("not finite"));
        assert!(message("# nothing").contains("no poses"));
    }
}
