//! Prompts to token ids.

use std::{fs::File, io::Read, path::Path};

use super::prompt;
use crate::WanError;

/// Largest `tokenizer.json` that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;
/// Tokens of a prompt that Wan reads, end mark included.
pub const MAX_TOKENS: usize = 512;

/// Prompts to token ids.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads `tokenizer.json` out of a folder.
    ///
    /// # Errors
    /// [`WanError::File`] when it cannot be read, [`WanError::Tokenizer`] when it is not a tokenizer, or has more tokens
    /// than the `vocabulary` of the text encoder.
    pub fn load(folder: &Path, vocabulary: usize) -> Result<Self, WanError> {
        let path = folder.join("tokenizer.json");
        let wrong = |reason: String| WanError::Tokenizer { path: path.clone(), reason };
        let failed = |source| WanError::File { path: path.clone(), source };
        let mut bytes = Vec::new();
        File::open(&path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(wrong(format!("it is larger than {MAX_BYTES} bytes, more than any tokenizer needs")));
        }
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes)
            .map_err(|error| wrong(format!("it is not a tokenizer: {error}")))?;
        // Length is dealt with here, whatever the file says of it.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| wrong(error.to_string()))?;
        let largest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        if largest as usize >= vocabulary {
            let reason = format!(
                "it makes token ids up to {largest}, but the text encoder knows {vocabulary} tokens; \
                 take the tokenizer that belongs to this model"
            );
            return Err(wrong(reason));
        }
        Ok(Self { inner })
    }

    /// The cleaned prompt as token ids, with what the tokenizer puts around every text. Of a prompt that is too long,
    /// the beginning is kept, and its last token, the end mark.
    ///
    /// # Errors
    /// [`WanError::Tokenizer`] when the tokenizer fails, or gives nothing.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, WanError> {
        let wrong = |reason: String| WanError::Tokenizer { path: "tokenizer.json".into(), reason };
        let encoding = self.inner.encode_fast(prompt::clean(text), true).map_err(|error| wrong(error.to_string()))?;
        let mut ids = encoding.get_ids().to_vec();
        match ids.last().copied() {
            None => Err(wrong("it gives no tokens, not even an end mark".into())),
            Some(end) => {
                if ids.len() > MAX_TOKENS {
                    ids.truncate(MAX_TOKENS - 1);
                    ids.push(end);
                }
                Ok(ids)
            }
        }
    }
}
