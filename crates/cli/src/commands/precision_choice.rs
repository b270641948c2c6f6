//! What a model computes with.

use anyhow::bail;
use clap::{Args, ValueEnum};
use generation::DeviceKind;
use wan::{Precision, WanFolder};

use crate::memory;

/// The option of every command that runs a model.
#[derive(Args)]
pub struct PrecisionChoice {
    /// What a model computes with [default: for misora's own int8 where the processor has VNNI, f32 else and for others]
    #[arg(long)]
    precision: Option<Asked>,
}

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Asked {
    /// 32 bits
    F32,
    /// 8 bits where most of the work is: up to three times as fast, for Wan less than a third of the memory for the
    /// transformer, and nearly the same result
    Int8,
    /// Misora's own as by default; of Wan int8 where the transformer in f32 would not fit into memory
    Auto,
}

impl PrecisionChoice {
    /// Whether another precision than the usual one was asked for.
    pub const fn is_given(&self) -> bool {
        self.precision.is_some()
    }

    /// What misora's own transformer is to compute with.
    pub fn of_own(&self, device: DeviceKind) -> anyhow::Result<Precision> {
        let is_cpu = device == DeviceKind::Cpu;
        Ok(match self.precision {
            Some(Asked::Int8) if !is_cpu => {
                bail!("int8 is for the CPU, not for {}. Leave out --precision or --device", device.name())
            }
            Some(Asked::Int8) => Precision::Int8,
            Some(Asked::Auto) | None if is_cpu => Precision::fastest(),
            Some(Asked::F32 | Asked::Auto) | None => Precision::F32,
        })
    }

    /// What the transformer of a Wan folder is to compute with.
    pub fn of_transformer(&self, folder: &WanFolder) -> anyhow::Result<Precision> {
        Ok(match self.precision {
            Some(Asked::F32) | None => Precision::F32,
            Some(Asked::Int8) => Precision::Int8,
            Some(Asked::Auto) => choose(folder.transformer_f32_bytes()?, memory::available_bytes()),
        })
    }

    /// What the half of the autoencoder that makes pixels computes with, on its own.
    pub fn of_decoder(&self) -> Precision {
        match self.precision {
            Some(Asked::Int8) => Precision::Int8,
            Some(Asked::F32 | Asked::Auto) | None => Precision::F32,
        }
    }

    /// The same for something that knows 32 bits only.
    pub fn of_what_has_f32_only(&self, what: &str) -> anyhow::Result<Precision> {
        if self.precision == Some(Asked::Int8) {
            bail!(
                "{what} computes in f32 only; int8 is for the transformer and for the decoder. Leave out --precision"
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
