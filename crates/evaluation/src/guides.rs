//! Whether the camera and things go where they are told to, and whether what is hidden comes out again: on films whose
//! truth is known.

use generation::{
    CameraPath, GenerationOptions, Generator, Length, Motion as AskedMotion,
    tasks::{Animate, Extend, Source, Task, make},
};
use glam::{Quat, Vec3};
use serde::Serialize;
use video::{Clip, Frame, Resolution};
use worlds::{CameraMove, Distribution, Film, FilmSettings, FrameTruth, Motion, Place, Weights, World, camera_path};

use crate::{
    EvaluationError, Phase,
    classifier::held_out_worlds,
    films::{self, HELD_OUT_SEED},
    odometry::{Pose, camera_poses},
    progress::{Monitor, report},
    tracking::{Sighting, Tracker},
};

/// Frames of a film.
const NUM_FRAMES: usize = 33;
/// Metres that a turn of one radian counts: the usual distance of what is filmed.
const METRES_PER_RADIAN: f32 = 4.2;
/// Films of these sets are none of those on which anything else is measured.
const FIRST_SEED: u64 = HELD_OUT_SEED + (2 << 20);
const HIDING_SEED: u64 = HELD_OUT_SEED + (3 << 20);
/// Share of a hidden object that is seen at most, and of one that has come out at least.
const HIDDEN: f32 = 0.1;
const OUT: f32 = 0.5;
/// Frames by which an object may come out too early or too late: half a second.
const TOLERANCE: usize = 8;
/// Share of its area that has to be found again.
const LEAST_AREA: f32 = 0.4;

/// What was measured of guides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GuideScores {
    /// Films of each kind.
    pub films: usize,
    /// How far the camera's path is from the one asked for, as a share of its length.
    pub camera: Reading,
    /// How far a thing is from its way, as a share of the picture's width.
    pub motion: Reading,
    /// The same for videos that were told of no way.
    pub motion_untold: f64,
    /// Share of things that roll behind something in given frames and come out again, in the same colour and in time.
    pub permanence: Reading,
}

/// What was read in videos, and in films whose truth it is, by the same means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Reading {
    /// In videos that were made.
    pub videos: f64,
    /// In rendered films: what the reader itself is worth.
    pub films: f64,
}

/// Makes videos of held-out films of one size, told where camera and things go, and measures them.
///
/// # Errors
/// [`EvaluationError`] of films and of videos; [`EvaluationError::Interrupted`].
pub fn measure(
    generator: &Generator,
    (count, options, resolution): (usize, &GenerationOptions, Resolution),
    monitor: &mut dyn Monitor,
) -> Result<GuideScores, EvaluationError> {
    let frame_rate = films::frame_rate(generator.bundle().info.frame_rate)?;
    let settings = FilmSettings { resolution, frame_rate, num_frames: NUM_FRAMES };
    let case = Case { generator, options, settings };
    let mut scores = GuideScores {
        films: count,
        camera: Reading::default(),
        motion: Reading::default(),
        motion_untold: 0.0,
        permanence: Reading::default(),
    };
    let share = 1.0 / count.max(1) as f64;
    for index in 0..count {
        report(monitor, Phase::Guides, index, count)?;
        let seed = FIRST_SEED + index as u64;
        scores.camera.add(share, case.camera(seed)?);
        let [told, untold] = case.motion(seed)?;
        scores.motion.add(share, told);
        scores.motion_untold += share * untold.videos;
        scores.permanence.add(share, case.permanence(HIDING_SEED + index as u64)?);
    }
    report(monitor, Phase::Guides, count, count)?;
    Ok(scores)
}

impl Reading {
    fn add(&mut self, share: f64, other: Self) {
        self.videos += share * other.videos;
        self.films += share * other.films;
    }
}

/// How all videos are made.
struct Case<'a> {
    generator: &'a Generator,
    options: &'a GenerationOptions,
    settings: FilmSettings,
}

