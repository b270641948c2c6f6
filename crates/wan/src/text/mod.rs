//! Prompts to embeddings: cleaning, tokenizer and UMT5 encoder.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`prompt`] | cleaning |
//! | [`tokenizer`] | prompts to token ids |
//! | [`encoder`] | token ids to embeddings |
//! | [`memory`] | how much memory the encoder takes |
//! | `position_bias` | what attention adds for distance |
//! | [`config`] | sizes of the encoder |

pub mod config;
pub mod encoder;
pub mod memory;
mod position_bias;
pub mod prompt;
pub mod tokenizer;

pub use config::TextEncoderConfig;
pub use encoder::{TextEncoder, TextInput};
pub use memory::TextEncoderMemory;
pub use tokenizer::{MAX_TOKENS, Tokenizer};
