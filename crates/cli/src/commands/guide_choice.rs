//! Where the camera and things go.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use generation::{CameraPath, Motion};

/// Options of every command that makes videos with a model that follows them.
#[derive(Args)]
pub struct GuideChoice {
    /// Where the camera goes, such as "pan left 14, dolly in 1.5" or "orbit right 30 then tilt up" (degrees and metres), or
    /// a file with six numbers on each line: x y z in metres and a rotation vector in radians
    #[arg(long, value_name = "MOVES|FILE")]
    camera: Option<String>,
    /// Where a thing goes, such as "red ball: 0.2,0.5 -> 0.8,0.5" from left to right as shares of width and height;
    /// may be given several times
    #[arg(long = "motion", value_name = "THING: X,Y -> X,Y")]
    pub motions: Vec<Motion>,
}

impl GuideChoice {
    /// The camera's path, if one was asked for.
    pub fn camera(&self) -> anyhow::Result<Option<CameraPath>> {
        let read = |camera: &String| {
            let file = Path::new(camera);
            if file.is_file() {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {camera}"))?;
                return CameraPath::parse_poses(&text).with_context(|| format!("--camera {camera}"));
            }
            camera.parse::<CameraPath>().with_context(|| format!("--camera \"{camera}\" names no file and no moves"))
        };
        self.camera.as_ref().map(read).transpose()
    }
}
