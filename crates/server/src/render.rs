//! A job becomes files.

use std::{collections::BTreeMap, io, path::PathBuf};

use generation::{GenerationError, Progress, VideoGenerator};
use tempfile::TempDir;
use video::{Clip, Frame, ReadLimits, VideoError, VideoWriter, contact_sheet, write_clip};

use crate::{
    PromptPolicy, Refusal, Unfit,
    files::{Files, Local, Variant},
    jobs::Job,
};

/// Pictures along each side of the sheet.
const SHEET_SIDE: usize = 4;

/// Makes a job's video, thumbnail and sheet in a folder of this machine, by the names that they are to have.
///
/// # Errors
/// [`GenerationError::Interrupted`] when `progress` wants to stop, and whatever goes wrong on the way.
pub(crate) fn render(
    generator: &dyn VideoGenerator,
    job: &Job,
    (files, limits, policy): (&Files, &ReadLimits, &dyn PromptPolicy),
    progress: &mut dyn Progress,
) -> Result<TempDir, GenerationError> {
    let folder = files.scratch_folder().map_err(|error| kept(job, error))?;
    let place = |variant: Variant| folder.path().join(variant.file_name(job.attempt));
    let inputs = job.order.task.inputs().into_iter().map(|name| Ok((name, files.bring(&job.id, name)?)));
    let inputs: BTreeMap<&str, Local> = inputs.collect::<io::Result<_>>().map_err(|error| kept(job, error))?;
    let find = |name: &str| inputs.get(name).map_or_else(PathBuf::new, |input| input.to_path_buf());
    let prepared = job.order.prepare(generator, &find, limits)?;
    let (resolution, frame_rate) = (prepared.resolution(), prepared.frame_rate());
    // A place that cannot be written to is better known before the work than after.
    let mut writer = VideoWriter::create(&place(Variant::Video), resolution, frame_rate)?;
    let frames = prepared.num_frames();
    let shown = evenly_spaced(frames);
    let mut pictures: Vec<Frame> = Vec::with_capacity(shown.len());
    let mut write = |frame: Frame| {
        let number = writer.frame_count();
        policy.check_finished(&frame, (number, frames)).map_err(refused)?;
        writer.write(&frame)?;
        if shown.contains(&number) {
            pictures.push(frame);
        }
        Ok(())
    };
    prepared.make((generator, job.order.seed), &mut write, progress)?;
    writer.finish()?;
    let still = |picture: Frame, variant| write_clip(&Clip::new(vec![picture], frame_rate)?, &place(variant));
    let rows = pictures.chunks(SHEET_SIDE).map(|row| Clip::new(row.to_vec(), frame_rate));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    still(contact_sheet(&rows.iter().collect::<Vec<_>>(), SHEET_SIDE)?, Variant::Spritesheet)?;
    still(pictures.swap_remove(pictures.len() / 2), Variant::Thumbnail)?;
    Ok(folder)
}

/// Puts what was made where it is kept.
///
/// # Errors
/// [`GenerationError::Video`] when it cannot be kept.
pub(crate) fn publish(files: &Files, job: &Job, made: &TempDir) -> Result<(), GenerationError> {
    Variant::ALL.into_iter().try_for_each(|variant| {
        let name = variant.file_name(job.attempt);
        files.keep(&job.id, &name, &made.path().join(&name)).map_err(|error| kept(job, error).into())
    })
}

/// What is said of a file that cannot be kept or found.
fn kept(job: &Job, source: io::Error) -> VideoError {
    let hint = "check the disk of the server, or the bucket".to_owned();
    VideoError::Write { path: PathBuf::from(job.id.as_str()), hint, source }
}

/// A finished video that must not be kept.
fn refused(unfit: Unfit) -> VideoError {
    let message = match unfit {
        Unfit::Refused(Refusal { category, rule, explanation }) => {
            tracing::warn!(category, rule, "a finished video was refused");
            explanation
        }
        Unfit::Unreadable(problem) | Unfit::Unknown(problem) => {
            tracing::error!(error = problem, "a finished video could not be judged");
            "the finished video could not be judged, and none is kept unjudged".to_owned()
        }
    };
    VideoError::Refused { message }
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
