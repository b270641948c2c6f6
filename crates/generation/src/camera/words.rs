//! Camera moves in words.

use std::str::FromStr;

use glam::{Quat, Vec3};

use super::{CameraPath, pose_of, wrong};
use crate::GenerationError;

/// Poses of a path that is given in words.
const POSES: usize = 65;
/// Distance in metres of what an orbit goes around: as far as a camera mostly is from what it films.
const ORBIT_DISTANCE: f32 = 4.2;

/// One kind of move: its name, its directions with their signs, and how far it goes when nothing is said.
struct Kind {
    name: &'static str,
    directions: [(&'static str, f32); 2],
    usual: f32,
    in_degrees: bool,
    /// Adds so much of the move.
    add: fn(&mut Rig, f32),
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "pan",
        directions: [("left", 1.0), ("right", -1.0)],
        usual: 14.0,
        in_degrees: true,
        add: |rig, amount| rig.pan += amount,
    },
    Kind {
        name: "tilt",
        directions: [("up", 1.0), ("down", -1.0)],
        usual: 11.0,
        in_degrees: true,
        add: |rig, amount| rig.tilt += amount,
    },
    Kind {
        name: "roll",
        directions: [("left", 1.0), ("right", -1.0)],
        usual: 10.0,
        in_degrees: true,
        add: |rig, amount| rig.roll += amount,
    },
    Kind {
        name: "dolly",
        directions: [("in", -1.0), ("out", 1.0)],
        usual: 1.6,
        in_degrees: false,
        add: |rig, amount| rig.offset.z += amount,
    },
    Kind {
        name: "truck",
        directions: [("left", -1.0), ("right", 1.0)],
        usual: 1.5,
        in_degrees: false,
        add: |rig, amount| rig.offset.x += amount,
    },
    Kind {
        name: "pedestal",
        directions: [("up", 1.0), ("down", -1.0)],
        usual: 1.0,
        in_degrees: false,
        add: |rig, amount| rig.offset.y += amount,
    },
    Kind {
        name: "orbit",
        directions: [("left", -1.0), ("right", 1.0)],
        usual: 45.0,
        in_degrees: true,
        add: |rig, amount| rig.orbit += amount,
    },
];

/// How far each kind of move has gone; angles in radians, lengths in metres.
#[derive(Clone, Copy, Debug, Default)]
struct Rig {
    pan: f32,
    tilt: f32,
    roll: f32,
    orbit: f32,
    offset: Vec3,
}

impl Rig {
    fn pose(&self) -> [f32; 6] {
        let around = Quat::from_rotation_y(self.orbit);
        let target = Vec3::NEG_Z * ORBIT_DISTANCE;
        let turn =
            Quat::from_rotation_y(self.pan) * Quat::from_rotation_x(self.tilt) * Quat::from_rotation_z(self.roll);
        pose_of(target + around * (self.offset - target), (around * turn).normalize())
    }
}

/// A move of so much, signed.
type Move = (&'static Kind, f32);

/// Moves in words: `pan left 30, dolly in 2`, at once where a comma stands between them, one after another after `then`.
impl FromStr for CameraPath {
    type Err = GenerationError;

    fn from_str(text: &str) -> Result<Self, GenerationError> {
        let text = text.to_lowercase();
        let parts: Vec<Vec<Move>> = text.split("then").map(part).collect::<Result<_, _>>()?;
        let pose = |index: usize| {
            let exact = index as f32 / (POSES - 1) as f32 * parts.len() as f32;
            let mut rig = Rig::default();
            for (place, moves) in parts.iter().enumerate() {
                let share = eased((exact - place as f32).clamp(0.0, 1.0));
                moves.iter().for_each(|(kind, amount)| (kind.add)(&mut rig, amount * share));
            }
            rig.pose()
        };
        Self::through(&(0..POSES).map(pose).collect::<Vec<_>>())
    }
}

fn part(text: &str) -> Result<Vec<Move>, GenerationError> {
    let moves = text.split([',', ';']).map(str::trim).filter(|words| !words.is_empty());
    let moves: Vec<Option<Move>> = moves.map(one_move).collect::<Result<_, _>>()?;
    if moves.is_empty() {
        return Err(wrong(format!("says nothing; {ADVICE}")));
    }
    Ok(moves.into_iter().flatten().collect())
}

const ADVICE: &str = "write moves such as \"pan left 30, dolly in 2\", \"orbit right 45 then tilt up\" or \"still\": \
    pan, tilt, roll and orbit in degrees, dolly, truck and pedestal in metres";

/// Nothing when the camera is to stand still.
fn one_move(words: &str) -> Result<Option<Move>, GenerationError> {
    let unknown = || wrong(format!("\"{words}\" means nothing to me; {ADVICE}"));
    let mut parts = words.split_whitespace();
    let name = parts.next().ok_or_else(unknown)?;
    if matches!(name, "still" | "static") && parts.next().is_none() {
        return Ok(None);
    }
    if name == "zoom" {
        return Err(wrong(format!(
            "asks for \"{words}\", but the lens stays as it is; move the camera instead: dolly in 2"
        )));
    }
    let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(unknown)?;
    let direction = parts.next().unwrap_or_default();
    let (_, sign) = kind.directions.into_iter().find(|(word, _)| *word == direction).ok_or_else(|| {
        let [(one, _), (other, _)] = kind.directions;
        wrong(format!("\"{words}\" has no direction; write {name} {one} or {name} {other}"))
    })?;
    let rest: String = parts.collect();
    let amount = amount(&rest, kind).ok_or_else(|| {
        let (unit, example) = if kind.in_degrees { ("degrees", "30") } else { ("metres", "1.5") };
        wrong(format!("\"{words}\" does not end in a number of {unit}; write {name} {direction} {example}"))
    })?;
    Ok(Some((kind, sign * amount)))
}

/// In radians or metres; what is usual when nothing is said.
fn amount(text: &str, kind: &Kind) -> Option<f32> {
    let units: &[&str] = if kind.in_degrees {
        &["degrees", "degree", "deg", "°"]
    } else {
        &["metres", "meters", "metre", "meter", "m"]
    };
    let number = units.iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    let amount = if text.is_empty() { kind.usual } else { number.parse().ok()? };
    let amount = if kind.in_degrees { amount.to_radians() } else { amount };
    (amount.is_finite() && amount >= 0.0).then_some(amount)
}

/// Moves at once, and is gentle at both ends.
fn eased(share: f32) -> f32 {
    let smooth = share * share * (3.0 - 2.0 * share);
    0.7 * share + 0.3 * smooth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(words: &str) -> [f32; 6] {
        words.parse::<CameraPath>().unwrap().poses(9)[8]
    }

    fn near(found: [f32; 6], expected: [f32; 6]) -> bool {
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-4)
    }

    #[test]
    fn words_become_poses() {
        assert!(near(last("pan left 30°"), [0.0, 0.0, 0.0, 0.0, 30_f32.to_radians(), 0.0]));
        assert!(near(last("Pan right 30, dolly in 2 m"), [0.0, 0.0, -2.0, 0.0, -30_f32.to_radians(), 0.0]));
        assert!(near(last("truck left 1 then pedestal up 0.5metres"), [-1.0, 0.5, 0.0, 0.0, 0.0, 0.0]));
        assert!(near(last("tilt down 10"), [0.0, 0.0, 0.0, -10_f32.to_radians(), 0.0, 0.0]));
        // A quarter of the way round to the left: as far to the side as ahead, looking to the right.
        let quarter = [-ORBIT_DISTANCE, 0.0, -ORBIT_DISTANCE, 0.0, -90_f32.to_radians(), 0.0];
        assert!(near(last("orbit left 90"), quarter), "{:?}", last("orbit left 90"));
        assert!(near(last("still"), [0.0; 6]));
        assert!(last("pan left")[4] > 0.2, "a usual amount");
    }

    #[test]
    fn moves_after_one_another_wait() {
        let poses = "pan left 20 then pan right 20".parse::<CameraPath>().unwrap().poses(9);
        assert!((poses[4][4] - 20_f32.to_radians()).abs() < 1e-4 && poses[8][4].abs() < 1e-4, "{poses:?}");
    }

    #[test]
    fn words_that_mean_nothing_are_named() {
        let message = |words: &str| words.parse::<CameraPath>().unwrap_err().to_string();
        assert!(message("wobble left").contains("\"wobble left\" means nothing"));
        assert!(message("pan 30").contains("pan left or pan right"));
        assert!(message("pan left fast").contains("number of degrees"));
        assert!(message("dolly in -2").contains("number of metres"));
        assert!(message("zoom in").contains("dolly in 2"));
        for empty in ["", " , ", "pan left then"] {
            assert!(message(empty).contains("says nothing"), "{empty}");
        }
    }
}