impl Case<'_> {
    /// A film's first picture goes on with the film's own camera.
    fn camera(&self, seed: u64) -> Result<Reading, EvaluationError> {
        let moves: Vec<_> = CameraMove::ALL.iter().copied().filter(|camera| *camera != CameraMove::Still).collect();
        let distribution = Distribution {
            cameras: Weights::even(&moves),
            // Where the ground is known, and holds still.
            places: Weights::even(&[Place::Grass, Place::Sand, Place::Tiles, Place::Snow]),
            ..held_out_worlds()
        };
        let (world, film) = self.film(distribution, seed)?;
        let truth = &film.truth.frames;
        let poses: Vec<Pose> =
            truth.iter().map(|truth| (truth.camera.pose.position, truth.camera.pose.rotation)).collect();
        let path = CameraPath::through(&camera_path(&world.moments(self.settings)))?;
        let wishes = GenerationOptions { camera: Some(path), ..self.wishes(&world) };
        let made = self.animate(&film, wishes, seed)?;
        let error = |frames: &[Frame]| path_error(&camera_poses(frames, &truth[0].camera), &poses);
        Ok(Reading { videos: error(made.frames()), films: error(film.clip.frames()) })
    }

    /// A film's first picture goes on, its object told to go straight to the other side; and the same, not told.
    fn motion(&self, seed: u64) -> Result<[Reading; 2], EvaluationError> {
        let distribution = Distribution {
            cameras: Weights::only(CameraMove::Still),
            motions: Weights::even(&[Motion::Roll, Motion::Slide, Motion::Rest]),
            ..held_out_worlds()
        };
        let (world, film) = self.film(distribution, seed)?;
        let path = world.paths(self.settings).swap_remove(0);
        let [x, y] = path.points[0].unwrap_or([0.5; 2]);
        let way = [[x, y], [if x < 0.5 { 0.75 } else { 0.25 }, y]];
        let tracker = Tracker::learn(film.clip.frames(), &film.truth.frames, 1);
        let motion = AskedMotion::new(&path.names[0], way.to_vec())?;
        let error = |frames: &[Frame], place: &dyn Fn(usize) -> [f32; 2]| {
            let distance = |(index, frame): (usize, &Frame)| {
                tracker.find(frame).map_or(1.0, |found| distance(found.place, place(index), self.settings.resolution))
            };
            frames.iter().enumerate().map(distance).sum::<f64>() / frames.len() as f64
        };
        let asked = |index: usize| {
            let share = index as f32 / (NUM_FRAMES - 1) as f32;
            [way[0][0] + share * (way[1][0] - way[0][0]), y]
        };
        let films = error(film.clip.frames(), &|index| path.points[index].unwrap_or([0.5; 2]));
        let [told, untold] = [vec![motion], Vec::new()].map(|motions| {
            let wishes = GenerationOptions { motions, ..self.wishes(&world) };
            Ok::<_, EvaluationError>(Reading {
                videos: error(self.animate(&film, wishes, seed)?.frames(), &asked),
                films,
            })
        });
        Ok([told?, untold?])
    }

    /// A film up to where its object is hidden goes on.
    fn permanence(&self, seed: u64) -> Result<Reading, EvaluationError> {
        let distribution = Distribution {
            cameras: Weights::only(CameraMove::Still),
            motions: Weights::only(Motion::RollBehind),
            ..held_out_worlds()
        };
        let (world, film) = self.film(distribution, seed)?;
        let truth = &film.truth.frames;
        let Some((given, out)) = hidden_and_out(truth) else {
            // An object that never hides proves nothing; it counts as lost on both sides.
            return Ok(Reading::default());
        };
        let frames = film.clip.frames();
        let tracker = Tracker::learn(frames, truth, 1);
        let Some(expected) = tracker.find(&frames[out]) else { return Ok(Reading::default()) };
        let from_left = world.paths(self.settings)[0].points[0].unwrap_or_default()[0] < 0.5;
        let came_out = |frames: &[Frame]| {
            let beyond = |found: Sighting| {
                let side = if from_left { found.place[0] > 0.5 } else { found.place[0] < 0.5 };
                side && found.area > LEAST_AREA * expected.area
            };
            let window = &frames[given.max(out.saturating_sub(TOLERANCE))..(out + TOLERANCE).min(frames.len())];
            f64::from(u8::from(window.iter().filter_map(|frame| tracker.find(frame)).any(beyond)))
        };
        let source = Source::new(Clip::new(frames[..given].to_vec(), film.clip.frame_rate())?, None, None);
        let seconds = (frames.len() - given) as f64 * film.clip.frame_rate().frame_duration_secs();
        let wishes = GenerationOptions { prompt: world.captions().detailed_en, ..self.options.clone() };
        let made = self.make(&Extend::new(source, [0.0, seconds], None)?, wishes, seed)?;
        Ok(Reading { videos: came_out(made.frames()), films: came_out(frames) })
    }

    fn film(&self, distribution: Distribution, seed: u64) -> Result<(World, Film), EvaluationError> {
        let seconds = self.settings.time_secs(NUM_FRAMES) as f32;
        let world = World::try_sample(&distribution.with_duration_secs(seconds), seed)?;
        let film = world.film(self.settings)?;
        Ok((world, film))
    }

    /// A prompt that names the object alone, so that only the guide says what happens.
    fn wishes(&self, world: &World) -> GenerationOptions {
        let labels = world.labels();
        let prompt = format!("a {} {}", labels.colour.name(), labels.shape.name());
        GenerationOptions { prompt, length: Some(Length::Frames(NUM_FRAMES)), ..self.options.clone() }
    }

    fn animate(&self, film: &Film, wishes: GenerationOptions, seed: u64) -> Result<Clip, EvaluationError> {
        self.make(&Animate::new(film.clip.frames()[0].clone(), 0, None)?, wishes, seed)
    }

    fn make(&self, task: &dyn Task, wishes: GenerationOptions, seed: u64) -> Result<Clip, EvaluationError> {
        let size = self.settings.resolution;
        let wishes = GenerationOptions { size: Some([size.width(), size.height()]), ..wishes };
        Ok(make(self.generator, task, wishes, seed, &mut generation::Silent)?)
    }
}

