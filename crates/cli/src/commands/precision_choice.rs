//! What an open checkpoint's transformer computes with.

use std::fs;

use anyhow::bail;
use clap::{Args, ValueEnum};
use wan::{WanFolder, transformer::Precision};

/// The option of every command that runs a transformer of others.
#[derive(Args)]
pub struct PrecisionChoice {
    /// What a Wan transformer computes with; auto takes int8 where f32 would not fit into memory
    #[arg(long, default_value = "f32")]
    precision: Asked,
}

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Asked {
    /// 32 bits
    F32,
    /// 8 bits in its large linear layers: less than a third of the memory, and nearly the same result
    Int8,
    /// One of the two, by the memory that is free
    Auto,
}

impl PrecisionChoice {
    /// What the transformer of a folder is to compute with.
    pub fn of_transformer(&self, folder: &WanFolder) -> anyhow::Result<Precision> {
        Ok(match self.precision {
            Asked::F32 => Precision::F32,
            Asked::Int8 => Precision::Int8,
            Asked::Auto => choose(folder.transformer_f32_bytes()?, available_bytes()),
        })
    }

    /// The same for something that knows 32 bits only.
    pub fn of_what_has_f32_only(&self, what: &str) -> anyhow::Result<Precision> {
        if self.precision == Asked::Int8 {
            bail!("{what} computes in f32 only; int8 is for the transformer of a Wan folder. Leave out --precision");
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

/// Memory that can be had without taking any from other programs, where the system says so.
fn available_bytes() -> Option<u64> {
    available_in(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
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

    #[test]
    fn the_free_memory_is_read_as_linux_writes_it() {
        let text = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(available_in(text), Some(20_480_000_000));
        assert_eq!(available_in("MemTotal: 1 kB"), None);
        assert_eq!(available_in("MemAvailable: many kB"), None);
    }
}
