//! `misora inpaint`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use generation::{Edit, GenerationOptions, GenerationRequest, Length};
use video::{Clip, Frame, ReadLimits, Resolution, read_clip};

use super::{
    assembly::{Finish, Piece},
    making::{Given, Making},
    prompt,
    source::{Source, SourceChoice, enough_frames},
};
use crate::value;

/// Imagine a region of a clip anew, in space, in time, or both
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora inpaint ball.mp4 \"a blue cube on the grass\" --box 40,30,64,64
  misora inpaint ball.mp4 \"a red ball rolls\" --mask region.png --from 0.5 --to 1.5 -o new.mp4

All that lies outside of the region comes out as it went in.")]
pub struct Inpaint {
    #[command(flatten)]
    source: SourceChoice,
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// The region as left edge, upper edge, width and height in pixels of the clip [default: all of the picture]
    #[arg(long = "box", value_name = "X,Y,W,H", value_parser = value::rectangle, conflicts_with = "mask")]
    rectangle: Option<[u32; 4]>,
    /// The region as a picture or clip of the clip's size, white where the region is; the last frame of it is held
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// Where the region begins in time, in seconds
    #[arg(long, default_value_t = 0.0)]
    from: f64,
    /// Where it ends, in seconds [default: with the clip]
    #[arg(long)]
    to: Option<f64>,
    #[command(flatten)]
    making: Making,
}

/// Where a clip is imagined anew: one answer for each pixel of each frame.
struct Region {
    size: Resolution,
    frames: Vec<Vec<bool>>,
}

impl Inpaint {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let source = self.source.read()?;
        let region = self.region(&source)?;
        let num_frames = region.frames.len();
        let options = GenerationOptions {
            size: Some(source.size()),
            length: Some(Length::Frames(enough_frames(num_frames))),
            frame_rate: Some(source.frame_rate()),
            ..self.making.options(prompt::read(&self.prompt)?)
        };
        self.making.run(target, options, |request| {
            let edit = Edit::inpaint(source.all_fitted(request)?, &region.mask(request), request)?;
            let format = (source.clip().resolution(), source.frame_rate());
            let pieces = vec![Piece::Made((0..num_frames).collect())];
            Ok(Given { edit: Some(edit), pieces, finish: region.finish(&source), format })
        })
    }

    fn region(&self, source: &Source) -> anyhow::Result<Region> {
        let (clip, size) = (source.clip(), source.clip().resolution());
        let (num_frames, rate) = (clip.frames().len(), source.frame_rate().as_f64());
        let to = self.to.unwrap_or(f64::INFINITY);
        let in_time = |frame: usize| (self.from..=to).contains(&(frame as f64 / rate));
        if !(0..num_frames).any(in_time) {
            bail!("no frame lies between --from and --to: the clip lasts {} s", clip.duration_secs());
        }
        let masks = match (&self.mask, self.rectangle) {
            (Some(path), _) => read_masks(path, size)?,
            (None, Some(rectangle)) => vec![in_rectangle(rectangle, size)?],
            (None, None) => vec![vec![true; size.pixel_count()]],
        };
        let nowhere = vec![false; size.pixel_count()];
        let frame = |frame: usize| if in_time(frame) { &masks[frame.min(masks.len() - 1)] } else { &nowhere };
        Ok(Region { size, frames: (0..num_frames).map(|index| frame(index).clone()).collect() })
    }
}

impl Region {
    /// The region at the request's size and length; what the video is longer than the clip may be anything.
    fn mask(&self, request: &GenerationRequest) -> Vec<bool> {
        let [own_width, own_height] = [self.size.width(), self.size.height()].map(|side| side as usize);
        let size = request.resolution();
        let [width, height] = [size.width(), size.height()].map(|side| side as usize);
        let nearest = |frame: &Vec<bool>| -> Vec<bool> {
            let place = |pixel: usize| (pixel / width * own_height / height, pixel % width * own_width / width);
            (0..width * height).map(place).map(|(row, column)| frame[row * own_width + column]).collect()
        };
        let mut mask: Vec<bool> = self.frames.iter().flat_map(nearest).collect();
        mask.resize(request.num_frames() * width * height, true);
        mask
    }

    /// Puts what was made into the clip.
    fn finish(self, source: &Source) -> Finish {
        let (clip, to_own_size) = (source.clip().clone(), source.to_own_size());
        Box::new(move |number, frame| {
            let made = to_own_size(number, frame)?;
            let mut frame = clip.frames()[number].clone();
            let pixels = frame.rgb_mut().chunks_exact_mut(3).zip(made.rgb().chunks_exact(3));
            for ((pixel, made), _) in pixels.zip(&self.frames[number]).filter(|(_, masked)| **masked) {
                pixel.copy_from_slice(made);
            }
            Ok(frame)
        })
    }
}

fn in_rectangle([left, top, width, height]: [u32; 4], size: Resolution) -> anyhow::Result<Vec<bool>> {
    let (columns, rows) = (left..left.saturating_add(width), top..top.saturating_add(height));
    if width == 0 || height == 0 || columns.end > size.width() || rows.end > size.height() {
        bail!("the box {left},{top},{width},{height} does not lie inside of the clip, which is {size}");
    }
    let inside = |pixel: u32| columns.contains(&(pixel % size.width())) && rows.contains(&(pixel / size.width()));
    Ok((0..size.width() * size.height()).map(inside).collect())
}

fn read_masks(path: &std::path::Path, size: Resolution) -> anyhow::Result<Vec<Vec<bool>>> {
    let masks: Clip = read_clip(path, &ReadLimits::default())?;
    if masks.resolution() != size {
        bail!("the mask {} is {}, but the clip {size}; they must be of one size", path.display(), masks.resolution());
    }
    let bright = |pixel: &[u8]| pixel.iter().map(|value| u32::from(*value)).sum::<u32>() > 3 * 127;
    let mask = |frame: &Frame| frame.rgb().chunks_exact(3).map(bright).collect();
    Ok(masks.frames().iter().map(mask).collect())
}
