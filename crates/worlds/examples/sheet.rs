//! Contact sheets of simulated worlds, to be looked at: `cargo run --release -p worlds --example sheet -- OUT [roll|…]`.
//!
//! Writes one PNM picture for each motion and each camera move, six worlds a sheet, nine moments a row.

use std::{fs, path::PathBuf};

use video::{FrameRate, Resolution};
use worlds::{CameraMove, Distribution, FilmSettings, Motion, Split, Weights, World};

const ROWS: u64 = 6;
const MOMENTS: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder for the sheets")?);
    let only: Vec<_> = arguments.collect();
    fs::create_dir_all(&folder)?;
    let base = Distribution { split: Split::Any, ..Distribution::simple().with_duration_secs(1.0625) };
    let mut sheets = Vec::new();
    for &motion in Motion::ALL {
        let still = Weights::only(CameraMove::Still);
        sheets.push((
            motion.to_string(),
            Distribution { motions: Weights::only(motion), cameras: still, ..base.clone() },
        ));
    }
    for &camera in CameraMove::ALL {
        sheets.push((format!("camera-{camera}"), Distribution { cameras: Weights::only(camera), ..base.clone() }));
    }
    let full = Distribution { split: Split::Any, ..Distribution::full().with_duration_secs(1.0625) };
    sheets.push(("full".to_owned(), full));
    for (name, distribution) in sheets {
        if only.is_empty() || only.contains(&name) {
            sheet(&folder, &name, &distribution)?;
        }
    }
    Ok(())
}

fn sheet(folder: &std::path::Path, name: &str, distribution: &Distribution) -> Result<(), Box<dyn std::error::Error>> {
    let resolution = Resolution::new(64, 64)?;
    // Nine moments of 17/16 s.
    let settings = FilmSettings { resolution, frame_rate: FrameRate::new(8, 1)?, num_frames: MOMENTS };
    let width = 64 * MOMENTS;
    let mut rows = Vec::new();
    for seed in 0..ROWS {
        let world = World::try_sample(distribution, seed)?;
        println!("{name} {seed}: {}", world.captions().short_en);
        let frames = world.frames(settings);
        for y in 0..64 {
            for frame in &frames {
                rows.extend_from_slice(&frame.rgb()[y * 64 * 3..(y + 1) * 64 * 3]);
            }
        }
    }
    let mut file = format!("P6\n{width} {}\n255\n", 64 * ROWS).into_bytes();
    file.extend(rows);
    fs::write(folder.join(format!("{name}.ppm")), file)?;
    Ok(())
}
