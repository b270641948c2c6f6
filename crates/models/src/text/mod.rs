//! Prompts to embeddings: a tokenizer trained on the captions and a small encoder trained with the transformer.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`tokenizer`] | words and Chinese characters to token ids |
//! | [`encoder`] | token ids to one embedding each |

pub mod encoder;
pub mod tokenizer;

pub use encoder::{PromptEmbeds, TextEncoder, TextEncoderConfig};
pub use tokenizer::Tokenizer;
