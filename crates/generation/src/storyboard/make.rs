//! One shot after another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use burn::tensor::Tensor;
use video::{Frame, VideoError};

use super::{
    Shot, Storyboard,
    cards::KeyPicture,
    shots::{CONTEXT_FRAMES, MadeShot},
    wrong,
};
use crate::{
    Edit, GenerationError, Progress, VideoGenerator,
    joints::{Joints, Origin},
    long::part_seed,
};

impl Storyboard {
    /// Makes the video and hands over each frame as soon as it is there, in memory that does not grow with its length.
    ///
    /// The same story, seed and kind of machine give the same frames.
    ///
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` or `sink` wants to stop, and whatever goes wrong on the way.
    pub fn make(
        &self,
        (generator, seed): (&dyn VideoGenerator, u64),
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        let mut told = Told { referenced: self.referenced(), ..Told::default() };
        // Where a card goes on from another, their frames are led to each other; a cut stays one.
        let (mut joints, mut leads_on) = (Joints::default(), false);
        for (index, shot) in self.shots.iter().enumerate() {
            progress.part(index, self.shots.len());
            if !(leads_on || shot.goes_on()) {
                std::mem::take(&mut joints).finish(&[], sink)?;
            }
            leads_on = shot.leads_on();
            match shot {
                Shot::Given(frames) => frames.iter().try_for_each(|frame| {
                    told.add(frame.clone(), &mut |frame| joints.add((Origin::Given, frame), sink))
                })?,
                Shot::Made(shot) => {
                    let latents = shot.sample(generator, &told, (part_seed(seed, index), progress))?;
                    let (mut number, mut taken) = (0, shot.taken.iter().peekable());
                    let mut add = |frame| {
                        let is_taken = taken.next_if_eq(&&number).is_some();
                        let origin = Origin::made(index, number);
                        number += 1;
                        if !is_taken {
                            return Ok(());
                        }
                        told.add(frame, &mut |frame| joints.add((origin, frame), sink))
                    };
                    generator.decode(latents, &mut add, progress)?;
                }
            }
        }
        Ok(joints.finish(&[], sink)?)
    }
}

impl Shot {
    /// Whether it was made to go on from the card before.
    fn goes_on(&self) -> bool {
        matches!(self, Self::Made(shot) if shot.before > 0)
    }

    /// Whether it was made to lead to the card that follows.
    fn leads_on(&self) -> bool {
        matches!(self, Self::Made(shot) if !shot.after.1.is_empty())
    }
}

impl MadeShot {
    fn sample(
        &self,
        generator: &dyn VideoGenerator,
        told: &Told,
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Tensor<5>, GenerationError> {
        let mut given: Vec<(usize, Frame)> = told.last(self.before).cloned().enumerate().collect();
        if let Some((places, picture)) = &self.key {
            let picture = match picture {
                KeyPicture::Given(frame) => frame,
                KeyPicture::OfStory(frame) => told.frame(*frame)?,
            };
            given.extend(places.iter().map(|place| (*place, picture.clone())));
        }
        let (begins, frames) = &self.after;
        given.extend(frames.iter().enumerate().map(|(index, frame)| (begins + index, frame.clone())));
        if given.is_empty() {
            return generator.sample_latents(&self.request, seed, progress);
        }
        generator.sample_edit(&self.request, &Edit::keep(&given, &self.request)?, seed, progress)
    }
}

/// What was told so far, as far as it is needed again.
#[derive(Default)]
struct Told {
    num_frames: usize,
    recent: VecDeque<Frame>,
    /// Numbers of frames that are taken up again.
    referenced: BTreeSet<usize>,
    kept: BTreeMap<usize, Frame>,
}

impl Told {
    fn add(&mut self, frame: Frame, sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>) -> Result<(), VideoError> {
        if self.referenced.contains(&self.num_frames) {
            self.kept.insert(self.num_frames, frame.clone());
        }
        self.num_frames += 1;
        if self.recent.len() == CONTEXT_FRAMES {
            self.recent.pop_front();
        }
        self.recent.push_back(frame.clone());
        sink(frame)
    }

    fn last(&self, count: usize) -> impl Iterator<Item = &Frame> {
        self.recent.iter().skip(self.recent.len().saturating_sub(count))
    }

    fn frame(&self, number: usize) -> Result<&Frame, GenerationError> {
        self.kept.get(&number).ok_or_else(|| wrong(format!("frame {number} is taken up before it is told")))
    }
}
