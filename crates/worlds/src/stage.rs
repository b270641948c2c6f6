//! What stands on a stage and how it is at one moment: the language between simulation and renderer.
//!
//! Units are metres, seconds and radians; `y` points up; colours are linear RGB in 0 to 1 unless said otherwise.

use glam::{Quat, Vec3};
use serde::{Deserialize, Serialize};

/// The solid that an object is. Sizes are unit sizes, multiplied by [`Prop::size`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A ball of radius 0.5.
    Ball,
    /// A cube of side 0.9.
    Cube,
    /// An upright cylinder of radius 0.45 and height 0.9, along its own `y`.
    Cylinder,
    /// An upright cone of base radius 0.55 and height 1.0, its centre half way up.
    Cone,
    /// A ring in its own `xy` plane: ring radius 0.4, tube radius 0.16 (it can roll along `x`).
    Ring,
}

/// The named colours that objects have; captions use the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the colours")]
pub enum Colour {
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
    White,
    Black,
}

/// What an object's surface is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Material {
    /// Dull, like chalk or rubber.
    Matte,
    /// Plastic with a soft highlight.
    Glossy,
    /// Mirrors its surroundings, tinted by its colour.
    Metal,
    /// Two tones in bands around the object's `y` axis, so that its turning shows.
    Striped,
}

/// An object's looks, which do not change during a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prop {
    /// Its solid.
    pub shape: Shape,
    /// Its named colour.
    pub colour: Colour,
    /// Its surface.
    pub material: Material,
    /// Edge or diameter in metres; 1 is a normal object.
    pub size: f32,
}

/// Where an object is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Centre.
    pub position: Vec3,
    /// Rotation from the solid's own axes to the world's.
    pub rotation: Quat,
}

/// What the objects stand on or in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// An endless meadow, ground at `y = 0`.
    Grass,
    /// Endless sand.
    Sand,
    /// Endless chequered stone tiles.
    Tiles,
    /// An endless snow field.
    Snow,
    /// A room: wooden floor, and plain walls at `z = -6` and `x = ±8`.
    Room,
    /// The open sea: waves, mirror reflections; objects float on it or rise from it.
    Sea,
}

/// Time of day, which sets sun, sky and mood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the times of day")]
pub enum Daytime {
    Morning,
    Noon,
    Sunset,
    Night,
}

/// What falls from the sky.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the weathers")]
pub enum Weather {
    Clear,
    Rain,
    Snow,
}

/// How the picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// As a camera sees it.
    Natural,
    /// Flat tones and dark outlines.
    Cartoon,
    /// Grey hatching on paper, with a hint of colour.
    Pencil,
    /// Everything made of small cubes.
    Voxel,
}

/// All that stays the same during a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Ground or room or sea.
    pub place: Place,
    /// Time of day.
    pub daytime: Daytime,
    /// Weather.
    pub weather: Weather,
    /// Drawing style.
    pub look: Look,
    /// The objects, in the order of their ids.
    pub props: Vec<Prop>,
    /// Seeds textures, clouds, waves and falling drops.
    pub seed: u64,
}

/// A pinhole camera at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// Where it is; it looks along its own `-z`, with its own `y` up.
    pub pose: Pose,
    /// Vertical field of view in radians.
    pub vertical_fov: f32,
}

impl Camera {
    /// A camera at `position` that looks at `target` and stays upright.
    pub fn looking_at(position: Vec3, target: Vec3, vertical_fov: f32) -> Self {
        let forward = (target - position).normalize_or(Vec3::NEG_Z);
        let right = forward.cross(Vec3::Y).normalize_or(Vec3::X);
        let up = right.cross(forward);
        let rotation = Quat::from_mat3(&glam::Mat3::from_cols(right, up, -forward));
        Self { pose: Pose { position, rotation }, vertical_fov }
    }
}

/// All that changes from frame to frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds since the film began; moves clouds, waves and drops.
    pub time_secs: f32,
    /// The camera.
    pub camera: Camera,
    /// One pose for each of [`Stage::props`].
    pub poses: Vec<Pose>,
}
