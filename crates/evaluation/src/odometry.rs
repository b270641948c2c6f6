//! Where the camera of a video went, read from its pictures over a ground whose place is known.

use glam::{Quat, Vec3};
use video::Frame;
use worlds::{Camera, Intrinsics};

/// A path's pose: position and rotation in the world.
pub type Pose = (Vec3, Quat);

/// Unknowns of a camera's small move: translation, then rotation, in its own axes.
const UNKNOWNS: usize = 6;
/// Rounds, in each of which the move is found better, and what moves by itself is trusted less.
const ROUNDS: usize = 12;
/// Error of luminance, of 255, that is the least to be expected.
const LEAST_ERROR: f64 = 0.3;
/// From the median of absolute errors to the standard deviation of what is normally distributed.
const DEVIATION_OF_MEDIAN: f64 = 1.48;
/// Deviations at which a pixel is trusted a quarter.
const TRUSTED_DEVIATIONS: f64 = 2.0;
/// Change of luminance for each radian of a turn at which a pixel is trusted half: strong edges are those of things.
const STEEP: f64 = 400.0;
/// Keeps a move at nothing where the picture says nothing.
const DAMPING: f64 = 0.01;
/// Pixels along the edges that are left out.
const MARGIN: usize = 2;

/// The poses of a camera that begins as `first` does, over the plane y = 0 and below a sky that is far away.
///
/// Between any two frames the move is found that explains how luminance changes, by least squares with weights that fall to
/// nothing where an error is far larger than most: things that move by themselves do not obey it.
///
/// # Source  the constraint is that of Horn and Weldon 1988, for a known depth; the weights are those of Geman and McClure
/// 1987
pub fn camera_poses(frames: &[Frame], first: &Camera) -> Vec<Pose> {
    let mut pose = (first.pose.position, first.pose.rotation);
    let mut poses = vec![pose];
    let pictures: Vec<Picture> = frames.iter().map(Picture::of).collect();
    // Cameras do not jump: each move is looked for about the one before.
    let mut step = [0.0; UNKNOWNS];
    for (frame, pair) in frames.iter().zip(pictures.windows(2)) {
        let intrinsics = Intrinsics::of(first, frame.resolution());
        step = small_move(&pair[0], &pair[1], (&intrinsics, pose), step);
        let [tx, ty, tz, rx, ry, rz] = step.map(|value| value as f32);
        pose.0 += pose.1 * Vec3::new(tx, ty, tz);
        pose.1 = (pose.1 * Quat::from_scaled_axis(Vec3::new(rx, ry, rz))).normalize();
        poses.push(pose);
    }
    poses
}

/// Luminance, a little blurred.
struct Picture {
    values: Vec<f32>,
    width: usize,
    height: usize,
}

impl Picture {
    fn of(frame: &Frame) -> Self {
        let size = frame.resolution();
        let (width, height) = (size.width() as usize, size.height() as usize);
        let (pixels, _) = frame.rgb().as_chunks::<3>();
        let sharp: Vec<f32> = pixels
            .iter()
            .map(|[r, g, b]| 0.2126 * f32::from(*r) + 0.7152 * f32::from(*g) + 0.0722 * f32::from(*b))
            .collect();
        let blurred = |values: &[f32], step: usize, index: usize, last: usize, at: usize| {
            let before = if index > 0 { values[at - step] } else { values[at] };
            let after = if index < last { values[at + step] } else { values[at] };
            0.25 * before + 0.5 * values[at] + 0.25 * after
        };
        let rows: Vec<f32> = (0..sharp.len()).map(|at| blurred(&sharp, 1, at % width, width - 1, at)).collect();
        let values = (0..rows.len()).map(|at| blurred(&rows, width, at / width, height - 1, at)).collect();
        Self { values, width, height }
    }

