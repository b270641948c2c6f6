//! `misora info`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use video::{MediaInfo, probe, probe::MediaKind};

use crate::print;

/// Say what a video or picture file is
#[derive(Args)]
#[command(after_help = "\
Reads PNG, JPEG, GIF, MP4 and folders of frames by itself; other videos need the program ffprobe.

Example:
  misora info ball.mp4 --json")]
pub struct Info {
    /// The file, or a folder of frames
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Info {
    pub fn run(self) -> anyhow::Result<()> {
        let info = probe(&self.file)?;
        if self.json {
            return print::json(&json!({
                "file": self.file.display().to_string(),
                "kind": kind(info.kind),
                "codec": info.codec,
                "width": info.resolution.width(),
                "height": info.resolution.height(),
                "fps": info.frame_rate.map(|rate| rate.to_string()),
                "frames": info.frame_count,
                "duration_secs": info.duration_secs,
                "bytes": info.bytes,
            }));
        }
        print::line(format!("{}: {}", self.file.display(), describe(&info)))
    }
}

fn describe(info: &MediaInfo) -> String {
    let mut parts = vec![format!("{} ({})", kind(info.kind), info.codec), info.resolution.to_string()];
    parts.extend(info.frame_count.map(|count| print::counted(count, "frame")));
    parts.extend(info.frame_rate.map(|rate| format!("{rate} fps")));
    parts.extend(info.duration_secs.map(|seconds| format!("{seconds:.2} s")));
    parts.push(print::bytes(info.bytes));
    parts.join(", ")
}

fn kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
        MediaKind::Folder => "folder of frames",
    }
}
