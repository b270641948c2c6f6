//! Joints, where made frames meet given ones or a window the one before: steps there that nothing moving explains are
//! spread over the frames around.
//!
//! Each latent frame is imagined as a whole, and its frames agree with each other better than with the next ones, least of
//! all where parts meet. As deblocking filters of video codecs do in space (H.264, section 8.7), the latent frames on both
//! sides of a joint are led towards each other, by no more than what the joint changes beyond the pace around it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`Joints`] | a stream of frames whose parts are joined |
//! | `step` | the change at a joint that is too much, place by place |

mod step;

use std::collections::VecDeque;

use models::autoencoder::TEMPORAL_FACTOR;
use step::Step;
use video::{Frame, VideoError};

/// Given frames that tell the pace on their side of a joint.
const SHOWN: usize = 4;

/// Where a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It came as it is, and stays so.
    Given,
    /// It was made.
    Made {
        /// The part of the video that was made at once.
        part: usize,
        /// The latent frame, counted over all parts.
        latent_frame: usize,
    },
}

impl Origin {
    /// That of a frame by its number among those of a video, or of what a part makes.
    pub(crate) const fn made(part: usize, frame: usize) -> Self {
        Self::Made { part, latent_frame: frame.div_ceil(TEMPORAL_FACTOR) }
    }

    /// Whether frames of the two were made, or given, as one.
    fn is_one_with(self, other: Self) -> bool {
        let part = |origin| match origin {
            Self::Given => None,
            Self::Made { part, .. } => Some(part),
        };
        part(self) == part(other)
    }
}

/// Frames on their way to somebody, in order. Only those of the last two latent frames are kept.
#[derive(Debug, Default)]
pub(crate) struct Joints {
    /// A whole group whose end is not joined yet.
    whole: Option<Group>,
    /// The group that frames are added to.
    open: Option<Group>,
}

/// Frames of one origin in a row; of given ones the last few.
#[derive(Debug)]
struct Group {
    origin: Origin,
    frames: VecDeque<Frame>,
    /// What is still to be added at its first frame, and ever less of it behind that.
    start: Option<Step>,
}

/// What takes the finished frames.
type Sink<'a> = &'a mut dyn FnMut(Frame) -> Result<(), VideoError>;

impl Joints {
    /// Takes the next frame, and writes those that are joined by now.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) fn add(&mut self, (origin, frame): (Origin, Frame), write: Sink<'_>) -> Result<(), VideoError> {
        if self.open.as_ref().is_some_and(|open| open.origin != origin) {
            self.join(write)?;
            self.whole = self.open.take();
        }
        let open = self.open.get_or_insert_with(|| Group { origin, frames: VecDeque::new(), start: None });
        open.frames.push_back(frame);
        if origin == Origin::Given && open.frames.len() > SHOWN {
            self.join(write)?;
            if let Some(oldest) = self.open.as_mut().and_then(|open| open.frames.pop_front()) {
                write(oldest)?;
            }
        }
        Ok(())
    }

    /// Writes what is left. `following` are the frames that come next where the video plays round, and none where it ends.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) fn finish(mut self, following: &[Frame], write: Sink<'_>) -> Result<(), VideoError> {
        self.join(write)?;
        self.whole = self.open.take();
        if !following.is_empty() {
            let frames = following.iter().take(SHOWN).cloned().collect();
            self.open = Some(Group { origin: Origin::Given, frames, start: None });
            return self.join(write);
        }
        self.whole.take().map_or(Ok(()), |group| group.write(None, write))
    }

    /// Joins the end of the whole group, if there is one, to the open one, and writes it.
    fn join(&mut self, write: Sink<'_>) -> Result<(), VideoError> {
        let Some(mut whole) = self.whole.take() else { return Ok(()) };
        let Some(open) = &mut self.open else { return whole.write(None, write) };
        if whole.origin.is_one_with(open.origin) || whole.is_still() || open.is_still() {
            return whole.write(None, write);
        }
        let is_given = [&whole, &*open].map(|group| group.origin == Origin::Given);
        let step = Step::between(whole.frames.make_contiguous(), open.frames.make_contiguous());
        let Some(step) = step else { return whole.write(None, write) };
        // What was given stays, and leaves the whole way to the other.
        let [before, behind] = match is_given {
            [true, _] => [None, Some(-1.0)],
            [_, true] => [Some(1.0), None],
            _ => [Some(0.5), Some(-0.5)],
        };
        let part = |share: Option<f32>| share.map(|share| step.times(share));
        open.start = part(behind);
        whole.write(part(before), write)
    }
}