    /// Luminance and its slope between pixels, unless that is too near the edge.
    fn at(&self, x: f32, y: f32) -> Option<(f32, [f32; 2])> {
        let (column, row) = (x.floor(), y.floor());
        let inside = |place: f32, side: usize| place >= 1.0 && place < (side - 2) as f32;
        if !inside(column, self.width) || !inside(row, self.height) {
            return None;
        }
        let (right, below, at) = (x - column, y - row, row as usize * self.width + column as usize);
        let blend = |[a, b, c, d]: [f32; 4]| {
            (1.0 - below) * ((1.0 - right) * a + right * b) + below * ((1.0 - right) * c + right * d)
        };
        let corners = [at, at + 1, at + self.width, at + self.width + 1];
        let slopes = corners.map(|at| self.slope(at));
        let slope = [0, 1].map(|axis| blend(slopes.map(|slope| slope[axis])));
        Some((blend(corners.map(|at| self.values[at])), slope))
    }

    fn slope(&self, at: usize) -> [f32; 2] {
        [1, self.width].map(|step| 0.5 * (self.values[at + step] - self.values[at - step]))
    }
}

fn small_move(
    before: &Picture,
    after: &Picture,
    (intrinsics, pose): (&Intrinsics, Pose),
    mut found: [f64; UNKNOWNS],
) -> [f64; UNKNOWNS] {
    for _ in 0..ROUNDS {
        let mut equations = Vec::with_capacity(before.values.len());
        for y in MARGIN..before.height - MARGIN {
            for x in MARGIN..before.width - MARGIN {
                equations.extend(equation((before, after), [x, y], (intrinsics, pose), &found));
            }
        }
        found = weighted_least_squares(&equations, found);
    }
    found
}

/// How a pixel's luminance changes with each unknown, and what it is off where it went by the move so far.
fn equation(
    (before, after): (&Picture, &Picture),
    [x, y]: [usize; 2],
    (intrinsics, (position, rotation)): (&Intrinsics, Pose),
    so_far: &[f64; UNKNOWNS],
) -> Option<Equation> {
    let a = (x as f32 + 0.5 - intrinsics.centre_x) / intrinsics.focal;
    let b = -(y as f32 + 0.5 - intrinsics.centre_y) / intrinsics.focal;
    let down = -(rotation * Vec3::new(a, b, -1.0)).y;
    // One over the distance to the ground; nothing for the sky.
    let near = (down / position.y.max(0.05)).max(0.0);
    let across = [-near, 0.0, -a * near, -a * b, 1.0 + a * a, b].map(|way| intrinsics.focal * way);
    let down = [0.0, near, b * near, 1.0 + b * b, -a * b, a].map(|way| intrinsics.focal * way);
    let shift = |ways: &[f32; UNKNOWNS]| ways.iter().zip(so_far).map(|(way, by)| way * *by as f32).sum::<f32>();
    let (value, slope_after) = after.at(x as f32 + shift(&across), y as f32 + shift(&down))?;
    let at = y * before.width + x;
    let slope_before = before.slope(at);
    let [gx, gy] = [0, 1].map(|axis| 0.5 * (slope_before[axis] + slope_after[axis]));
    let row: [f64; UNKNOWNS] = std::array::from_fn(|unknown| f64::from(gx * across[unknown] + gy * down[unknown]));
    let predicted: f64 = row.iter().zip(so_far).map(|(row, by)| row * by).sum();
    Some((row, f64::from(value - before.values[at]) - predicted))
}

/// What a pixel says: how its luminance changes with each unknown, and by how much it is off.
type Equation = ([f64; UNKNOWNS], f64);

