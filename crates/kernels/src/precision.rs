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

    /// Attention in a block of a transformer.
    ///
    /// # Shapes  as of [`attention()`]
    /// # Panics  as [`attention()`] and [`attention_int8`]
    pub fn attention(self, input: Attention<'_>) -> Tensor<2> {
        match self {
            Self::F32 => attention(input),
            Self::Int8 => attention_int8(input),
        }
    }
}
