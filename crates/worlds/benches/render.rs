//! Frames per second of the renderer: `cargo bench -p worlds --bench render [-- SIDE]`.
//!
//! Prints, per place and look, milliseconds per frame on one core, then the rate of all cores together.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop on any error")]

use glam::{Quat, Vec3};
use rayon::prelude::*;
use std::time::Instant;
use video::Resolution;
use worlds::{
    render::Renderer,
    stage::{Camera, Colour, Daytime, Look, Material, Moment, Place, Pose, Prop, Shape, Stage, Weather},
};

const PLACES: [Place; 6] = [Place::Grass, Place::Sand, Place::Tiles, Place::Snow, Place::Room, Place::Sea];
const DAYTIMES: [Daytime; 4] = [Daytime::Morning, Daytime::Noon, Daytime::Sunset, Daytime::Night];
const WEATHERS: [Weather; 3] = [Weather::Clear, Weather::Rain, Weather::Snow];
const LOOKS: [Look; 4] = [Look::Natural, Look::Cartoon, Look::Pencil, Look::Voxel];

fn main() {
    let side = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(128);
    let resolution = Resolution::new(side, side).unwrap();
    let mut films = Vec::new();
    for place in PLACES {
        print!("{:8}", format!("{place:?}"));
        for look in LOOKS {
            let mut slowest: f64 = 0.0;
            let mut total = 0.0;
            for daytime in DAYTIMES {
                for weather in WEATHERS {
                    let stage = stage(place, daytime, weather, look);
                    let renderer = Renderer::new(&stage);
                    // The best of a few: other programs only ever add time.
                    let millis = (0..5)
                        .map(|frame| {
                            let began = Instant::now();
                            std::hint::black_box(renderer.draw(&moment(frame), resolution));
                            began.elapsed().as_secs_f64() * 1000.0
                        })
                        .fold(f64::MAX, f64::min);
                    (slowest, total) = (slowest.max(millis), total + millis);
                    films.push(stage);
                }
            }
            print!("  {look:?}: {:.2} ms (worst {slowest:.2})", total / 12.0);
        }
        println!();
    }
    let frames_each = 4;
    let began = Instant::now();
    films.par_iter().for_each(|stage| {
        let renderer = Renderer::new(stage);
        for frame in 0..frames_each {
            std::hint::black_box(renderer.draw(&moment(frame), resolution));
        }
    });
    let rate = (films.len() * frames_each as usize) as f64 / began.elapsed().as_secs_f64();
    println!(
        "{rate:.0} frames per second at {resolution} on {} threads, all stages mixed",
        rayon::current_num_threads()
    );
}

fn stage(place: Place, daytime: Daytime, weather: Weather, look: Look) -> Stage {
    let prop = |shape, colour, material, size| Prop { shape, colour, material, size };
    let props = vec![
        prop(Shape::Ball, Colour::Red, Material::Striped, 1.2),
        prop(Shape::Cube, Colour::Blue, Material::Glossy, 1.0),
        prop(Shape::Ring, Colour::Yellow, Material::Metal, 1.1),
    ];
    Stage { place, daytime, weather, look, props, seed: 7 }
}

fn moment(frame: u32) -> Moment {
    let time_secs = frame as f32 / 12.0;
    let pose = |x, y, z, turn: f32| Pose { position: Vec3::new(x, y, z), rotation: Quat::from_rotation_y(turn) };
    Moment {
        time_secs,
        camera: Camera::looking_at(Vec3::new(0.4 * time_secs, 1.9, 6.0), Vec3::new(0.0, 0.7, 0.0), 0.75),
        poses: vec![pose(-1.3, 0.6, 0.2, time_secs), pose(0.6, 0.45, -0.8, 0.6), pose(1.4, 0.62, 0.9, 0.5)],
    }
}
