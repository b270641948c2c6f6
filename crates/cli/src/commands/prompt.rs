//! Prompts as they are given on the command line.

use std::io::{IsTerminal, Read};

use anyhow::Context;

/// More bytes than any prompt; keeps an endless standard input out of memory.
const MAX_PROMPT_BYTES: u64 = 1 << 20;

/// The prompt itself, or what comes from standard input for `-`.
pub fn read(prompt: &str) -> anyhow::Result<String> {
    if prompt != "-" {
        return Ok(prompt.to_owned());
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("Type the prompt, then Ctrl-D:");
    }
    let mut prompt = String::new();
    stdin
        .lock()
        .take(MAX_PROMPT_BYTES)
        .read_to_string(&mut prompt)
        .context("cannot read the prompt from standard input")?;
    Ok(prompt)
}
