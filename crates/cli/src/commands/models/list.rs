//! `misora models list`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use generation::{Generator, nano};
use hub::{ModelCache, cache::MANIFESTS};
use models::Bundle;
use serde::Serialize;
use wan::WanFolder;

use crate::{commands::model_place::bytes_in, print};

/// Words that a model card has before its licence.
const LICENCE_KEY: &str = "license:";

/// List models: what is there, sizes, licence, and what each was trained on
#[derive(Args)]
pub struct List {
    /// Model folders, or folders of model folders, besides the model that is built in and those fetched from the hub
    folders: Vec<PathBuf>,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    licence: Option<String>,
    #[serde(flatten)]
    kind: Kind,
    parameters: Parameters,
    bytes: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Kind {
    Own { trained_on: String, frame_rate: u32, latent_channels: usize },
    Open { architecture: &'static str },
}

#[derive(Default, Serialize)]
struct Parameters {
    autoencoder: u64,
    text_encoder: u64,
    #[serde(skip_serializing_if = "is_zero")]
    image_encoder: u64,
    transformer: u64,
    total: u64,
}

impl List {
    pub fn run(self) -> anyhow::Result<()> {
        let built_in = [nano::BYTES.manifest, nano::BYTES.autoencoder, nano::BYTES.text_encoder];
        let built_in = built_in.iter().chain([&nano::BYTES.transformer, &nano::BYTES.tokenizer]);
        let bytes = built_in.map(|file| file.len() as u64).sum();
        let nano = nano::load(&generation::DeviceKind::Cpu.open()?)?;
        let mut listed = vec![Listed::own(nano, "built in".to_owned(), bytes)];
        for folder in &self.folders {
            for folder in model_folders(folder)? {
                let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
                listed.push(Listed::of(&folder, name)?);
            }
        }
        for cached in ModelCache::from_env().list()? {
            // The cache is shared with programs that run other kinds of models.
            match Listed::of(&cached.folder, cached.name.to_string()) {
                Ok(model) => listed.push(model),
                Err(error) => eprintln!("{} is not listed: {error}", cached.name),
            }
        }
        if self.json {
            return print::json(&listed);
        }
        listed.iter().try_for_each(|listed| print::line(listed.describe()))
    }
}

impl Listed {
    fn of(folder: &Path, name: String) -> anyhow::Result<Self> {
        let (place, bytes) = (folder.display().to_string(), bytes_in(folder)?);
        if !WanFolder::is_one(folder) {
            return Ok(Self::own(Bundle::load(folder, &generation::DeviceKind::Cpu.open()?)?, place, bytes));
        }
        let mut parameters = Parameters::default();
        let wan = WanFolder::open(folder)?;
        for (part, count) in wan.parameters()? {
            parameters.total += count;
            match part {
                "transformer" => parameters.transformer = count,
                "vae" => parameters.autoencoder = count,
                "image_encoder" => parameters.image_encoder = count,
                _ => parameters.text_encoder = count,
            }
        }
        let licence = licence_in(folder);
        Ok(Self { name, place, licence, kind: Kind::Open { architecture: wan.pipeline().name() }, parameters, bytes })
    }

    fn own(bundle: Bundle, place: String, bytes: u64) -> Self {
        let generator = Generator::new(bundle);
        let [autoencoder, text_encoder, transformer] = generator.parameter_counts().map(|count| count as u64);
        let info = &generator.bundle().info;
        Self {
            name: info.name.clone(),
            place,
            licence: Some(info.licence.clone()),
            kind: Kind::Own {
                trained_on: info.trained_on.clone(),
                frame_rate: info.frame_rate,
                latent_channels: info.autoencoder.latent_channels,
            },
            parameters: Parameters {
                autoencoder,
                text_encoder,
                image_encoder: 0,
                transformer,
                total: autoencoder + text_encoder + transformer,
            },
            bytes,
        }
    }

    fn describe(&self) -> String {
        let Self { name, place, licence, kind, parameters, bytes } = self;
        let millions = |count: u64| format!("{:.1} M", count as f64 / 1e6);
        let mut lines = vec![
            format!("{name} ({place})"),
            format!(
                "  parameters  {}: transformer {}, autoencoder {}, text encoder {}",
                millions(parameters.total),
                millions(parameters.transformer),
                millions(parameters.autoencoder),
                millions(parameters.text_encoder)
            ),
            format!("  size        {}", print::bytes(*bytes)),
            format!("  licence     {}", licence.as_deref().unwrap_or("not said")),
        ];
        match kind {
            Kind::Own { trained_on, frame_rate, .. } => {
                lines.extend([format!("  frame rate  {frame_rate} fps"), format!("  trained on  {trained_on}")]);
            }
            Kind::Open { architecture } => lines.push(format!("  pipeline    {architecture}")),
        }
        lines.join("\n")
    }
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The licence that a model card names at its head.
fn licence_in(folder: &Path) -> Option<String> {
    let card = std::fs::read_to_string(folder.join("README.md")).ok()?;
    let head = card.strip_prefix("---")?.split("\n---").next()?;
    head.lines().find_map(|line| Some(line.strip_prefix(LICENCE_KEY)?.trim().to_owned()))
}

fn is_model(folder: &Path) -> bool {
    MANIFESTS.iter().any(|manifest| folder.join(manifest).is_file())
}

/// The folder itself when it is a model, otherwise the models right inside.
fn model_folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if is_model(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let Ok(entries) = folder.read_dir() else {
        bail!("cannot list models: there is no folder {}", folder.display());
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_model(path)).collect();
    if found.is_empty() {
        bail!("{} holds no model: neither it nor a folder in it has a {}", folder.display(), MANIFESTS.join(" or a "));
    }
    found.sort();
    Ok(found)
}
