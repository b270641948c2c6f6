//! The program `misora`: the one place that wires the crates together and writes to a terminal.
//!
//! Knows nothing of how anything is done; each command reads its options, calls a crate, and says what came of it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `commands` | one module for each command |
//! | `target` | where a video goes, and whether it can go there |
//! | `value` | options as text to what they mean |
//! | `progress` | bars with the time left, on a terminal only |
//! | `preview` | pictures inside a terminal that can show them |
//! | `interrupt` | Ctrl-C |
//! | `look` | what a clip will look like, while it forms |
//! | `print` | standard output, where the reader may have gone |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error should fail at once"))]

mod commands;
mod interrupt;
mod look;
mod preview;
mod print;
mod progress;
mod target;
mod value;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Tensors are made and dropped over and over; their memory is kept for the next one.
#[global_allocator]
static ALLOCATOR: kernels::ReusingAllocator = kernels::ReusingAllocator::new(1 << 30);

/// Bytes that are kept for the next tensor while an open checkpoint runs, whose weights alone fill most machines.
const KEPT_WITH_OPEN_CHECKPOINTS: usize = 256 << 20;

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
    ALLOCATOR.set_limit(KEPT_WITH_OPEN_CHECKPOINTS);
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
