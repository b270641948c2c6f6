//! Frames and clips, and reading and writing them as files.
//!
//! Knows nothing of tensors, models or simulated worlds: pixels come in as 8-bit sRGB and leave as files,
//! or the other way round.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`frame`] | [`Frame`] and [`Clip`], the pictures themselves |
//! | [`resolution`], [`frame_rate`] | sizes and rates that cannot be wrong |
//! | [`fit`] | [`Fit`], pictures brought to another size |
//! | [`writer`] | [`VideoWriter`] and the one-call writers: MP4, GIF, PNG, JPEG, a folder of PNG |
//! | [`reader`] | [`VideoReader`] and [`read_clip`]: files to clips |
//! | [`extras`], [`tags`] | what a file carries besides its pictures: words, and a seal |
//! | [`limits`] | [`ReadLimits`], how much of a foreign file is read |
//! | [`probe`](mod@probe) | what a file is, from its headers |
//! | [`contact_sheet`](mod@contact_sheet) | many clips in one picture |
//! | [`still`] | single pictures |
//! | [`resize`] | pictures in another size |
//! | `mp4`, `h264`, `sps`, `colour` | MP4 boxes; H.264 and its headers; RGB to BT.709 and back |
//! | `gif_writer`, `gif_reader`, `folder` | the other formats |
//! | `ffmpeg` | every other video, through that program |
//! | `atomic` | files that appear whole or not at all |
//! | [`error`] | [`VideoError`], the one error of this crate |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod atomic;
mod colour;
pub mod contact_sheet;
pub mod error;
pub mod extras;
mod ffmpeg;
pub mod fit;
mod folder;
pub mod frame;
pub mod frame_rate;
mod gif_reader;
mod gif_writer;
mod h264;
pub mod limits;
#[cfg(test)]
mod malformed_tests;
mod mp4;
pub mod probe;
pub mod reader;
pub mod resize;
pub mod resolution;
mod sps;
pub mod still;
pub mod tags;
pub mod writer;

pub use contact_sheet::contact_sheet;
pub use error::VideoError;
pub use extras::{Extras, Seal, Tag};
pub use fit::Fit;
pub use frame::{Clip, Frame};
pub use frame_rate::FrameRate;
pub use limits::ReadLimits;
pub use probe::{MediaInfo, MediaKind, probe};
pub use reader::{VideoReader, read_clip};
pub use resize::Filter;
pub use resolution::Resolution;
pub use still::{encode_jpeg, encode_png};
pub use tags::read_tags;
pub use writer::{
    OutputFormat, VideoWriter, encode_gif, encode_mp4, write_clip, write_clip_with, write_mp4, write_mp4_with,
};
