//! Pictures and their ground truth, from outside.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may stop on any error")]

use glam::{Quat, Vec3};
use rayon::prelude::*;
use video::Resolution;
use worlds::{
    render::{
        Picture, Renderer,
        palette::{COLOURS, reference_srgb},
    },
    stage::{Camera, Colour, Daytime, Look, Material, Moment, Place, Pose, Prop, Shape, Stage, Weather},
};

const PLACES: [Place; 6] = [Place::Grass, Place::Sand, Place::Tiles, Place::Snow, Place::Room, Place::Sea];
const DAYTIMES: [Daytime; 4] = [Daytime::Morning, Daytime::Noon, Daytime::Sunset, Daytime::Night];
const WEATHERS: [Weather; 3] = [Weather::Clear, Weather::Rain, Weather::Snow];
const LOOKS: [Look; 4] = [Look::Natural, Look::Cartoon, Look::Pencil, Look::Voxel];
const MATERIALS: [Material; 4] = [Material::Matte, Material::Glossy, Material::Metal, Material::Striped];

fn prop(shape: Shape, colour: Colour, material: Material) -> Prop {
    Prop { shape, colour, material, size: 1.0 }
}

fn stage(place: Place, props: Vec<Prop>) -> Stage {
    Stage { place, daytime: Daytime::Noon, weather: Weather::Clear, look: Look::Natural, props, seed: 11 }
}

fn moment(centres: &[Vec3]) -> Moment {
    Moment {
        time_secs: 0.5,
        camera: Camera::looking_at(Vec3::new(0.0, 1.2, 6.0), Vec3::new(0.0, 0.6, 0.0), 0.7),
        poses: centres.iter().map(|&position| Pose { position, rotation: Quat::from_rotation_y(0.4) }).collect(),
    }
}

fn square(side: u32) -> Resolution {
    Resolution::new(side, side).unwrap()
}

#[test]
fn ids_and_visible_shares_tell_what_is_hidden() {
    let ball = |colour| prop(Shape::Ball, colour, Material::Matte);
    let props = vec![
        ball(Colour::Red),
        prop(Shape::Cube, Colour::Blue, Material::Matte),
        ball(Colour::Green),
        ball(Colour::White),
        ball(Colour::Orange),
    ];
    // The cube stands right in front of the red ball; white is far outside; orange is half sunk into the ground.
    let centres = [
        Vec3::new(-1.0, 0.3, -1.0),
        Vec3::new(-0.63, 0.8, 1.4),
        Vec3::new(1.6, 0.5, 0.0),
        Vec3::new(30.0, 0.5, 0.0),
        Vec3::new(0.45, 0.0, 0.5),
    ];
    let Picture { frame, ids, visible } =
        Renderer::new(&stage(Place::Tiles, props)).draw(&moment(&centres), square(96));
    assert_eq!(ids.len(), frame.resolution().pixel_count());
    assert_eq!(visible.len(), 5);
    assert!(visible[0] < 0.1, "hidden ball: {}", visible[0]);
    assert!(visible[1] == 1.0 && visible[2] == 1.0, "free objects: {visible:?}");
    assert_eq!(visible[3], 0.0);
    assert!((0.3..0.85).contains(&visible[4]), "half-sunk ball: {}", visible[4]);
    // The green ball's middle, by the pinhole formula.
    let scale = 48.0 / (0.35f32).tan();
    let column = (48.0 + scale * 1.6 / 6.03) as usize;
    assert_eq!(ids[49 * 96 + column], 3);
    assert_eq!(ids[0], 0);
    let area = ids.iter().filter(|&&id| id == 3).count() as f32;
    let radius = scale * 0.5 / 6.08;
    assert!((area / (std::f32::consts::PI * radius * radius) - 1.0).abs() < 0.1, "{area} pixels");
}

#[test]
fn the_picture_does_not_depend_on_threads_or_on_asking_for_truth() {
    let props =
        vec![prop(Shape::Ring, Colour::Yellow, Material::Metal), prop(Shape::Cone, Colour::Red, Material::Glossy)];
    let mut stage = stage(Place::Sea, props);
    stage.weather = Weather::Rain;
    let moment = moment(&[Vec3::new(-0.8, 0.6, 0.0), Vec3::new(0.8, 0.5, 0.0)]);
    let alone = Renderer::new(&stage).draw(&moment, square(64));
    let many: Vec<Picture> = (0..6).into_par_iter().map(|_| Renderer::new(&stage).draw(&moment, square(64))).collect();
    assert!(many.iter().all(|picture| *picture == alone));
    assert_eq!(Renderer::new(&stage).draw_frame(&moment, square(64)), alone.frame);
}

