//! What the parts of a checkpoint compute with.

/// What numbers are computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits everywhere.
    #[default]
    F32,
    /// 8 bits where nearly all of the time goes, 32 elsewhere: in the linear layers and the attention of the
    /// transformer's blocks, about a quarter of the memory for weights; and in the residual blocks of the decoder.
    Int8,
}

impl Precision {
    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}
