//! A world: a plan, staged and simulated, that yields any film of itself.

use std::sync::OnceLock;

use glam::Vec3;
use video::{FrameRate, Resolution};

use crate::{
    captions::Captions,
    distribution::Distribution,
    error::WorldsError,
    labels::Labels,
    physics::STEPS_PER_SEC,
    plan::Plan,
    stage::{Moment, Pose, Stage},
    staging::Staging,
};

/// How a film is taken of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilmSettings {
    /// Size of the pictures.
    pub resolution: Resolution,
    /// Pictures per second.
    pub frame_rate: FrameRate,
    /// Number of pictures; frame `i` shows the time `i / frame_rate`.
    pub num_frames: usize,
}

impl FilmSettings {
    /// Tells whether a film can be made of it.
    ///
    /// # Errors
    /// [`WorldsError::Video`] for a film without frames, [`WorldsError::Duration`] for one that is too long.
    pub fn check(&self) -> Result<(), WorldsError> {
        let secs = self.time_secs(self.num_frames);
        if self.num_frames == 0 {
            return Err(video::VideoError::NoFrames.into());
        }
        if secs > f64::from(Plan::MAX_SECS) {
            return Err(WorldsError::Duration { given: secs, max_secs: Plan::MAX_SECS });
        }
        Ok(())
    }

    /// Time of a frame in seconds.
    pub fn time_secs(&self, frame: usize) -> f64 {
        frame as f64 * self.frame_rate.frame_duration_secs()
    }
}

/// A small film before it is drawn: what there is, what happens, and how it is said.
///
/// What happens is a function of time in seconds, so the same world can be filmed at any size and frame rate.
#[derive(Clone, Debug)]
pub struct World {
    plan: Plan,
    stage: Stage,
    staging: Staging,
    /// Poses at each simulated step, for the plan's duration.
    simulated: OnceLock<Vec<Vec<Pose>>>,
}

impl World {
    /// A world drawn from `distribution`: the same for the same distribution and seed.
    ///
    /// # Panics
    /// When the distribution leaves nothing to choose from; see [`Self::try_sample`] for wishes of a user.
    pub fn sample(distribution: &Distribution, seed: u64) -> Self {
        Self::try_sample(distribution, seed).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A world drawn from `distribution`: the same for the same distribution and seed.
    ///
    /// # Errors
    /// [`WorldsError::NothingFits`] when no choices with weight go together, such as only cubes that only roll.
    pub fn try_sample(distribution: &Distribution, seed: u64) -> Result<Self, WorldsError> {
        Self::from_plan(distribution.plan(seed)?)
    }

    /// The world of an explicit plan.
    ///
    /// # Errors
    /// Those of [`Plan::check`].
    pub fn from_plan(plan: Plan) -> Result<Self, WorldsError> {
        plan.check()?;
        let staging = Staging::of(&plan);
        Ok(Self { stage: plan.stage(), staging, plan, simulated: OnceLock::new() })
    }

    /// The choices that made it.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What stays the same during the film.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The true answers about it.
    pub fn labels(&self) -> Labels {
        Labels::of(&self.plan)
    }

    /// It in words.
    pub fn captions(&self) -> Captions {
        Captions::of(&self.plan, self.staging.heading)
    }

    /// Camera and poses for each frame, with nothing drawn.
    pub fn moments(&self, settings: FilmSettings) -> Vec<Moment> {
        let last = settings.time_secs(settings.num_frames.saturating_sub(1));
        let wanted = steps_for(last);
        let planned = steps_for(self.plan.duration_secs.into());
        let longer;
        let steps = if wanted <= planned {
            self.simulated.get_or_init(|| self.staging.simulate(&self.plan.props, planned))
        } else {
            longer = self.staging.simulate(&self.plan.props, wanted);
            &longer
        };
        let start = steps[0][0].position;
        let aspect_ratio = settings.resolution.aspect_ratio();
        (0..settings.num_frames)
            .map(|frame| {
                let time_secs = settings.time_secs(frame);
                let poses = poses_at(steps, time_secs);
                let travelled = self.travelled(poses[0].position - start);
                let share = (time_secs / f64::from(self.plan.duration_secs)) as f32;
                let camera = self.staging.view.camera(self.plan.camera, share, travelled, aspect_ratio);
                Moment { time_secs: time_secs as f32, camera, poses }
            })
            .collect()
    }

    /// The part of the main object's way that a following camera goes along: not its bounces.
    fn travelled(&self, offset: Vec3) -> Vec3 {
        match self.plan.motion {
            crate::Motion::FloatUp => offset,
            _ => Vec3::new(offset.x, 0.0, offset.z),
        }
    }
}

/// Simulated steps that cover a time, and one more to interpolate towards.
fn steps_for(time_secs: f64) -> usize {
    (time_secs * STEPS_PER_SEC).ceil() as usize + 1
}

fn poses_at(steps: &[Vec<Pose>], time_secs: f64) -> Vec<Pose> {
    let exact = time_secs * STEPS_PER_SEC;
    let index = (exact.floor() as usize).min(steps.len() - 2);
    let share = (exact - index as f64) as f32;
    let between = |(from, to): (&Pose, &Pose)| Pose {
        position: from.position.lerp(to.position, share),
        rotation: from.rotation.slerp(to.rotation, share),
    };
    steps[index].iter().zip(&steps[index + 1]).map(between).collect()
}
