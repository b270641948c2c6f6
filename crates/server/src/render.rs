//! A job becomes files.

use generation::{GenerationError, Progress, VideoGenerator, tasks::Assembly};
use video::{Clip, Frame, ReadLimits, VideoError, VideoWriter, contact_sheet, write_clip};

use crate::{
    files::{Files, Variant},
    jobs::Job,
};

/// Pictures along each side of the sheet.
const SHEET_SIDE: usize = 4;

/// Makes a job's video, thumbnail and sheet, and puts them on the disk under the number of this attempt.
///
/// # Errors
/// [`GenerationError::Interrupted`] when `progress` wants to stop, and whatever goes wrong on the way.
pub(crate) fn render(
    generator: &dyn VideoGenerator,
    job: &Job,
    (files, limits): (&Files, &ReadLimits),
    progress: &mut dyn Progress,
) -> Result<(), GenerationError> {
    let place = |variant: Variant| files.path(&job.id, &variant.file_name(job.attempt));
    let video = place(Variant::Video);
    let disk = |source| {
        let hint = "check the disk of the server".to_owned();
        VideoError::Write { path: video.clone(), hint, source }
    };
    files.clear(&job.id).map_err(disk)?;
    let prepared = job.order.prepare(generator, &|name| files.path(&job.id, name), limits)?;
    let plan = &prepared.plan;
    // A place that cannot be written to is better known before the work than after.
    let mut writer = VideoWriter::create(&video, plan.resolution, plan.frame_rate)?;
    let latents = plan.sample(generator, &prepared.request, (job.order.seed, progress))?;
    let shown = evenly_spaced(plan.num_frames());
    let mut pictures: Vec<Frame> = Vec::with_capacity(shown.len());
    let mut write = |frame: Frame| {
        let number = writer.frame_count();
        writer.write(&frame)?;
        if shown.contains(&number) {
            pictures.push(frame);
        }
        Ok(())
    };
    let mut assembly = Assembly::new(&plan.pieces, &plan.finish);
    generator.decode(latents, &mut |frame| assembly.add(frame, &mut write), progress)?;
    writer.finish()?;
    let still = |picture: Frame, variant| write_clip(&Clip::new(vec![picture], plan.frame_rate)?, &place(variant));
    let rows = pictures.chunks(SHEET_SIDE).map(|row| Clip::new(row.to_vec(), plan.frame_rate));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    still(contact_sheet(&rows.iter().collect::<Vec<_>>(), SHEET_SIDE)?, Variant::Spritesheet)?;
    still(pictures.swap_remove(pictures.len() / 2), Variant::Thumbnail)?;
    files.settle(&job.id).map_err(disk)?;
    Ok(())
}

/// Numbers of frames from the first to the last.
fn evenly_spaced(frames: usize) -> Vec<usize> {
    let count = frames.min(SHEET_SIDE * SHEET_SIDE);
    (0..count).map(|index| index * (frames - 1) / (count - 1).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheet_has_the_first_frame_and_the_last() {
        assert_eq!(evenly_spaced(1), [0]);
        assert_eq!(evenly_spaced(5), [0, 1, 2, 3, 4]);
        let many = evenly_spaced(97);
        assert_eq!((many.len(), many[0], many[15]), (16, 0, 96));
    }
}