/// Frames up to which an object is hidden best, 4k + 1 of them, and the first later frame at which it is out again.
fn hidden_and_out(truth: &[FrameTruth]) -> Option<(usize, usize)> {
    let visible = |frame: usize| truth[frame].visible[0];
    let lasts = (4..truth.len() - 4).step_by(4);
    let last = lasts.min_by(|a, b| visible(*a).total_cmp(&visible(*b)))?;
    let out = (last + 1..truth.len()).find(|frame| visible(*frame) >= OUT)?;
    (visible(last) <= HIDDEN).then_some((last + 1, out))
}

/// Mean distance of the poses of a path from those asked for, by the mean distance of these from the first.
fn path_error(found: &[Pose], asked: &[Pose]) -> f64 {
    let apart = |a: &Pose, b: &Pose| {
        let turn: Quat = a.1.inverse() * b.1;
        let way: Vec3 = a.0 - b.0;
        f64::from(way.length().hypot(METRES_PER_RADIAN * turn.angle_between(Quat::IDENTITY)))
    };
    let error: f64 = found.iter().zip(asked).map(|(found, asked)| apart(found, asked)).sum();
    let length: f64 = asked.iter().map(|pose| apart(pose, &asked[0])).sum();
    error / length.max(1e-6)
}

/// Distance of two places as a share of the picture's width.
fn distance(a: [f32; 2], b: [f32; 2], size: Resolution) -> f64 {
    let height = size.height() as f32 / size.width() as f32;
    f64::from((a[0] - b[0]).hypot((a[1] - b[1]) * height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_as_wrong_as_it_is_far_from_the_one_asked_for() {
        let path = |step: f32| (0..5).map(|index| (Vec3::X * step * index as f32, Quat::IDENTITY)).collect::<Vec<_>>();
        assert!(path_error(&path(1.0), &path(1.0)).abs() < 1e-6);
        assert!((path_error(&path(0.9), &path(1.0)) - 0.1).abs() < 1e-6);
        assert!((path_error(&path(0.0), &path(1.0)) - 1.0).abs() < 1e-6, "standing still is all wrong");
    }

    #[test]
    fn rolling_objects_hide_and_come_out() {
        let settings = FilmSettings {
            resolution: Resolution::new(64, 64).unwrap(),
            frame_rate: films::frame_rate(16).unwrap(),
            num_frames: NUM_FRAMES,
        };
        let distribution = Distribution {
            cameras: Weights::only(CameraMove::Still),
            motions: Weights::only(Motion::RollBehind),
            ..held_out_worlds()
        };
        let world = World::sample(&distribution.with_duration_secs(2.1), 7);
        let film = world.film(settings).unwrap();
        let (given, out) = hidden_and_out(&film.truth.frames).unwrap();
        assert!(given % 4 == 1 && given <= out && out < NUM_FRAMES, "{given} {out}");
    }
}
