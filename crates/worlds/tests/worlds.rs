//! Whole worlds: the same every time, physically plausible, and well framed.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use video::{FrameRate, Resolution};
use worlds::{
    CameraMove, Distribution, FilmSettings, Intrinsics, Moment, Motion, Place, Shape, Split, Weights, World,
    is_held_out, stage::Pose,
};

fn settings(width: u32, height: u32, rate: u32, num_frames: usize) -> FilmSettings {
    let resolution = Resolution::new(width, height).unwrap();
    FilmSettings { resolution, frame_rate: FrameRate::new(rate, 1).unwrap(), num_frames }
}

fn only(motion: Motion) -> Distribution {
    Distribution { motions: Weights::only(motion), cameras: Weights::only(CameraMove::Still), ..Distribution::simple() }
}

/// Sampled at 240 Hz.
fn fine(world: &World, secs: f32) -> Vec<Moment> {
    world.moments(settings(64, 64, 240, (240.0 * secs) as usize))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in 0..6 {
        let film = |frames| World::sample(&Distribution::full(), seed).film(settings(40, 24, 16, frames)).unwrap();
        let (first, second) = (film(9), film(9));
        assert_eq!(first.clip, second.clip);
        assert_eq!(first.truth, second.truth);
        let longer = film(60);
        assert_eq!(first.clip.frames(), &longer.clip.frames()[..9], "a longer film begins with the shorter one");
        let world = World::sample(&Distribution::full(), seed);
        assert_eq!(first.clip.frames(), world.frames(settings(40, 24, 16, 9)), "with and without ground truth");
        let again = World::from_plan(world.plan().clone()).unwrap();
        assert_eq!(again.captions(), world.captions());
        assert_eq!(again.moments(settings(40, 24, 16, 9)), world.moments(settings(40, 24, 16, 9)));
    }
    assert_ne!(World::sample(&Distribution::full(), 1).plan(), World::sample(&Distribution::full(), 2).plan());
}

#[test]
fn the_frame_rate_does_not_change_what_happens() {
    for seed in 0..20 {
        let world = World::sample(&Distribution::full(), seed);
        let slow = world.moments(settings(64, 64, 16, 33));
        let fast = world.moments(settings(64, 64, 32, 65));
        let close = |a: &Pose, b: &Pose| {
            (a.position - b.position).length() < 1e-6 && a.rotation.dot(b.rotation).abs() > 1.0 - 1e-6
        };
        for (index, moment) in slow.iter().enumerate() {
            let same = &fast[2 * index];
            assert!(moment.poses.iter().zip(&same.poses).all(|(a, b)| close(a, b)), "seed {seed}, frame {index}");
            assert!(close(&moment.camera.pose, &same.camera.pose));
        }
    }
}

#[test]
fn falling_follows_the_law_of_gravity() {
    for seed in 0..20 {
        let on_land = Weights::even(&[Place::Grass, Place::Sand, Place::Tiles, Place::Snow, Place::Room]);
        let world = World::sample(&Distribution { places: on_land, ..only(Motion::Fall) }, seed);
        let moments = fine(&world, 3.0);
        let height = |index: usize| moments[index].poses[0].position.y;
        for index in [48, 72, 96] {
            let secs = index as f32 / 240.0;
            let fallen = height(0) - height(index);
            let expected = 0.5 * 9.81 * secs * secs;
            assert!((fallen / expected - 1.0).abs() < 0.02, "seed {seed} at {secs} s: {fallen}, not {expected}");
        }
        let drift = moments.last().unwrap().poses[0].position - moments[moments.len() - 48].poses[0].position;
        assert!(drift.length() < 0.05, "seed {seed}: still moves by {drift} after it has landed");
    }
}

#[test]
fn a_ball_rolls_without_slipping() {
    for seed in 0..20 {
        let world = World::sample(&Distribution { shapes: Weights::only(Shape::Ball), ..only(Motion::Roll) }, seed);
        let moments = fine(&world, 1.5);
        for pair in moments.windows(25).step_by(60) {
            let (from, to) = (pair[0].poses[0], pair[24].poses[0]);
            let way = (to.position - from.position).length();
            let turn = (to.rotation * from.rotation.inverse()).to_axis_angle().1;
            let turn = turn.min(std::f32::consts::TAU - turn);
            let radius = 0.5 * world.plan().props[0].size;
            assert!(way > 0.05 && (turn * radius / way - 1.0).abs() < 0.02, "seed {seed}: {turn} rad over {way} m");
        }
    }
}

#[test]
fn nothing_sinks_into_the_ground() {
    let on_land = Weights::even(&[Place::Grass]);
    for &motion in Motion::ALL {
        for seed in 0..12 {
            let world = World::sample(&Distribution { places: on_land.clone(), ..only(motion) }, seed);
            for moment in fine(&world, 2.0) {
                for (prop, pose) in world.plan().props.iter().zip(&moment.poses) {
                    let lowest = lowest_point(prop.shape, pose) * prop.size + pose.position.y * (1.0 - prop.size);
                    assert!(lowest > -0.008, "{motion} {seed} at {} s: {} of {:?}", moment.time_secs, lowest, prop);
                }
            }
        }
    }
}

/// Lowest point of a solid of size 1 at this pose.
fn lowest_point(shape: Shape, pose: &Pose) -> f32 {
    // How far the solid reaches downwards, by its support function along the world's down in its own axes.
    let down = pose.rotation.inverse() * glam::Vec3::NEG_Y;
    let across = (down.x * down.x + down.z * down.z).sqrt();
    let reach = match shape {
        Shape::Ball => 0.5,
        Shape::Cube => 0.45 * (down.x.abs() + down.y.abs() + down.z.abs()),
        Shape::Cylinder => 0.45 * (across + down.y.abs()),
        Shape::Cone => (0.55 * across - 0.5 * down.y).max(0.5 * down.y),
        Shape::Ring => 0.4 * (down.x * down.x + down.y * down.y).sqrt() + 0.16,
    };
    pose.position.y - reach
}

