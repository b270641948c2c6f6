//! A request becomes a video: the canvas, sampling, decoding.
//!
//! This crate joins `models` to `diffusion`, which do not know each other, and hands frames to whoever wants them,
//! such as a [`video::VideoWriter`]. It knows nothing of terminals, servers or training.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`options`] | [`GenerationOptions`], a request as somebody wrote it |
//! | [`abilities`] | [`Abilities`], what a model can make, and makes when nothing is said |
//! | [`request`] | [`GenerationRequest`], checked once against them and right from then on |
//! | [`camera`] | [`CameraPath`], where the camera goes |
//! | [`motion`] | [`Motion`], where a thing goes |
//! | `evenly` | what is given at a few moments, at as many as are wanted |
//! | [`limits`] | sizes and lengths that a model can make, and the nearest to one that it cannot |
//! | [`generator`] | [`VideoGenerator`], which turns requests into frames, and [`Generator`], for misora's own models |
//! | [`edit`] | [`Edit`], what is given of a video before it is made |
//! | [`tasks`] | what can be made out of pictures and clips |
//! | [`long`] | [`LongVideo`](long::LongVideo), made window after window |
//! | [`storyboard`] | [`Storyboard`](storyboard::Storyboard), several shots along a time line |
//! | [`frame_stream`] | [`FrameStream`], frames out of latents that come part by part |
//! | `joints` | steps where parts of a video meet, spread over the frames around |
//! | [`wan_generator`] | [`WanGenerator`], the same for Wan |
//! | `wan_denoiser` | its transformer as sampling sees it |
//! | `wan_stream` | its decoding part by part |
//! | `wan_memory` | whether a video of Wan fits into memory, and which would |
//! | [`wan_image`] | [`WanImage`], the image that a video begins with, as it is told of it |
//! | `ring` | videos that play round |
//! | [`outline`] | [`Outline`], the half-size version that a video may begin as |
//! | [`denoiser`] | [`ModelDenoiser`], a transformer as sampling sees it |
//! | `preview` | a cheap look at a clip while it forms |
//! | [`mark`] | what the marks of a video say |
//! | [`pixels`] | pictures to tensors and back |
//! | [`progress`] | [`Progress`], which hears how far it is and may stop it |
//! | [`device`] | [`DeviceKind`], where tensors live, by name |
//! | [`nano`] | the model that is built in |
//! | [`error`] | [`GenerationError`], the one error of this crate |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod abilities;
pub mod camera;
pub mod denoiser;
pub mod device;
pub mod edit;
pub mod error;
mod evenly;
pub mod frame_stream;
pub mod generator;
mod joints;
pub mod limits;
pub mod long;
pub mod mark;
pub mod motion;
pub mod nano;
pub mod options;
pub mod outline;
pub mod pixels;
mod preview;
pub mod progress;
pub mod request;
mod ring;
pub mod storyboard;
pub mod tasks;
mod wan_denoiser;
pub mod wan_generator;
pub mod wan_image;
mod wan_memory;
mod wan_stream;

pub use abilities::{Abilities, ImageUse};
pub use camera::CameraPath;
pub use denoiser::ModelDenoiser;
pub use device::DeviceKind;
pub use diffusion::Sampler;
pub use edit::Edit;
pub use error::GenerationError;
pub use frame_stream::FrameStream;
pub use generator::{Generator, Machine, VideoGenerator};
pub use motion::Motion;
pub use options::{GenerationOptions, Length};
pub use outline::Outline;
pub use progress::{Phase, Progress, Silent};
pub use request::GenerationRequest;
pub use wan_generator::{WanGenerator, WanInput, WanPrompts};
pub use wan_image::{WanImage, WanImageChannels};
