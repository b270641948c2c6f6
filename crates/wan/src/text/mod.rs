//! Prompts to embeddings: cleaning, tokenizer and UMT5 encoder.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`prompt`] | cleaning |
//! | [`tokenizer`] | prompts to token ids |
//! | [`encoder`] | token ids to embeddings |
//! | `position_bias` | what attention adds for distance |
//! | [`config`] | sizes of the encoder |

pub mod config;
pub mod encoder;
mod position_bias;
pub mod prompt;
pub mod tokenizer;

pub use config::TextEncoderConfig;
pub use encoder::{TextEncoder, TextInput};
pub use tokenizer::{MAX_TOKENS, Tokenizer};
