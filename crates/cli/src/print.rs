//! Standard output, where the reader may have gone.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Writes a line to standard output; unlike `println!`, it does not panic when nobody reads.
pub fn line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to standard output")
}

/// Writes a value as JSON over several lines.
pub fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Whether an error says only that whoever read standard output has ended, as `head` does.
pub fn reader_has_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// `1 clip`, `2 clips`.
pub fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A size on disk, as people say it.
pub fn bytes(count: u64) -> String {
    indicatif::DecimalBytes(count).to_string()
}
