//! One module for each command: its options, and what it does.

mod animate;
mod bench;
mod blend;
mod completions;
mod dataset;
mod detect;
mod evaluate;
mod extend;
mod generate;
mod guide_choice;
mod info;
mod inpaint;
mod keys;
mod log_choice;
mod long;
mod loops;
mod making;
mod marks;
mod model_choice;
mod model_place;
mod models;
mod module;
mod module_memory;
mod policy;
mod policy_choice;
mod precision_choice;
mod prompt;
mod recut;
mod remix;
mod sampling_choice;
mod serve;
mod server_choice;
mod serving_choice;
mod shared_choice;
mod source;
mod storyboard;
mod train;
mod worker;
mod worlds;

use clap::Subcommand;

/// What misora can be told to do.
#[derive(Subcommand)]
pub enum Command {
    Generate(generate::Generate),
    Animate(animate::Animate),
    Extend(extend::Extend),
    Remix(remix::Remix),
    Inpaint(inpaint::Inpaint),
    Loop(loops::Loop),
    Blend(blend::Blend),
    Recut(recut::Recut),
    Detect(detect::Detect),
    Storyboard(storyboard::Storyboard),
    Models(models::Models),
    Info(info::Info),
    #[command(subcommand)]
    Worlds(worlds::Worlds),
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    Train(train::Train),
    Evaluate(evaluate::Evaluate),
    Module(module::Module),
    Serve(serve::Serve),
    Worker(worker::Worker),
    Keys(keys::Keys),
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Bench(bench::Bench),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Generate(command) => command.run(),
            Self::Animate(command) => command.run(),
            Self::Extend(command) => command.run(),
            Self::Remix(command) => command.run(),
            Self::Inpaint(command) => command.run(),
            Self::Loop(command) => command.run(),
            Self::Blend(command) => command.run(),
            Self::Recut(command) => command.run(),
            Self::Detect(command) => command.run(),
            Self::Storyboard(command) => command.run(),
            Self::Models(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Worlds(command) => command.run(),
            Self::Dataset(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Module(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Worker(command) => command.run(),
            Self::Keys(command) => command.run(),
            Self::Policy(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}
