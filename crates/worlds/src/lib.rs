//! Simulated worlds: scene → physics → pictures, with captions and ground truth.
//!
//! A [`Distribution`] and a seed give a [`World`]; a world yields any [`Film`] of itself, its [`Captions`] and its
//! [`Labels`]. The same seed gives the same film. Knows nothing of tensors or models.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`distribution`] | how often each choice is taken: [`Distribution`], presets |
//! | [`plan`] | one small film's choices, and which of them go together: [`Plan`], [`Motion`], [`CameraMove`] |
//! | [`world`] | a plan, staged and simulated: [`World`] |
//! | `staging`, `proportions`, `physics`, `script` | who starts where, and how everything moves |
//! | [`camera`] | the camera's path |
//! | [`paths`] | where each object is in the picture: [`ObjectPath`] |
//! | [`film`] | pictures with their ground truth: [`Film`], [`Truth`] |
//! | [`render`] | draws a stage at a moment |
//! | [`stage`] | what stands on a stage and how it is at one moment |
//! | [`captions`], [`words`] | a world in English and Chinese |
//! | [`labels`], [`prompts`] | what evaluation asks, and what training never sees |
//! | [`names`], [`error`] | names of all values, and [`WorldsError`] |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod camera;
pub mod captions;
mod captions_zh;
pub mod distribution;
pub mod error;
pub mod film;
pub mod labels;
pub mod names;
pub mod paths;
mod physics;
pub mod plan;
pub mod prompts;
mod proportions;
pub mod render;
mod script;
pub mod stage;
mod staging;
pub mod words;
pub mod world;

pub use camera::camera_path;
pub use captions::Captions;
pub use distribution::{Distribution, Weights};
pub use error::WorldsError;
pub use film::{Film, FrameTruth, Intrinsics, Truth};
pub use labels::{Labels, Split, is_held_out};
pub use paths::ObjectPath;
pub use plan::{CameraMove, Motion, Plan};
pub use prompts::held_out_prompts;
pub use stage::{Camera, Colour, Daytime, Look, Material, Moment, Place, Pose, Prop, Shape, Stage, Weather};
pub use world::{FilmSettings, World};