impl Group {
    /// Whether it is the lone frame that a model begins with, whose pace nobody knows.
    fn is_still(&self) -> bool {
        self.origin != Origin::Given && self.frames.len() < 2
    }

    /// Writes its frames; `end` is added at its last frame, and ever less of it before that.
    fn write(self, end: Option<Step>, write: Sink<'_>) -> Result<(), VideoError> {
        if self.start.is_none() && end.is_none() {
            return self.frames.into_iter().try_for_each(write);
        }
        let last = (self.frames.len() - 1) as f32;
        for (index, mut frame) in self.frames.into_iter().enumerate() {
            let share = index as f32 / last;
            step::add(&mut frame, &[(self.start.as_ref(), 1.0 - share), (end.as_ref(), share)]);
            write(frame)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    fn frame(value: u8) -> Frame {
        Frame::filled(Resolution::new(16, 16).unwrap(), [value; 3])
    }

    /// What becomes of grey frames.
    fn joined(frames: &[(Origin, u8)], following: &[u8]) -> Vec<u8> {
        let (mut joints, mut written) = (Joints::default(), Vec::new());
        let mut write = |frame: Frame| {
            written.push(frame.rgb()[0]);
            Ok(())
        };
        frames.iter().for_each(|(origin, value)| joints.add((*origin, frame(*value)), &mut write).unwrap());
        let following: Vec<Frame> = following.iter().copied().map(frame).collect();
        joints.finish(&following, &mut write).unwrap();
        written
    }

    fn made(part: usize, latent_frame: usize) -> Origin {
        Origin::Made { part, latent_frame }
    }

    fn group(origin: Origin, values: [u8; 4]) -> [(Origin, u8); 4] {
        values.map(|value| (origin, value))
    }

    #[test]
    fn a_step_between_parts_that_were_made_is_shared_by_both_sides() {
        let frames = |part| [group(made(0, 3), [100; 4]), group(made(part, 4), [160; 4])].concat();
        assert_eq!(joined(&frames(1), &[]), [100, 110, 120, 130, 130, 140, 150, 160]);
        // What was made at once stays as it was made.
        assert_eq!(joined(&frames(0), &[]), [100, 100, 100, 100, 160, 160, 160, 160]);
    }

    #[test]
    fn given_frames_stay_and_what_was_made_meets_them() {
        let given = [(Origin::Given, 100); 6];
        let frames = [&given[..], &group(made(0, 9), [160; 4]), &group(Origin::Given, [40; 4])].concat();
        let expected = [100, 100, 100, 100, 100, 100, 100, 80, 60, 40, 40, 40, 40, 40];
        assert_eq!(joined(&frames, &[]), expected);
    }

    #[test]
    fn an_even_pace_is_left_alone() {
        let values: Vec<u8> = (0..16).map(|index| 10 * index).collect();
        let origins = [Origin::Given, made(0, 1), made(1, 2), Origin::Given];
        let frames: Vec<(Origin, u8)> =
            values.iter().enumerate().map(|(index, value)| (origins[index / 4], *value)).collect();
        assert_eq!(joined(&frames, &[]), values);
    }

    #[test]
    fn the_lone_frame_that_a_model_begins_with_is_left_alone() {
        let frames = [&[(made(0, 0), 100)][..], &group(Origin::Given, [130; 4])].concat();
        assert_eq!(joined(&frames, &[]), [100, 130, 130, 130, 130]);
    }

    #[test]
    fn a_still_that_was_given_is_met() {
        let still = |value| [(Origin::Given, value)];
        let frames = [&still(100)[..], &group(made(0, 1), [130; 4]), &still(160)].concat();
        assert_eq!(joined(&frames, &[]), [100, 100, 120, 140, 160, 160]);
    }

    #[test]
    fn a_video_that_plays_round_meets_its_beginning() {
        let frames = [group(Origin::Given, [100; 4]), group(made(0, 1), [100; 4])].concat();
        assert_eq!(joined(&frames, &[]), [100; 8]);
        assert_eq!(joined(&frames, &[160; 4])[4..], [100, 120, 140, 160]);
    }
}
