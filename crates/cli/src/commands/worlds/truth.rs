//! The ground truth of a film as files.

use std::{fs, path::Path};

use anyhow::Context;
use serde_json::json;
use video::{Frame, Resolution, encode_png};
use worlds::{Film, World};

/// Colours of ids in masks: background, then the objects in order.
const ID_COLOURS: [[u8; 3]; 5] = [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]];

/// Makes the folder, before the work.
pub fn prepare(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Writes `ids_0001.png`, `ids_0002.png`, … and `truth.json`.
pub fn write(folder: &Path, world: &World, film: &Film) -> anyhow::Result<()> {
    let put = |name: String, bytes: Vec<u8>| {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    let resolution = film.clip.resolution();
    let frames: Vec<_> = film
        .truth
        .frames
        .iter()
        .map(|frame| {
            json!({
                "time_secs": frame.time_secs,
                "camera": frame.camera,
                "intrinsics": frame.intrinsics,
                "poses": frame.poses,
                "visible": frame.visible,
            })
        })
        .collect();
    let truth = json!({
        "size": resolution.to_string(),
        "fps": film.clip.frame_rate().to_string(),
        "captions": world.captions(),
        "labels": world.labels(),
        "objects": world.stage().props,
        "id_colours": ID_COLOURS,
        "frames": frames,
    });
    for (index, frame) in film.truth.frames.iter().enumerate() {
        put(format!("ids_{:04}.png", index + 1), encode_png(&mask(resolution, &frame.ids)?)?)?;
    }
    // Last, so that where it is, all is.
    put("truth.json".to_owned(), serde_json::to_vec_pretty(&truth)?)
}

fn mask(resolution: Resolution, ids: &[u8]) -> Result<Frame, video::VideoError> {
    let colour = |id: &u8| ID_COLOURS[usize::from(*id).min(ID_COLOURS.len() - 1)];
    Frame::new(resolution, ids.iter().flat_map(colour).collect())
}