#[test]
fn every_stage_gives_a_picture_with_something_on_it() {
    let props = vec![
        prop(Shape::Cylinder, Colour::Purple, Material::Striped),
        prop(Shape::Cube, Colour::White, Material::Metal),
    ];
    let moment = moment(&[Vec3::new(-0.7, 0.45, 0.0), Vec3::new(0.7, 0.45, 0.3)]);
    for place in PLACES {
        for daytime in DAYTIMES {
            for weather in WEATHERS {
                for look in LOOKS {
                    let stage = Stage { place, daytime, weather, look, props: props.clone(), seed: 3 };
                    let picture = Renderer::new(&stage).draw(&moment, Resolution::new(48, 32).unwrap());
                    let rgb = picture.frame.rgb();
                    let mean = rgb.iter().map(|&byte| f64::from(byte)).sum::<f64>() / rgb.len() as f64;
                    let spread = rgb.iter().map(|&byte| (f64::from(byte) - mean).abs()).sum::<f64>() / rgb.len() as f64;
                    let name = format!("{place:?} {daytime:?} {weather:?} {look:?}");
                    assert!((30.0..240.0).contains(&mean), "{name}: mean {mean}");
                    assert!(spread > 5.0, "{name}: spread {spread}");
                    assert!(picture.visible.iter().all(|&share| share > 0.5), "{name}: {:?}", picture.visible);
                }
            }
        }
    }
}

#[test]
fn odd_moments_do_no_harm() {
    let props = vec![prop(Shape::Ball, Colour::Red, Material::Metal); 3];
    for place in PLACES {
        let renderer = Renderer::new(&stage(place, props.clone()));
        // Fewer poses than props; a camera inside an object, below ground, straight up and straight down.
        let mut odd = moment(&[Vec3::new(0.0, 1.2, 6.0)]);
        assert_eq!(renderer.draw(&odd, square(16)).visible.len(), 3);
        odd.camera.pose.position.y = -2.0;
        renderer.draw(&odd, Resolution::new(1, 1).unwrap());
        for target in [Vec3::new(0.0, 50.0, 0.0), Vec3::new(0.0, -50.0, 0.0)] {
            odd.camera = Camera::looking_at(Vec3::Y, target, 1.0);
            renderer.draw(&odd, Resolution::new(17, 5).unwrap());
        }
    }
}

#[test]
fn every_colour_is_recognised_at_every_time_of_day() {
    let mut wrong = Vec::new();
    for daytime in DAYTIMES {
        for place in PLACES {
            for colour in COLOURS {
                let props = MATERIALS.iter().map(|&material| prop(Shape::Ball, colour, material)).collect();
                let mut stage = stage(place, props);
                stage.daytime = daytime;
                let at = [-1.5, -0.5, 0.5, 1.5].map(|x| Vec3::new(x, 0.5, 0.0));
                let picture = Renderer::new(&stage).draw(&moment(&at), square(64));
                for (index, material) in MATERIALS.iter().enumerate() {
                    let seen = named(mean_colour(&picture, index as u8 + 1));
                    if seen != colour {
                        wrong.push(format!("{daytime:?} {place:?}: {material:?} {colour:?} looks {seen:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
}

fn mean_colour(picture: &Picture, id: u8) -> [f32; 3] {
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for (pixel, _) in picture.frame.rgb().chunks(3).zip(&picture.ids).filter(|(_, own)| **own == id) {
        count += 1.0;
        for (total, byte) in sum.iter_mut().zip(pixel) {
            *total += f32::from(*byte);
        }
    }
    sum.map(|total| total / count)
}

/// The named colour that is nearest in Oklab: by hue, or by lightness where there is hardly any hue.
fn named(rgb: [f32; 3]) -> Colour {
    let [lightness, a, b] = oklab(rgb);
    // Dark colours have little chroma at the same saturation.
    if a.hypot(b) / (lightness + 0.1) < 0.085 {
        return if lightness > 0.45 { Colour::White } else { Colour::Black };
    }
    let turn = |colour: Colour| {
        let [_, other_a, other_b] = oklab(reference_srgb(colour).map(f32::from));
        (a * other_b - b * other_a).atan2(a * other_a + b * other_b).abs()
    };
    COLOURS[..6].iter().copied().min_by(|&a, &b| turn(a).total_cmp(&turn(b))).unwrap()
}

/// Björn Ottosson's Oklab from sRGB bytes.
fn oklab(rgb: [f32; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|byte| ((byte / 255.0 + 0.055) / 1.055).powf(2.4));
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}
