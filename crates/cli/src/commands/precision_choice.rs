//! What an open checkpoint computes with.

use anyhow::bail;
use clap::{Args, ValueEnum};
use wan::{Precision, WanFolder};

use crate::memory;

/// The option of every command that runs a transformer of others.
#[derive(Args)]
pub struct PrecisionChoice {
    /// What a Wan model computes with; auto takes int8 where the transformer in f32 would not fit into memory
    #[arg(long, default_value = "f32")]
    precision: Asked,
}

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Asked {
    /// 32 bits
    F32,
    /// 8 bits where most of the work is: about three times as fast, less than a third of the memory for the
    /// transformer, and nearly the same result
    Int8,
    /// One of the two, by the memory that is free
    Auto,
}

impl PrecisionChoice {
    /// Whether another precision than the usual one was asked for.
    pub fn is_given(&self) -> bool {
        self.precision != Asked::F32
    }

    /// What the transformer of a folder is to compute with.
    pub fn of_transformer(&self, folder: &WanFolder) -> anyhow::Result<Precision> {
        Ok(match self.precision {
            Asked::F32 => Precision::F32,
            Asked::Int8 => Precision::Int8,
            Asked::Auto => choose(folder.transformer_f32_bytes()?, memory::available_bytes()),
        })
    }

    /// What the half of the autoencoder that makes pixels computes with, on its own.
    pub fn of_decoder(&self) -> Precision {
        match self.precision {
            Asked::Int8 => Precision::Int8,
            Asked::F32 | Asked::Auto => Precision::F32,
        }
    }

    /// The same for something that knows 32 bits only.
    pub fn of_what_has_f32_only(&self, what: &str) -> anyhow::Result<Precision> {
        if self.precision == Asked::Int8 {
            bail!(
                "{what} computes in f32 only; int8 is for the transformer of a Wan folder, and for its decoder. Leave out --precision"
            );
        }
        Ok(Precision::F32)
    }
}

/// 8 bits when the weights in 32 would leave less than a quarter of the free memory for what is computed.
fn choose(f32_bytes: u64, available: Option<u64>) -> Precision {
    match available {
        Some(available) if f32_bytes > available / 4 * 3 => Precision::Int8,
        _ => Precision::F32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_in_32_bits() {
        assert_eq!(choose(5 << 30, Some(16 << 30)), Precision::F32);
        assert_eq!(choose(5 << 30, Some(6 << 30)), Precision::Int8);
        assert_eq!(choose(5 << 30, None), Precision::F32);
    }
}
