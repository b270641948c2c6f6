//! An order that a model can carry out, and how it is carried out.

use generation::{
    GenerationError, GenerationRequest, Machine, Phase, Progress, VideoGenerator,
    long::LongVideo,
    storyboard::Storyboard,
    tasks::{Assembly, Plan},
};
use video::{Clip, Frame, FrameRate, Resolution, VideoError};

/// Frames that pass before whoever waits for a clip that is only cut hears of it.
const FRAMES_PER_REPORT: usize = 16;

/// An order that a model can carry out.
pub struct Prepared(Work);

/// What there is to do.
enum Work {
    /// All at once, around what is given.
    AtOnce(Box<GenerationRequest>, Plan),
    /// Window after window.
    Long(Box<LongVideo>),
    /// Shot after shot.
    Story(Storyboard),
    /// Nothing is made.
    Cut(Clip),
}

impl Prepared {
    pub(crate) fn at_once(request: GenerationRequest, plan: Plan) -> Self {
        Self(Work::AtOnce(Box::new(request), plan))
    }

    pub(crate) fn long(video: LongVideo) -> Self {
        Self(Work::Long(Box::new(video)))
    }

    pub(crate) const fn story(story: Storyboard) -> Self {
        Self(Work::Story(story))
    }

    /// The part of a clip between two times, both included.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] when nothing lies between them.
    pub(crate) fn cut(clip: Clip, from: f64, to: Option<f64>) -> Result<Self, GenerationError> {
        let (frame_rate, duration) = (clip.frame_rate(), clip.duration_secs());
        let number = |seconds: f64| (seconds * frame_rate.as_f64()).round();
        let wanted = number(from)..=number(to.unwrap_or(f64::INFINITY));
        let numbered = clip.into_frames().into_iter().enumerate();
        let frames: Vec<Frame> =
            numbered.filter(|(index, _)| wanted.contains(&(*index as f64))).map(|(_, frame)| frame).collect();
        if frames.is_empty() {
            let problem = format!("nothing of the video lies between these times: it lasts {duration:.2} s");
            return Err(GenerationError::Edit { problem });
        }
        Ok(Self(Work::Cut(Clip::new(frames, frame_rate)?)))
    }

    /// What is asked of the model, one after another.
    pub fn requests(&self) -> Vec<&GenerationRequest> {
        match &self.0 {
            Work::AtOnce(request, _) => vec![request],
            Work::Long(video) => vec![video.window()],
            Work::Story(story) => story.requests().collect(),
            Work::Cut(_) => Vec::new(),
        }
    }

    /// Whether a machine has the memory for it.
    ///
    /// # Errors
    /// [`GenerationError::Memory`].
    pub fn check_memory(&self, generator: &dyn VideoGenerator, machine: Machine) -> Result<(), GenerationError> {
        match &self.0 {
            Work::Long(video) => generator.check_window_memory(video.window(), machine),
            _ => self.requests().into_iter().try_for_each(|request| generator.check_memory(request, machine)),
        }
    }

    /// Size of the pictures.
    pub fn resolution(&self) -> Resolution {
        match &self.0 {
            Work::AtOnce(_, plan) => plan.resolution,
            Work::Long(video) => video.resolution(),
            Work::Story(story) => story.resolution(),
            Work::Cut(clip) => clip.resolution(),
        }
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> FrameRate {
        match &self.0 {
            Work::AtOnce(_, plan) => plan.frame_rate,
            Work::Long(video) => video.frame_rate(),
            Work::Story(story) => story.frame_rate(),
            Work::Cut(clip) => clip.frame_rate(),
        }
    }

    /// Frames of the finished video.
    pub fn num_frames(&self) -> usize {
        match &self.0 {
            Work::AtOnce(_, plan) => plan.num_frames(),
            Work::Long(video) => video.num_frames(),
            Work::Story(story) => story.num_frames(),
            Work::Cut(clip) => clip.frames().len(),
        }
    }

    /// Length from the first frame to the last, as the API says it.
    pub fn seconds(&self) -> String {
        let frames = self.num_frames().saturating_sub(1);
        let seconds = format!("{:.3}", frames as f64 * self.frame_rate().frame_duration_secs());
        seconds.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Makes the video and hands over each frame as soon as it is there.
    ///
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` wants to stop, and whatever goes wrong on the way.
    pub fn make(
        self,
        (generator, seed): (&dyn VideoGenerator, u64),
        write: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        match self.0 {
            Work::AtOnce(request, plan) => {
                let latents = plan.sample(generator, &request, (seed, progress))?;
                let mut assembly = Assembly::new(&plan.pieces, &plan.finish);
                generator.decode(latents, &mut |frame| assembly.add(frame, write), progress)
            }
            Work::Long(video) => video.make((generator, seed), None, write, progress),
            Work::Story(story) => story.make((generator, seed), write, progress),
            Work::Cut(clip) => pass_on(clip, write, progress),
        }
    }
}

fn pass_on(
    clip: Clip,
    write: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
    progress: &mut dyn Progress,
) -> Result<(), GenerationError> {
    let total = clip.frames().len();
    for (index, frame) in clip.into_frames().into_iter().enumerate() {
        if index.is_multiple_of(FRAMES_PER_REPORT) && progress.report(Phase::Decoding, index, total).is_break() {
            return Err(GenerationError::Interrupted);
        }
        write(frame)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(frames: u8) -> Clip {
        let frame = |number| Frame::filled(Resolution::new(32, 32).unwrap(), [number; 3]);
        Clip::new((0..frames).map(frame).collect(), FrameRate::new(8, 1).unwrap()).unwrap()
    }

    #[test]
    fn a_cut_keeps_both_ends() {
        for (from, to, frames, seconds) in
            [(0.0, None, 0..=16, "2"), (0.25, Some(1.0), 2..=8, "0.75"), (1.9, Some(99.0), 15..=16, "0.125")]
        {
            let prepared = Prepared::cut(clip(17), from, to).unwrap();
            assert_eq!(prepared.seconds(), seconds);
            let Work::Cut(cut) = prepared.0 else { panic!("a cut") };
            let found: Vec<u8> = cut.frames().iter().map(|frame| frame.rgb()[0]).collect();
            assert_eq!(found, frames.collect::<Vec<_>>());
        }
        for (from, to) in [(3.0, None), (1.0, Some(0.5)), (f64::NAN, None), (0.0, Some(f64::NAN))] {
            assert!(Prepared::cut(clip(17), from, to).is_err(), "{from} {to:?}");
        }
    }
}
