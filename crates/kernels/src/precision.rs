//! What a model computes with.

use burn::tensor::Tensor;

use crate::{Attention, attention, attention_int8, int8};

/// What numbers are computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits everywhere.
    #[default]
    F32,
    /// 8 bits where nearly all of the time goes, 32 elsewhere: in the linear layers and the attention of a
    /// transformer's blocks, and in the residual blocks of the decoder of an open checkpoint.
    Int8,
}

impl Precision {
    /// The faster one on this processor: 8 bits where one instruction multiplies and adds them. Without it they are about as
    /// fast as 32.
    pub fn fastest() -> Self {
        if int8::is_one_instruction() { Self::Int8 } else { Self::F32 }
    }

    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }

    /// Attention in a block of a transformer: in 8 bits where there are keys enough for it to be faster.
    ///
    /// # Shapes  as of [`attention()`]
    /// # Panics  as [`attention()`] and [`attention_int8`]
    pub fn attention(self, input: Attention<'_>) -> Tensor<2> {
        match self {
            Self::F32 => attention(input),
            Self::Int8 if input.key_segments.ranges().any(|keys| keys.len() >= FEWEST_KEYS) => attention_int8(input),
            Self::Int8 => attention(input),
        }
    }
}

/// Keys from which 8 bits are faster, with VNNI: with 64 the laying out still takes longer than the products.
const FEWEST_KEYS: usize = 128;

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::Segments;

    #[test]
    fn few_keys_are_attended_to_in_32_bits() {
        let random = |rows| Tensor::<2>::random([rows, 8], Distribution::Normal(0.0, 1.0), &Device::flex());
        let values = |out: Tensor<2>| out.into_data().try_to_vec::<f32>().unwrap();
        for (keys, is_rounded) in [(FEWEST_KEYS - 1, false), (FEWEST_KEYS, true)] {
            let (query, key, value) = (random(9), random(keys), random(keys));
            let (query_segments, key_segments) = (&Segments::new([9]), &Segments::new([keys]));
            let input = Attention { query, key, value, heads: 2, query_segments, key_segments };
            let [exact, rounded] = [attention, attention_int8].map(|form| values(form(input.clone())));
            assert_ne!(exact, rounded);
            let expected = if is_rounded { rounded } else { exact.clone() };
            assert_eq!(values(Precision::Int8.attention(input.clone())), expected);
            assert_eq!(values(Precision::F32.attention(input)), exact);
        }
    }
}
