//! A region of a clip is imagined anew, in space, in time, or both.

use std::ops::RangeInclusive;

use video::{Clip, Resolution};

use super::{Finish, Piece, Plan, Source, Task, enough_frames, wrong};
use crate::{Edit, GenerationError, GenerationOptions, GenerationRequest};

/// A part of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// All of it.
    Whole,
    /// Left edge, upper edge, width and height in pixels.
    Box([u32; 4]),
    /// White where the region is; the last frame is held.
    Mask(Clip),
}

/// A clip of which a region is imagined anew; all else comes out as it went in.
#[derive(Clone, Debug)]
pub struct Inpaint {
    source: Source,
    /// One answer for each pixel of each frame of the clip.
    masks: Vec<Vec<bool>>,
}

impl Inpaint {
    /// A region, and from when to when in seconds.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] for a region that does not fit the clip.
    pub fn new(source: Source, region: &Region, seconds: RangeInclusive<f64>) -> Result<Self, GenerationError> {
        let (size, rate) = (source.resolution(), source.frame_rate().as_f64());
        let in_time = |frame: usize| seconds.contains(&(frame as f64 / rate));
        if !(0..source.num_frames()).any(in_time) {
            let duration = source.clip().duration_secs();
            return Err(wrong(format!("no frame lies between those seconds: the clip lasts {duration} s")));
        }
        let masks = match region {
            Region::Whole => vec![vec![true; size.pixel_count()]],
            Region::Box(rectangle) => vec![in_box(*rectangle, size)?],
            Region::Mask(masks) => bright(masks, size)?,
        };
        let nowhere = vec![false; size.pixel_count()];
        let frame = |frame: usize| if in_time(frame) { &masks[frame.min(masks.len() - 1)] } else { &nowhere };
        let masks = (0..source.num_frames()).map(|index| frame(index).clone()).collect();
        Ok(Self { source, masks })
    }

    /// The region at the request's size and length; what the video is longer than the clip may be anything.
    fn mask(&self, request: &GenerationRequest) -> Vec<bool> {
        let sides = |size: Resolution| [size.width() as usize, size.height() as usize];
        let ([own_width, own_height], [width, height]) = (sides(self.source.resolution()), sides(request.resolution()));
        let nearest = |frame: &Vec<bool>| -> Vec<bool> {
            let place = |pixel: usize| (pixel / width * own_height / height, pixel % width * own_width / width);
            (0..width * height).map(place).map(|(row, column)| frame[row * own_width + column]).collect()
        };
        let mut mask: Vec<bool> = self.masks.iter().flat_map(nearest).collect();
        mask.resize(request.num_frames() * width * height, true);
        mask
    }

    /// Puts what was made into the clip.
    fn finish(&self) -> Finish {
        let (clip, masks, to_own_size) = (self.source.clip().clone(), self.masks.clone(), self.source.to_own_size());
        Box::new(move |number, frame| {
            let made = to_own_size(number, frame)?;
            let mut frame = clip.frames()[number].clone();
            let pixels = frame.rgb_mut().chunks_exact_mut(3).zip(made.rgb().chunks_exact(3));
            for ((pixel, made), _) in pixels.zip(&masks[number]).filter(|(_, masked)| **masked) {
                pixel.copy_from_slice(made);
            }
            Ok(frame)
        })
    }
}

impl Task for Inpaint {
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions {
        self.source.options(enough_frames(self.source.num_frames()), wishes)
    }

    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError> {
        Ok(Plan {
            edit: Some(Edit::inpaint(self.source.all_fitted(request)?, &self.mask(request), request)?),
            pieces: vec![Piece::Made((0..self.source.num_frames()).collect())],
            finish: self.finish(),
            is_round: false,
            resolution: self.source.resolution(),
            frame_rate: self.source.frame_rate(),
        })
    }
}

fn in_box([left, top, width, height]: [u32; 4], size: Resolution) -> Result<Vec<bool>, GenerationError> {
    let (columns, rows) = (left..left.saturating_add(width), top..top.saturating_add(height));
    if width == 0 || height == 0 || columns.end > size.width() || rows.end > size.height() {
        let found = format!("{left},{top},{width},{height}");
        return Err(wrong(format!("the box {found} does not lie inside of the clip, which is {size}")));
    }
    let inside = |pixel: u32| columns.contains(&(pixel % size.width())) && rows.contains(&(pixel / size.width()));
    Ok((0..size.width() * size.height()).map(inside).collect())
}

fn bright(masks: &Clip, size: Resolution) -> Result<Vec<Vec<bool>>, GenerationError> {
    if masks.resolution() != size {
        return Err(wrong(format!(
            "the mask is {}, but the clip {size}; they must be of one size",
            masks.resolution()
        )));
    }
    let is_bright = |pixel: &[u8]| pixel.iter().map(|value| u32::from(*value)).sum::<u32>() > 3 * 127;
    Ok(masks.frames().iter().map(|frame| frame.rgb().chunks_exact(3).map(is_bright).collect()).collect())
}
