//! `misora models`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use generation::{Generator, nano};
use models::Bundle;
use serde::Serialize;

use crate::print;

const MANIFEST: &str = "model.json";

/// List models: what is there, sizes, licence, and what each was trained on
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora models
  misora models runs/nano/model --json")]
pub struct Models {
    /// Model folders, or folders of model folders, besides the model that is built in
    folders: Vec<PathBuf>,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    place: String,
    licence: String,
    trained_on: String,
    frame_rate: u32,
    latent_channels: usize,
    parameters: Parameters,
    bytes: u64,
}

#[derive(Serialize)]
struct Parameters {
    autoencoder: usize,
    text_encoder: usize,
    transformer: usize,
    total: usize,
}

impl Models {
    pub fn run(self) -> anyhow::Result<()> {
        let device = generation::DeviceKind::Cpu.open()?;
        let built_in = [nano::BYTES.manifest, nano::BYTES.autoencoder, nano::BYTES.text_encoder];
        let built_in = built_in.iter().chain([&nano::BYTES.transformer, &nano::BYTES.tokenizer]);
        let bytes = built_in.map(|file| file.len() as u64).sum();
        let mut listed = vec![Listed::of(nano::load(&device)?, "built in".to_owned(), bytes)];
        for folder in &self.folders {
            for folder in model_folders(folder)? {
                let bundle = Bundle::load(&folder, &device)?;
                listed.push(Listed::of(bundle, folder.display().to_string(), bytes_in(&folder)?));
            }
        }
        if self.json {
            return print::json(&listed);
        }
        listed.iter().try_for_each(|listed| print::line(listed.describe()))
    }
}

impl Listed {
    fn of(bundle: Bundle, place: String, bytes: u64) -> Self {
        let generator = Generator::new(bundle);
        let [autoencoder, text_encoder, transformer] = generator.parameter_counts();
        let info = &generator.bundle().info;
        Self {
            name: info.name.clone(),
            place,
            licence: info.licence.clone(),
            trained_on: info.trained_on.clone(),
            frame_rate: info.frame_rate,
            latent_channels: info.autoencoder.latent_channels,
            parameters: Parameters {
                autoencoder,
                text_encoder,
                transformer,
                total: autoencoder + text_encoder + transformer,
            },
            bytes,
        }
    }

    fn describe(&self) -> String {
        let Self { name, place, licence, trained_on, frame_rate, parameters, bytes, .. } = self;
        let millions = |count: usize| format!("{:.1} M", count as f64 / 1e6);
        format!(
            "{name} ({place})\n  parameters  {}: transformer {}, autoencoder {}, text encoder {}\n  \
             size        {}\n  frame rate  {frame_rate} fps\n  licence     {licence}\n  trained on  {trained_on}",
            millions(parameters.total),
            millions(parameters.transformer),
            millions(parameters.autoencoder),
            millions(parameters.text_encoder),
            print::bytes(*bytes),
        )
    }
}

/// The folder itself when it is a model, otherwise the models right inside.
fn model_folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if folder.join(MANIFEST).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let Ok(entries) = folder.read_dir() else {
        bail!("cannot list models: there is no folder {}", folder.display());
    };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join(MANIFEST).is_file()).collect();
    if found.is_empty() {
        bail!("{} holds no model: neither it nor a folder in it has a {MANIFEST}", folder.display());
    }
    found.sort();
    Ok(found)
}

fn bytes_in(folder: &Path) -> std::io::Result<u64> {
    folder.read_dir()?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
