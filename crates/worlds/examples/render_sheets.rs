//! Contact sheets of everything that the renderer can draw, as PPM: `render_sheets FOLDER [SIDE]`.

#![expect(clippy::unwrap_used, reason = "an example may stop on any error")]

use glam::{EulerRot, Quat, Vec3};
use std::path::Path;
use video::Resolution;
use worlds::{
    render::{Renderer, palette::COLOURS},
    stage::{Camera, Colour, Daytime, Look, Material, Moment, Place, Pose, Prop, Shape, Stage, Weather},
};

const SHAPES: [Shape; 5] = [Shape::Ball, Shape::Cube, Shape::Cylinder, Shape::Cone, Shape::Ring];
const PLACES: [Place; 6] = [Place::Grass, Place::Sand, Place::Tiles, Place::Snow, Place::Room, Place::Sea];
const DAYTIMES: [Daytime; 4] = [Daytime::Morning, Daytime::Noon, Daytime::Sunset, Daytime::Night];
const WEATHERS: [Weather; 3] = [Weather::Clear, Weather::Rain, Weather::Snow];
const LOOKS: [Look; 4] = [Look::Natural, Look::Cartoon, Look::Pencil, Look::Voxel];
const MATERIALS: [Material; 4] = [Material::Matte, Material::Glossy, Material::Metal, Material::Striped];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = Path::new(&arguments[1]);
    let side: u32 = arguments.get(2).map_or(160, |side| side.parse().unwrap());
    std::fs::create_dir_all(folder).unwrap();
    for weather in WEATHERS {
        let cells = PLACES.iter().flat_map(|&place| {
            DAYTIMES
                .iter()
                .map(move |&daytime| still(place, daytime, weather, Look::Natural, place as u64 * 4 + daytime as u64))
        });
        sheet(&folder.join(format!("places_{weather:?}.ppm")), cells.collect(), 4, side);
    }
    for look in [Look::Cartoon, Look::Pencil, Look::Voxel] {
        let cells = PLACES.iter().enumerate().flat_map(|(row, &place)| {
            DAYTIMES
                .iter()
                .map(move |&daytime| still(place, daytime, WEATHERS[(row + daytime as usize) % 3], look, row as u64))
        });
        sheet(&folder.join(format!("look_{look:?}.ppm")), cells.collect(), 4, side);
    }
    let cells = COLOURS.iter().flat_map(|&colour| {
        DAYTIMES.iter().map(move |&daytime| {
            let place = PLACES[(colour as usize + daytime as usize) % 6];
            row(place, daytime, colour, &MATERIALS)
        })
    });
    sheet(&folder.join("colours.ppm"), cells.collect(), 4, side);
    let cells = LOOKS.iter().flat_map(|&look| {
        SHAPES.iter().map(move |&shape| {
            let mut one = still(PLACES[shape as usize], Daytime::Noon, Weather::Clear, look, 3);
            one.0.props =
                vec![Prop { shape, colour: COLOURS[shape as usize * 2 % 8], material: Material::Glossy, size: 1.3 }];
            one.1.poses = vec![Pose {
                position: Vec3::new(0.0, 0.75, 0.0),
                rotation: Quat::from_euler(EulerRot::YXZ, 0.5, 0.2, 0.1),
            }];
            one
        })
    });
    sheet(&folder.join("shapes.ppm"), cells.collect(), 5, side);
    let film = (0..12).map(|frame| {
        let mut one = still(PLACES[0], Daytime::Noon, Weather::Snow, Look::Natural, 3);
        one.1.time_secs = frame as f32 / 12.0;
        one.1.camera = Camera::looking_at(Vec3::new(frame as f32 * 0.15, 1.8, 6.2), Vec3::new(0.0, 0.8, 0.0), 0.75);
        one
    });
    sheet(&folder.join("film.ppm"), film.collect(), 4, side);
}

fn still(place: Place, daytime: Daytime, weather: Weather, look: Look, seed: u64) -> (Stage, Moment) {
    let pick = |salt: u64| (seed * 2_654_435_761 + salt * 40_503) % 9973;
    let props: Vec<Prop> = (0..3)
        .map(|index| Prop {
            shape: SHAPES[(pick(index) % 5) as usize],
            colour: COLOURS[(pick(index + 10) % 8) as usize],
            material: MATERIALS[(pick(index + 20) % 4) as usize],
            size: 0.9 + 0.2 * index as f32,
        })
        .collect();
    let poses = props
        .iter()
        .zip([(-1.35, 0.9), (0.15, -0.7), (1.35, 0.5)])
        .map(|(prop, (x, z))| {
            let low = if prop.shape == Shape::Ring {
                0.56
            } else if matches!(prop.shape, Shape::Ball | Shape::Cone) {
                0.5
            } else {
                0.45
            };
            Pose { position: Vec3::new(x, low * prop.size, z), rotation: Quat::from_rotation_y(x + 0.4) }
        })
        .collect();
    let camera = Camera::looking_at(Vec3::new(0.7, 1.7, 6.0), Vec3::new(0.0, 0.85, 0.0), 0.75);
    (Stage { place, daytime, weather, look, props, seed }, Moment { time_secs: 1.0, camera, poses })
}

fn row(place: Place, daytime: Daytime, colour: Colour, materials: &[Material]) -> (Stage, Moment) {
    let (mut stage, mut moment) = still(place, daytime, Weather::Clear, Look::Natural, colour as u64);
    stage.props = materials
        .iter()
        .map(|&material| Prop {
            shape: if material == Material::Glossy { Shape::Cube } else { Shape::Ball },
            colour,
            material,
            size: 1.0,
        })
        .collect();
    moment.poses = (0..4)
        .map(|i| Pose {
            position: Vec3::new(-1.65 + 1.1 * i as f32, 0.5, if i == 1 { -0.3 } else { 0.3 }),
            rotation: Quat::from_rotation_y(0.4 + i as f32),
        })
        .collect();
    (stage, moment)
}

fn sheet(path: &Path, cells: Vec<(Stage, Moment)>, columns: usize, side: u32) {
    let resolution = Resolution::new(side, side).unwrap();
    let side = side as usize;
    let rows = cells.len().div_ceil(columns);
    let mut rgb = vec![255u8; columns * rows * side * side * 3];
    for (index, (stage, moment)) in cells.iter().enumerate() {
        let picture = Renderer::new(stage).draw(moment, resolution);
        for y in 0..side {
            let to = ((index / columns * side + y) * columns * side + index % columns * side) * 3;
            rgb[to..to + side * 3].copy_from_slice(&picture.frame.rgb()[y * side * 3..(y + 1) * side * 3]);
        }
    }
    let mut bytes = format!("P6 {} {} 255\n", columns * side, rows * side).into_bytes();
    bytes.extend(rgb);
    std::fs::write(path, bytes).unwrap();
}
