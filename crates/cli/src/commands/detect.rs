//! `misora detect`.

use std::path::PathBuf;

use clap::Args;
use provenance::{AigcLabel, Detection, FoundCredentials, Standing, Verdict, data_folder, detect};

use crate::print;

/// Tell whether a file was made by misora, and which marks it carries
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora detect ball.mp4
  misora detect ball.mp4 --json

Finds the watermark in the pictures, the signed statement (C2PA) and the label in the metadata. That no mark is found does
not mean that a file was not generated: marks of other programs are told only where they stand in the metadata.")]
pub struct Detect {
    /// A video or picture, or a folder of frames
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Detect {
    pub fn run(self) -> anyhow::Result<()> {
        let found = detect(&self.file, data_folder().ok().as_deref())?;
        if self.json {
            return print::json(&found);
        }
        print::line(format!("{}: {}", self.file.display(), verdict(&found)))?;
        print::line(format!("  watermark  {}", watermark(&found)))?;
        print::line(format!("  signature  {}", credentials(&found.credentials)))?;
        print::line(format!("  metadata   {}", found.aigc.as_ref().map_or_else(|| "no AIGC label".to_owned(), aigc)))
    }
}

fn verdict(found: &Detection) -> &'static str {
    match found.verdict {
        Verdict::Misora => "made by misora",
        Verdict::Generated => "says that it was generated; whether by misora is not proven",
        Verdict::NoMark => "no mark of misora, and none of others in the metadata",
    }
}

fn watermark(found: &Detection) -> String {
    let Some(found) = &found.watermark else { return "none found".to_owned() };
    let payload = found.payload;
    format!(
        "found, {:.1} standard deviations above noise: version {}, model {:02x}, video {:05x}",
        found.strength, payload.version, payload.model, payload.video
    )
}

fn credentials(found: &FoundCredentials) -> String {
    let by = found.generator.as_deref().unwrap_or("an unnamed program");
    match found.standing {
        Standing::Absent => "none".to_owned(),
        Standing::Trusted => format!("holds, by {by} on this machine"),
        Standing::Valid => format!("holds, by {by}; who that is, is not known here"),
        Standing::Broken => format!("does not hold: {}", found.problems.join(", ")),
    }
}

fn aigc(label: &AigcLabel) -> String {
    let AigcLabel { label, content_producer, produce_id, .. } = label;
    format!("AIGC label {label}, by {content_producer}, number {produce_id}")
}
