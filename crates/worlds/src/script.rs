//! Motions that need no contact, as closed formulas of time, and everything that swims on the sea.

use std::f32::consts::TAU;

use glam::{Quat, Vec3};

use crate::{
    physics::{GRAVITY, STEPS_PER_SEC},
    proportions::AFLOAT,
    stage::Pose,
};

/// How an object moves without rigid-body physics.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// Does not move.
    Stand(Pose),
    /// Turns about the vertical through `pose`, by `rate` rad/s.
    Turn { pose: Pose, rate: f32 },
    /// Circles about `centre` at `radius`, `rate` rad/s, starting at `phase`; the circle leans towards the viewer.
    Circle { centre: Vec3, radius: f32, rate: f32, phase: f32, rotation: Quat },
    /// Rises like a balloon: soon at `speed` m/s, drifting and turning a little.
    Rise { pose: Pose, speed: f32, sway: f32 },
    /// Flies under gravity and is thrown back each time its centre comes down to `floor`, by `restitution` of its speed.
    Hop { pose: Pose, velocity: Vec3, floor: f32, restitution: f32 },
    /// Drops from `height` above its floating height into the water, dives, comes up and bobs.
    Splash { pose: Pose, height: f32, radius: f32 },
}

/// The heave and tilt of something afloat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bob {
    /// Highest lift in metres.
    pub heave: f32,
    /// Seconds from crest to crest.
    pub period_secs: f32,
    /// Where in the wave it starts, in radians.
    pub phase: f32,
}

impl Script {
    /// Poses at 0, 1, …, `steps` steps of 1/240 s.
    pub fn poses(&self, bob: Option<Bob>, steps: usize) -> Vec<Pose> {
        let splash = match *self {
            Self::Splash { height, radius, .. } => splash_heights(height, radius, steps),
            _ => Vec::new(),
        };
        (0..=steps)
            .map(|step| {
                let time = (step as f64 / STEPS_PER_SEC) as f32;
                let pose = self.pose_at(time, splash.get(step).copied().unwrap_or(0.0));
                bob.map_or(pose, |bob| bob.applied(pose, time))
            })
            .collect()
    }

    fn pose_at(&self, time: f32, height: f32) -> Pose {
        match *self {
            Self::Stand(pose) => pose,
            Self::Turn { pose, rate } => Pose { rotation: Quat::from_rotation_y(rate * time) * pose.rotation, ..pose },
            Self::Circle { centre, radius, rate, phase, rotation } => {
                let angle = phase + rate * time;
                // The near half is lower, so that the circle shows as an ellipse from a low camera too.
                let offset = Vec3::new(angle.cos(), -0.3 * angle.sin(), angle.sin()) * radius;
                Pose { position: centre + offset, rotation: Quat::from_rotation_y(-rate * time) * rotation }
            }
            Self::Rise { pose, speed, sway } => {
                // Buoyancy against drag: the speed is approached within a fraction of a second.
                let settle_secs = 0.15;
                let risen = speed * (time - settle_secs * (1.0 - (-time / settle_secs).exp()));
                let drift = sway * (1.0 - (2.2 * time).cos());
                let turn = Quat::from_rotation_y(0.7 * time * sway.signum()) * Quat::from_rotation_z(-0.5 * drift);
                Pose { position: pose.position + Vec3::new(drift, risen, 0.0), rotation: turn * pose.rotation }
            }
            Self::Hop { pose, velocity, floor, restitution } => {
                let height = hop_height(pose.position.y - floor, velocity.y, restitution, time);
                let along = Vec3::new(velocity.x * time, 0.0, velocity.z * time);
                let turn = Quat::from_rotation_y(0.6 * velocity.x.signum() * time);
                let position = Vec3::new(pose.position.x, floor + height, pose.position.z) + along;
                Pose { position, rotation: turn * pose.rotation }
            }
            Self::Splash { pose, .. } => {
                let rock = 0.5 * height.min(0.0);
                Pose {
                    position: pose.position + Vec3::Y * height,
                    rotation: Quat::from_rotation_z(rock) * pose.rotation,
                }
            }
        }
    }
}

impl Bob {
    /// The wave's lift and tilt, less of it the higher the object hovers above the water.
    fn applied(&self, pose: Pose, time: f32) -> Pose {
        let touch = (1.0 - (pose.position.y - 0.3) / 0.5).clamp(0.0, 1.0);
        let angle = self.phase + TAU * time / self.period_secs;
        let tilt = Quat::from_rotation_z(0.14 * touch * (angle + 0.9).sin())
            * Quat::from_rotation_x(0.08 * touch * (0.8 * angle).cos());
        Pose { position: pose.position + Vec3::Y * (self.heave * touch * angle.sin()), rotation: tilt * pose.rotation }
    }
}

/// Height over the floor at a time, after starting at `height` with an upward `speed`.
fn hop_height(height: f32, speed: f32, restitution: f32, time: f32) -> f32 {
    // Time from the start of a flight to its landing.
    let flight_secs = |height: f32, speed: f32| (speed + (speed * speed + 2.0 * GRAVITY * height).sqrt()) / GRAVITY;
    let (mut height, mut speed, mut left) = (height, speed, time);
    // So small hops do not show any more.
    const LEAST_SPEED: f32 = 0.05;
    loop {
        let flight = flight_secs(height, speed);
        if left <= flight {
            return height + speed * left - 0.5 * GRAVITY * left * left;
        }
        left -= flight;
        speed = restitution * (GRAVITY * flight - speed);
        height = 0.0;
        if speed < LEAST_SPEED {
            return 0.0;
        }
    }
}

/// Heights over the floating height: free fall, then buoyancy and drag on what is under water.
fn splash_heights(start: f32, radius: f32, steps: usize) -> Vec<f32> {
    let dt = (1.0 / STEPS_PER_SEC) as f32;
    let (mut height, mut speed) = (start, 0.0_f32);
    let mut heights = Vec::with_capacity(steps + 1);
    for _ in 0..=steps {
        heights.push(height);
        // Afloat (height 0) the part that is under water carries exactly the weight.
        let afloat = 0.5 * (1.0 - AFLOAT);
        let submerged = (afloat - height / (2.0 * radius)).clamp(0.0, 1.0);
        let acceleration = GRAVITY * (submerged / afloat - 1.0) - 5.0 * submerged * speed * (1.0 + speed.abs());
        let next = speed + acceleration * dt;
        height += 0.5 * (speed + next) * dt;
        speed = next;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hop_is_lower_by_the_square_of_the_restitution() {
        let heights: Vec<_> = (0..2000).map(|step| hop_height(1.0, 0.0, 0.8, step as f32 / 1000.0)).collect();
        let peaks: Vec<_> = heights
            .windows(3)
            .filter(|three| three[1] > three[0] && three[1] >= three[2])
            .map(|three| three[1])
            .collect();
        assert!((peaks[0] - 0.64).abs() < 1e-3 && (peaks[1] - 0.4096).abs() < 1e-3, "{peaks:?}");
        assert!(heights.iter().all(|height| *height > -1e-5));
        assert_eq!(hop_height(1.0, 0.0, 0.8, 1000.0), 0.0);
    }

    #[test]
    fn a_splash_ends_afloat() {
        let heights = splash_heights(1.2, 0.5, 1200);
        let deepest = heights.iter().copied().fold(f32::MAX, f32::min);
        assert!((-0.8..-0.1).contains(&deepest), "{deepest}");
        assert!(heights[1150..].iter().all(|height| height.abs() < 0.03));
    }
}
