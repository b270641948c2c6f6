//! The program `misora`: the one place that wires the crates together and writes to a terminal.
//!
//! Knows nothing of how anything is done; each command reads its options, calls a crate, and says what came of it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `commands` | one module for each command |
//! | `target` | where a video goes, and whether it can go there |
//! | `value` | options as text to what they mean |
//! | `memory` | how much memory the machine can still give |
//! | `progress` | bars with the time left, on a terminal only |
//! | `remote` | a server elsewhere that makes the videos |
//! | `preview` | pictures inside a terminal that can show them |
//! | `interrupt` | Ctrl-C |
//! | `look` | what a clip will look like, while it forms |
//! | `print` | standard output, where the reader may have gone |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error should fail at once"))]

mod commands;
mod interrupt;
mod look;
mod memory;
mod preview;
mod print;
mod progress;
mod remote;
mod target;
mod value;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Tensors are made and dropped over and over; their memory is kept for the next one.
#[global_allocator]
static ALLOCATOR: kernels::ReusingAllocator = kernels::ReusingAllocator::new(1 << 30);

/// Freed blocks of this many bytes go back to the system, where nobody keeps them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const GIVEN_BACK_AT_ONCE: libc::c_int = 1 << 20;

/// Exit code of a program that Ctrl-C ended: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

const EXAMPLES: &str = "\
Examples:
  misora generate \"a red ball rolls across the grass\" --output ball.mp4
  misora generate \"雪地上，一个蓝色的立方体落下\" --size 160x96 --seconds 3
  misora generate \"a green cone spins on sand at sunset\" --count 4 --seed 7
  misora worlds render --motion bounce --colour red --output bounce.gif
  misora info ball.mp4

`misora help COMMAND` says more about one command.";

/// Turns a sentence into a short film, with a model that is built in.
#[derive(Parser)]
#[command(name = "misora", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    interrupt::install();
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if print::reader_has_gone(&error) => ExitCode::SUCCESS,
        Err(error) if interrupt::requested() => {
            eprintln!("misora: {}", in_one_line(&error));
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("misora: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// Leaves memory to the weights of an open checkpoint.
fn keep_little_memory() {
    ALLOCATOR.set_limit(wan::memory::KEPT as usize);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes two numbers and changes a setting. Refusal costs memory only.
    unsafe {
        // Otherwise blocks of up to 32 MiB come to lie between one another, and what is freed cannot be given back.
        libc::mallopt(libc::M_MMAP_THRESHOLD, GIVEN_BACK_AT_ONCE);
    }
}

/// An error and its causes, each said once: some messages hold their cause's already.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(|cause| cause.to_string()) {
        if !line.contains(&cause) {
            line = if line.is_empty() { cause } else { format!("{line}: {cause}") };
        }
    }
    line
}