/// Solves row · x = −change for all rows, each with its weight at the solution so far.
fn weighted_least_squares(equations: &[Equation], so_far: [f64; UNKNOWNS]) -> [f64; UNKNOWNS] {
    let error = |(row, change): &Equation| change + row.iter().zip(so_far).map(|(row, value)| row * value).sum::<f64>();
    let mut errors: Vec<f64> = equations.iter().map(|equation| error(equation).abs()).collect();
    if errors.is_empty() {
        return so_far;
    }
    let middle = errors.len() / 2;
    let (_, median, _) = errors.select_nth_unstable_by(middle, f64::total_cmp);
    let trusted = TRUSTED_DEVIATIONS * (DEVIATION_OF_MEDIAN * *median).max(LEAST_ERROR);
    let mut system = [[0.0; UNKNOWNS + 1]; UNKNOWNS];
    for equation in equations {
        let (row, change) = equation;
        let fit = 1.0 / (1.0 + (error(equation) / trusted).powi(2));
        // The turns about `x` and `y`.
        let steepness = row[3].hypot(row[4]);
        let weight = fit * fit / (1.0 + steepness / STEEP);
        for (index, line) in system.iter_mut().enumerate() {
            for (sum, other) in line.iter_mut().zip(row) {
                *sum += weight * row[index] * other;
            }
            line[UNKNOWNS] -= weight * row[index] * change;
        }
    }
    (0..UNKNOWNS).for_each(|index| system[index][index] += DAMPING);
    solved(system)
}

/// Gauss's elimination of a positive definite system.
fn solved(mut system: [[f64; UNKNOWNS + 1]; UNKNOWNS]) -> [f64; UNKNOWNS] {
    for pivot in 0..UNKNOWNS {
        let line = system[pivot];
        for (_, other) in system.iter_mut().enumerate().filter(|(index, _)| *index != pivot) {
            let factor = other[pivot] / line[pivot];
            other.iter_mut().zip(line).for_each(|(value, of_pivot)| *value -= factor * of_pivot);
        }
    }
    std::array::from_fn(|index| system[index][UNKNOWNS] / system[index][index])
}

#[cfg(test)]
mod tests {
    use video::{FrameRate, Resolution};
    use worlds::{CameraMove, Distribution, FilmSettings, Motion, Place, Weights, World};

    use super::*;

    /// How far the last pose that is found is from the true one, and how far the camera went; metres and radians.
    fn error_and_way(camera: CameraMove, (motion, place): (Motion, Place), seed: u64) -> (f32, f32) {
        let distribution = Distribution {
            cameras: Weights::only(camera),
            motions: Weights::only(motion),
            places: Weights::only(place),
            ..Distribution::simple()
        };
        let settings = FilmSettings {
            resolution: Resolution::new(96, 96).unwrap(),
            frame_rate: FrameRate::new(16, 1).unwrap(),
            num_frames: 17,
        };
        let world = World::sample(&distribution.with_duration_secs(1.1), seed);
        let film = world.film(settings).unwrap();
        let truth = &film.truth.frames;
        let found = camera_poses(film.clip.frames(), &truth[0].camera).pop().unwrap();
        let [first, last] = [&truth[0], &truth[16]].map(|frame| frame.camera.pose);
        let way = first.position.distance(last.position) + first.rotation.angle_between(last.rotation);
        (found.0.distance(last.position) + found.1.angle_between(last.rotation), way)
    }

    #[test]
    fn the_way_of_a_rendered_camera_is_found() {
        for (camera, tolerance) in [(CameraMove::PanLeft, 0.1), (CameraMove::DollyIn, 0.05), (CameraMove::Still, 0.0)] {
            let (error, way) = error_and_way(camera, (Motion::Rest, Place::Tiles), 3);
            assert!(error <= tolerance * way + 0.025, "{camera:?}: {error} of {way}");
        }
    }

    #[test]
    fn what_moves_is_not_taken_for_the_camera() {
        let mut shares: Vec<f32> = (0..8)
            .map(|seed| {
                let motion = if seed % 2 == 0 { Motion::Roll } else { Motion::Slide };
                let (error, way) = error_and_way(CameraMove::DollyIn, (motion, Place::Grass), seed);
                error / way
            })
            .collect();
        shares.sort_by(f32::total_cmp);
        assert!(shares[7] < 0.15, "{shares:?}");
    }
}