#[test]
fn what_rolls_behind_is_hidden_and_comes_out_again() {
    for seed in 0..16 {
        let world = World::sample(&only(Motion::RollBehind), seed);
        let film = world.film(settings(64, 64, 16, 33)).unwrap();
        let visible: Vec<_> = film.truth.frames.iter().map(|frame| frame.visible[0]).collect();
        let least = visible.iter().copied().fold(1.0, f32::min);
        assert!(visible[0] > 0.85 && visible[32] > 0.85 && least < 0.1, "seed {seed}: {visible:?}");
    }
}

#[test]
fn every_motion_shows_within_a_second() {
    for &motion in Motion::ALL.iter().filter(|motion| **motion != Motion::Rest) {
        for seed in 0..10 {
            let world = World::sample(&only(motion), seed);
            let moments = world.moments(settings(64, 64, 16, 17));
            let first = moments[0].poses[0];
            let moved = moments
                .iter()
                .map(|moment| {
                    let pose = moment.poses[0];
                    (pose.position - first.position).length() + 0.5 * pose.rotation.angle_between(first.rotation)
                })
                .fold(0.0, f32::max);
            assert!(moved > 0.5, "{motion} {seed}: {moved}");
        }
    }
}

#[test]
fn the_main_object_is_large_and_inside_the_frame() {
    // Square, wide and tall.
    for (width, height) in [(64, 64), (160, 96), (96, 160)] {
        let (mut inside, mut sized, mut total) = (0, 0, 0);
        let mut odd = Vec::new();
        for seed in 0..300 {
            let world =
                World::sample(&Distribution::full().with_duration_secs([1.0625, 2.0625][seed as usize % 2]), seed);
            let frames = (world.plan().duration_secs * 16.0) as usize;
            let wanted = settings(width, height, 16, frames);
            let moments = world.moments(wanted);
            let seen = moments
                .iter()
                .filter(|moment| {
                    let camera = Intrinsics::of(&moment.camera, wanted.resolution);
                    camera
                        .project(&moment.camera, moment.poses[0].position)
                        .is_some_and(|(x, y, _)| (0.0..width as f32).contains(&x) && (0.0..height as f32).contains(&y))
                })
                .count();
            let share = typical_height(&world, &moments, wanted) / height as f32;
            let range = if width < height { 0.14..0.42 } else { 0.2..0.42 };
            total += 1;
            inside += usize::from(seen * 10 >= frames * 9);
            sized += usize::from(range.contains(&share));
            if seen * 10 < frames * 9 || !range.contains(&share) {
                odd.push(format!("{seed} {} {} {share:.2} {seen}/{frames}", world.plan().motion, world.plan().camera));
            }
        }
        assert!(inside * 100 >= total * 95, "{width}x{height}: {inside} of {total} inside: {odd:#?}");
        assert!(sized * 100 >= total * 95, "{width}x{height}: {sized} of {total} in size: {odd:#?}");
    }
}

/// Height in pixels of the upright main object half way through the film.
fn typical_height(world: &World, moments: &[Moment], settings: FilmSettings) -> f32 {
    let moment = &moments[moments.len() / 2];
    let prop = &world.plan().props[0];
    let full = match prop.shape {
        Shape::Ball | Shape::Cone => 1.0,
        Shape::Cube | Shape::Cylinder => 0.9,
        Shape::Ring => 1.12,
    };
    let camera = Intrinsics::of(&moment.camera, settings.resolution);
    let (_, _, depth) = camera.project(&moment.camera, moment.poses[0].position).unwrap();
    camera.focal * full * prop.size / depth
}

#[test]
fn training_never_sees_what_is_held_out() {
    let held_out = Distribution { split: Split::HeldOut, ..Distribution::full() };
    for seed in 0..300 {
        assert!(!is_held_out(&World::sample(&Distribution::full(), seed).labels()));
        assert!(!is_held_out(&World::sample(&Distribution::simple(), seed).labels()));
        assert!(is_held_out(&World::sample(&held_out, seed).labels()));
    }
}

#[test]
fn impossible_wishes_are_refused_with_a_reason() {
    let cubes = Distribution { shapes: Weights::only(Shape::Cube), ..only(Motion::Roll) };
    let message = World::try_sample(&cubes, 0).unwrap_err().to_string();
    assert!(message.contains("no shape") && message.contains("roll"), "{message}");
    let mut plan = World::sample(&only(Motion::Roll), 0).plan().clone();
    plan.props[0].shape = Shape::Cube;
    let message = World::from_plan(plan.clone()).unwrap_err().to_string();
    assert_eq!(message, "roll with a cube makes no sense: use one of ball, cylinder, ring");
    plan.props[0].shape = Shape::Ball;
    for duration_secs in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e9] {
        assert!(World::from_plan(worlds::Plan { duration_secs, ..plan.clone() }).is_err(), "{duration_secs}");
    }
    assert!(World::from_plan(worlds::Plan { props: Vec::new(), ..plan.clone() }).is_err());
    let world = World::from_plan(plan).unwrap();
    assert!(world.film(settings(8, 8, 16, 0)).is_err());
    assert!(world.film(settings(8, 8, 16, 1_000_000)).is_err());
}
