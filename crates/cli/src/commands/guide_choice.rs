//! Where the camera and things go.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use generation::{CameraPath, GenerationError, Motion};

/// Options of every command that makes videos with a model that follows them.
#[derive(Args)]
pub struct GuideChoice {
    /// Where the camera goes, such as "pan left 14, dolly in 1.5" or "orbit right 30 then tilt up" (degrees and metres), or
    /// a file with six numbers on each line: x y z in metres and a rotation vector in radians
    #[arg(long, value_name = "MOVES|FILE")]
    camera: Option<String>,
    /// Where a thing goes, such as "red ball: 0.2,0.5 -> 0.8,0.5" from left to right as shares of width and height;
    /// may be given several times
    #[arg(long = "motion", value_name = "THING: X,Y -> X,Y", value_parser = motion)]
    motions: Vec<(String, Motion)>,
}

/// A motion, and how it was written.
fn motion(text: &str) -> Result<(String, Motion), GenerationError> {
    Ok((text.replace(['\r', '\n'], " "), text.parse()?))
}

impl GuideChoice {
    /// Where things go.
    pub fn motions(&self) -> Vec<Motion> {
        self.motions.iter().map(|(_, motion)| motion.clone()).collect()
    }

    /// The same as it was written, for a server.
    pub fn motions_as_given(&self) -> Vec<String> {
        self.motions.iter().map(|(text, _)| text.clone()).collect()
    }

    /// The camera's path in words or as lines of poses, for a server.
    pub fn camera_as_given(&self) -> anyhow::Result<Option<String>> {
        // What is wrong with it is better known before anything is sent.
        self.camera()?;
        let read = |camera: &String| match Path::new(camera).is_file() {
            true => std::fs::read_to_string(camera).with_context(|| format!("cannot read {camera}")),
            false => Ok(camera.clone()),
        };
        self.camera.as_ref().map(read).transpose()
    }

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
