//! What a model is told of the image that a video begins with, as `CLIPVisionModel` in transformers.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | sizes |
//! | [`processor`] | how pictures are brought to the encoder |
//! | [`encoder`] | pixels to embeddings |

pub mod config;
pub mod encoder;
pub mod processor;

pub use config::ImageEncoderConfig;
pub use encoder::ImageEncoder;
pub use processor::ImageProcessor;
