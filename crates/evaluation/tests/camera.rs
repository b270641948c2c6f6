//! A picture that a moving camera is to see is where a world renders it.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use evaluation::odometry::camera_poses;
use generation::{CameraPath, camera::moved};
use video::{Frame, FrameRate, Resolution};
use worlds::{CameraMove, Distribution, Film, FilmSettings, Motion, Place, Weights, World, camera_path};

const FRAMES: usize = 17;

fn film(camera: CameraMove, place: Place, seed: u64) -> (Film, CameraPath) {
    let distribution = Distribution {
        cameras: Weights::only(camera),
        motions: Weights::only(Motion::Rest),
        places: Weights::only(place),
        ..Distribution::simple()
    };
    let settings = FilmSettings {
        resolution: Resolution::new(96, 96).unwrap(),
        frame_rate: FrameRate::new(16, 1).unwrap(),
        num_frames: FRAMES,
    };
    let world = World::sample(&distribution.with_duration_secs(1.1), seed);
    let path = CameraPath::through(&camera_path(&world.moments(settings))).unwrap();
    (world.film(settings).unwrap(), path)
}

/// Peak signal to noise in dB over pixels that were seen.
fn psnr(one: &Frame, other: &Frame, seen: &[bool]) -> f64 {
    let pixels = one.rgb().chunks_exact(3).zip(other.rgb().chunks_exact(3)).zip(seen).filter(|(_, seen)| **seen);
    let squares: Vec<f64> = pixels
        .flat_map(|((one, other), _)| one.iter().zip(other).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)))
        .collect();
    10.0 * (255.0 * 255.0 * squares.len() as f64 / squares.iter().sum::<f64>().max(1e-9)).log10()
}

#[test]
fn the_first_picture_of_a_world_is_seen_as_its_camera_sees_it_later() {
    // How high a camera stands is not known, so that a drive is less exact than a turn: fine tiles would be off.
    for (camera, place, gain) in [
        (CameraMove::PanLeft, Place::Tiles, 8.0),
        (CameraMove::PanRight, Place::Tiles, 8.0),
        (CameraMove::TiltUp, Place::Tiles, 8.0),
        (CameraMove::TiltDown, Place::Tiles, 8.0),
        (CameraMove::DollyIn, Place::Sand, 1.0),
        (CameraMove::DollyOut, Place::Sand, 1.0),
    ] {
        let (mut warped, mut untouched) = (0.0, 0.0);
        for seed in 0..4 {
            let (film, path) = film(camera, place, seed);
            let first = film.clip.frames()[0].clone();
            let moved = moved(&vec![first.clone(); FRAMES], &path, &(0..=0)).unwrap();
            assert_eq!(moved.frames[0], first);
            let (last, seen) = (&film.clip.frames()[FRAMES - 1], &moved.seen[(FRAMES - 1) * 96 * 96..]);
            warped += psnr(&moved.frames[FRAMES - 1], last, seen) / 4.0;
            untouched += psnr(&first, last, seen) / 4.0;
        }
        println!("{camera:?}: {warped:.2} dB warped, {untouched:.2} dB untouched");
        assert!(warped > untouched + gain, "{camera:?}: {warped} dB warped, {untouched} dB untouched");
    }
}

#[test]
fn the_path_is_read_back_from_what_a_moving_camera_sees() {
    for camera in [CameraMove::PanLeft, CameraMove::TiltDown, CameraMove::DollyIn] {
        let (film, path) = film(camera, Place::Tiles, 3);
        let moved = moved(&vec![film.clip.frames()[0].clone(); FRAMES], &path, &(0..=0)).unwrap();
        let truth = &film.truth.frames;
        let found = camera_poses(&moved.frames, &truth[0].camera).pop().unwrap();
        let [first, last] = [&truth[0], &truth[FRAMES - 1]].map(|frame| frame.camera.pose);
        let way = first.position.distance(last.position) + first.rotation.angle_between(last.rotation);
        let error = found.0.distance(last.position) + found.1.angle_between(last.rotation);
        println!("{camera:?}: {error} of {way}");
        // Height and field of view of the camera are those of the middle of all worlds.
        assert!(error < 0.3 * way, "{camera:?}: {error} of {way}");
    }
}
