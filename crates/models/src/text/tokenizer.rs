//! Words and Chinese characters to token ids.
//!
//! Byte-pair encoding over lower-cased text, learned from the captions. Each Han character stands alone; bytes that
//! were never seen have tokens of their own, so every text can be written.

use std::path::Path;

use tokenizers::{
    AddedToken, SplitDelimiterBehavior, TokenizerImpl,
    models::{
        TrainerWrapper,
        bpe::{BPE, BpeTrainer},
    },
    normalizers::{Lowercase, NFKC, NormalizerWrapper, Sequence, Strip},
    pre_tokenizers::{
        PreTokenizerWrapper,
        byte_level::ByteLevel,
        sequence::Sequence as PreTokenizerSequence,
        split::{Split, SplitPattern},
    },
};

use crate::ModelError;

/// Stands for the end of a text; alone, it is the empty prompt.
const END: &str = "<end>";

/// Text to token ids.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    end: u32,
}

impl Tokenizer {
    /// Learns a vocabulary of at most `vocabulary_size` tokens from `captions`.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] when the vocabulary is too small for the 256 bytes and the end mark.
    pub fn train<'a>(
        captions: impl Iterator<Item = &'a str> + Send,
        vocabulary_size: usize,
    ) -> Result<Self, ModelError> {
        if vocabulary_size < 257 {
            return Err(ModelError::Tokenizer(format!("a vocabulary of {vocabulary_size} is less than 257 tokens")));
        }
        let normalizer = Sequence::new(vec![
            NFKC.into(),
            Lowercase.into(),
            NormalizerWrapper::StripNormalizer(Strip::new(true, true)),
        ]);
        let han = Split::new(SplitPattern::Regex(r"\p{Han}".into()), SplitDelimiterBehavior::Isolated, false)
            .map_err(failed)?;
        let bytes = ByteLevel::new(true, true, true);
        let mut inner = TokenizerImpl::new(BPE::default());
        inner
            .with_normalizer(Some(NormalizerWrapper::Sequence(normalizer)))
            .with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(PreTokenizerSequence::new(vec![
                PreTokenizerWrapper::Split(han),
                PreTokenizerWrapper::ByteLevel(bytes),
            ]))))
            .with_decoder(Some(tokenizers::DecoderWrapper::ByteLevel(bytes)));
        let trainer = BpeTrainer::builder()
            .vocab_size(vocabulary_size)
            .min_frequency(2)
            .show_progress(false)
            .special_tokens(vec![AddedToken::from(END, true)])
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let mut inner: tokenizers::Tokenizer = retyped(inner)?;
        inner.train(&mut TrainerWrapper::BpeTrainer(trainer), captions).map_err(failed)?;
        Self::from_inner(inner)
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ModelError::File`] when it cannot be read, [`ModelError::Tokenizer`] when it is not a tokenizer.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let bytes =
            std::fs::read(path).map_err(|source| ModelError::File { action: "read", path: path.into(), source })?;
        Self::from_bytes(&bytes)
    }

    /// Reads the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] when it is not a tokenizer.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_inner(tokenizers::Tokenizer::from_bytes(bytes).map_err(failed)?)
    }

    fn from_inner(inner: tokenizers::Tokenizer) -> Result<Self, ModelError> {
        let end = inner.token_to_id(END).ok_or_else(|| ModelError::Tokenizer(format!("it has no token {END}")))?;
        Ok(Self { inner, end })
    }

    /// The text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] when it cannot be written as text.
    pub fn to_json(&self) -> Result<String, ModelError> {
        self.inner.to_string(false).map_err(failed)
    }

    /// Number of tokens.
    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Token ids of a text, closed by the end mark; the empty text is the end mark alone.
    ///
    /// # Errors
    /// [`ModelError::PromptTooLong`] when there are more than `limit` ids, end mark included.
    pub fn encode(&self, text: &str, limit: usize) -> Result<Vec<u32>, ModelError> {
        let encoding = self.inner.encode_fast(text, false).map_err(failed)?;
        let mut ids = encoding.get_ids().to_vec();
        ids.push(self.end);
        if ids.len() > limit {
            return Err(ModelError::PromptTooLong { tokens: ids.len(), limit });
        }
        Ok(ids)
    }
}

fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Tokenizer(error.to_string())
}

/// Passes a tokenizer of exact parts through its JSON form into one of any parts.
fn retyped(
    tokenizer: TokenizerImpl<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        tokenizers::PostProcessorWrapper,
        tokenizers::DecoderWrapper,
    >,
) -> Result<tokenizers::Tokenizer, ModelError> {
    let json = tokenizer.to_string(false).map_err(failed)?;
    tokenizers::Tokenizer::from_bytes(json.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained() -> Tokenizer {
        let captions = ["a red ball rolls across the grass", "a blue cube falls", "一个红色的球滚过草地"];
        Tokenizer::train(captions.iter().cycle().take(30).copied(), 400).unwrap()
    }

    #[test]
    fn known_words_are_short_and_any_text_has_tokens() {
        let tokenizer = trained();
        assert_eq!(tokenizer.encode("A  Red ball", 64).unwrap()[0], tokenizer.encode("a red", 64).unwrap()[0]);
        assert!(tokenizer.encode("a red ball rolls across the grass", 64).unwrap().len() <= 9);
        assert_eq!(tokenizer.encode("红球", 64).unwrap().len(), 1 + tokenizer.encode("红", 64).unwrap().len());
        assert!(tokenizer.encode("żółw 🐢", 64).unwrap().len() > 2);
        assert_eq!(tokenizer.encode("", 64).unwrap(), [tokenizer.end]);
    }

    #[test]
    fn survives_its_json_and_refuses_others() {
        let tokenizer = trained();
        let again = Tokenizer::from_bytes(tokenizer.to_json().unwrap().as_bytes()).unwrap();
        assert_eq!(again.encode("a green cone", 64).unwrap(), tokenizer.encode("a green cone", 64).unwrap());
        assert!(matches!(Tokenizer::from_bytes(b"{}"), Err(ModelError::Tokenizer(_))));
    }

    #[test]
    fn long_texts_are_refused_with_their_length() {
        let error = trained().encode(&"ball ".repeat(20_000), 256).unwrap_err();
        assert!(matches!(error, ModelError::PromptTooLong { limit: 256, tokens } if tokens > 256), "{error}");
    }
}
