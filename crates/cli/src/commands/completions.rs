//! `misora completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Cli, print};

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora completions bash > ~/.local/share/bash-completion/completions/misora
  misora completions fish > ~/.config/fish/completions/misora.fish")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "misora", &mut script);
        print::line(String::from_utf8_lossy(&script).trim_end())
    }
}
