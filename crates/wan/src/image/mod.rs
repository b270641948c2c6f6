//! What a model is told of the image that a video begins with, as `CLIPVisionModel` in transformers.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | sizes |
//! | [`processor`] | how pictures are brought to the encoder |
//! | [`encoder`] | pixels to embeddings |
//! | [`memory`] | how much memory that takes |

pub mod config;
pub mod encoder;
pub mod memory;
pub mod processor;

pub use config::ImageEncoderConfig;
pub use encoder::ImageEncoder;
pub use memory::ImageEncoderMemory;
pub use processor::ImageProcessor;
