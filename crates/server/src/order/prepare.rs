//! An order that a model can carry out.

use std::path::{Path, PathBuf};

use generation::{
    CameraPath, GenerationError, GenerationOptions, GenerationRequest, Length, Machine, Phase, Progress,
    VideoGenerator,
    long::{LongVideo, WindowWishes},
    storyboard::{CardFile, Media, Story, StoryFile, Storyboard, words},
    tasks::{Animate, Extend, Imagine, Inpaint, Mix, Passage, Plan, Region, Remix, Source, Task},
};
use video::{Clip, Fit, Frame, FrameRate, ReadLimits, Resolution, VideoError, VideoReader, read_clip};

use super::{Order, OrderTask};

/// Frames that pass before whoever waits for a clip that is only cut hears of it.
const FRAMES_PER_REPORT: usize = 16;

/// An order that a model can carry out.
pub struct Prepared(Way);

/// How the video comes about.
enum Way {
    Once(Box<GenerationRequest>, Plan),
    Windows(Box<LongVideo>),
    Shots(Storyboard),
    /// Nothing is made.
    Cut(Clip),
}

impl Prepared {
    /// The part of a clip between two times, both included.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] when nothing lies between them.
    fn cut(clip: Clip, from: f64, to: Option<f64>) -> Result<Self, GenerationError> {
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
        Ok(Self(Way::Cut(Clip::new(frames, frame_rate)?)))
    }

    /// Size of the pictures.
    pub fn resolution(&self) -> Resolution {
        match &self.0 {
            Way::Once(_, plan) => plan.resolution,
            Way::Windows(video) => video.resolution(),
            Way::Shots(board) => board.resolution(),
            Way::Cut(clip) => clip.resolution(),
        }
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> FrameRate {
        match &self.0 {
            Way::Once(_, plan) => plan.frame_rate,
            Way::Windows(video) => video.frame_rate(),
            Way::Shots(board) => board.frame_rate(),
            Way::Cut(clip) => clip.frame_rate(),
        }
    }

    /// Frames of the finished video.
    pub fn num_frames(&self) -> usize {
        match &self.0 {
            Way::Once(_, plan) => plan.num_frames(),
            Way::Windows(video) => video.num_frames(),
            Way::Shots(board) => board.num_frames(),
            Way::Cut(clip) => clip.frames().len(),
        }
    }

    /// Length from the first frame to the last, as the API says it.
    pub fn seconds(&self) -> String {
        let frames = self.num_frames().saturating_sub(1);
        let text = format!("{:.3}", frames as f64 * self.frame_rate().frame_duration_secs());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// What is asked of the model, one after another.
    pub fn requests(&self) -> Vec<&GenerationRequest> {
        match &self.0 {
            Way::Once(request, _) => vec![request],
            Way::Windows(video) => vec![video.window()],
            Way::Shots(board) => board.requests().collect(),
            Way::Cut(_) => Vec::new(),
        }
    }

    /// Says whether a machine has the memory for it.
    ///
    /// # Errors
    /// [`GenerationError::Memory`] with what would fit.
    pub fn check_memory(&self, generator: &dyn VideoGenerator, machine: Machine) -> Result<(), GenerationError> {
        match &self.0 {
            Way::Windows(video) => generator.check_window_memory(video.window(), machine),
            Way::Once(request, plan) => generator.check_memory((request, plan.edit.is_some()), machine),
            // Any shot but the first may go on from frames of others.
            Way::Shots(board) => {
                board.requests().try_for_each(|request| generator.check_memory((request, true), machine))
            }
            Way::Cut(_) => Ok(()),
        }
    }

    /// Makes the video and hands over its frames.
    ///
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` wants to stop, and whatever goes wrong on the way.
    pub fn make(
        &self,
        (generator, seed): (&dyn VideoGenerator, u64),
        write: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        match &self.0 {
            Way::Once(request, plan) => plan.make((generator, request), (seed, progress), write),
            Way::Windows(video) => video.make((generator, seed), None, write, progress),
            Way::Shots(board) => board.make((generator, seed), write, progress),
            Way::Cut(clip) => pass_on(clip, write, progress),
        }
    }
}

impl Order {
    /// Reads what is given and checks everything, with files at the places that `find` says.
    ///
    /// # Errors
    /// [`GenerationError`] that says what cannot be met, and what would work.
    pub fn prepare(
        &self,
        generator: &dyn VideoGenerator,
        find: &dyn Fn(&str) -> PathBuf,
        limits: &ReadLimits,
    ) -> Result<Prepared, GenerationError> {
        if let OrderTask::Recut { clip, from, to } = &self.task {
            return Prepared::cut(read_clip(&find(clip), limits)?, *from, *to);
        }
        let wishes = self.wishes()?;
        if let OrderTask::Story { story, media } = &self.task {
            let given = Given { find, limits };
            return given
                .storyboard((story, media), (generator, &wishes), self.fit()?)
                .map(|board| Prepared(Way::Shots(board)));
        }
        let in_windows = self.window_seconds.is_some() || self.anti_drift.is_some();
        if self.task == OrderTask::Imagine && (in_windows || LongVideo::is_advised(generator, &wishes)?) {
            let windows = WindowWishes { seconds: self.window_seconds, anti_drift: self.anti_drift };
            return Ok(Prepared(Way::Windows(Box::new(LongVideo::new(generator, wishes, windows)?))));
        }
        let task = self.task(find, limits)?;
        let request = generator.request(task.options(wishes))?;
        let plan = task.plan(&request)?;
        Ok(Prepared(Way::Once(Box::new(request), plan)))
    }

    fn wishes(&self) -> Result<GenerationOptions, GenerationError> {
        let length = self.num_frames.map(Length::Frames).or(self.seconds.map(Length::Seconds));
        Ok(GenerationOptions {
            negative_prompt: self.negative_prompt.clone(),
            size: self.size,
            length,
            frame_rate: self.frame_rate()?,
            num_inference_steps: self.num_inference_steps,
            guidance_scale: self.guidance_scale,
            guidance_interval: self.guidance_interval,
            outline_strength: self.outline_strength,
            sampler: self.sampler.as_deref().map(str::parse).transpose()?,
            camera: self.camera.as_deref().map(camera).transpose()?,
            motions: self.motions.iter().map(|motion| motion.parse()).collect::<Result<_, _>>()?,
            is_ring: self.is_ring,
            ..GenerationOptions::new(self.prompt.clone())
        })
    }

    fn frame_rate(&self) -> Result<Option<FrameRate>, VideoError> {
        self.frame_rate.map(|[num, den]| FrameRate::new(num, den)).transpose()
    }

    fn fit(&self) -> Result<Option<Fit>, VideoError> {
        self.fit.as_deref().map(str::parse).transpose()
    }

    fn task(&self, find: &dyn Fn(&str) -> PathBuf, limits: &ReadLimits) -> Result<Box<dyn Task>, GenerationError> {
        let fit = self.fit()?;
        let source = |name: &str| -> Result<Source, GenerationError> {
            Ok(Source::new(read_clip(&find(name), limits)?, self.size, fit))
        };
        let two = |first: &str, second: &str| {
            let first = source(first)?;
            let second = first.followed_by(&read_clip(&find(second), limits)?)?;
            Ok::<_, GenerationError>((first, second))
        };
        Ok(match &self.task {
            // A story has many, a cut none.
            OrderTask::Imagine | OrderTask::Story { .. } | OrderTask::Recut { .. } => Box::new(Imagine),
            OrderTask::Animate { picture, at } => {
                Box::new(Animate::new(first_frame(&find(picture), limits)?, *at, fit)?)
            }
            OrderTask::Remix { clip, strength } => Box::new(Remix::new(source(clip)?, *strength)?),
            OrderTask::Inpaint { clip, mask, rectangle, from, to } => {
                let region = match (mask, rectangle) {
                    (Some(mask), _) => Region::Mask(read_clip(&find(mask), limits)?),
                    (None, Some(rectangle)) => Region::Box(*rectangle),
                    (None, None) => Region::Whole,
                };
                Box::new(Inpaint::new(source(clip)?, &region, *from..=to.unwrap_or(f64::INFINITY))?)
            }
            OrderTask::Extend { clip, backward, forward } => {
                Box::new(Extend::new(source(clip)?, [*backward, *forward], self.frame_rate()?)?)
            }
            OrderTask::Loop { clip, over } => Box::new(Passage::back(source(clip)?, *over)?),
            OrderTask::Blend { first, second, over } => {
                let (first, second) = two(first, second)?;
                Box::new(Passage::between(first, second, *over)?)
            }
            OrderTask::Mix { first, second, over, strength } => {
                let (first, second) = two(first, second)?;
                Box::new(Mix::new(first, second, (*over, *strength))?)
            }
        })
    }
}

/// Files that came with an order.
struct Given<'a> {
    find: &'a dyn Fn(&str) -> PathBuf,
    limits: &'a ReadLimits,
}

impl Given<'_> {
    /// A story, whose names for its files lead to those that came with it and nowhere else.
    fn storyboard(
        &self,
        (story, media): (&str, &[String]),
        (generator, wishes): (&dyn VideoGenerator, &GenerationOptions),
        fit: Option<Fit>,
    ) -> Result<Storyboard, GenerationError> {
        let file = StoryFile::parse(story)?;
        let named = file.media();
        if named.len() != media.len() {
            let problem = format!("names {} pictures and clips, but {} came with it", named.len(), media.len());
            return Err(GenerationError::Story { problem });
        }
        let read = |((card, path), name): (&(String, &Path), &String)| {
            let clip = read_clip(&(self.find)(name), self.limits);
            let clip = clip.map_err(|error| GenerationError::Story { problem: format!("{card}: {error}") })?;
            Ok((path.to_path_buf(), clip))
        };
        let media = named.iter().zip(media).map(read).collect::<Result<Media, GenerationError>>()?;
        let story = Story::new(&file, &media, FrameRate::new(generator.abilities().frame_rate, 1)?)?;
        let wishes = GenerationOptions { prompt: String::new(), ..wishes.clone() };
        Storyboard::new(&story, (generator, &wishes), fit)
    }
}

/// What a story's shots say, one after another.
///
/// # Errors
/// [`GenerationError::Story`] for what is none, and for a card that says nothing.
pub(crate) fn words_of(story: &str) -> Result<String, GenerationError> {
    let file = StoryFile::parse(story)?;
    let said = |(index, card): (usize, &CardFile)| match (&card.prompt, &card.clip) {
        // A clip may come as it is.
        (None, Some(_)) => None,
        (own, _) => Some(
            words::prompt(own.as_deref(), file.prompt.as_deref(), &file.things)
                .map_err(|problem| GenerationError::Story { problem: format!("{} {problem}", card.label(index)) }),
        ),
    };
    let said: Vec<String> = file.cards.iter().enumerate().filter_map(said).collect::<Result<_, _>>()?;
    Ok(said.join(" / "))
}

/// The files that a story names.
///
/// # Errors
/// [`GenerationError::Story`] for what is none.
pub(crate) fn count_media(story: &str) -> Result<usize, GenerationError> {
    Ok(StoryFile::parse(story)?.media().len())
}

/// A path in words, or as lines of six numbers.
fn camera(text: &str) -> Result<CameraPath, GenerationError> {
    text.parse().or_else(|error| CameraPath::parse_poses(text).map_err(|_| error))
}

fn first_frame(path: &Path, limits: &ReadLimits) -> Result<Frame, VideoError> {
    VideoReader::open(path, limits)?.next().unwrap_or(Err(VideoError::NoFrames))
}

fn pass_on(
    clip: &Clip,
    write: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
    progress: &mut dyn Progress,
) -> Result<(), GenerationError> {
    let total = clip.frames().len();
    for (index, frame) in clip.frames().iter().enumerate() {
        if index.is_multiple_of(FRAMES_PER_REPORT) && progress.report(Phase::Decoding, index, total).is_break() {
            return Err(GenerationError::Interrupted);
        }
        write(frame.clone())?;
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
            let Way::Cut(cut) = prepared.0 else { panic!("a cut") };
            let found: Vec<u8> = cut.frames().iter().map(|frame| frame.rgb()[0]).collect();
            assert_eq!(found, frames.collect::<Vec<_>>());
        }
        for (from, to) in [(3.0, None), (1.0, Some(0.5)), (f64::NAN, None), (0.0, Some(f64::NAN))] {
            assert!(Prepared::cut(clip(17), from, to).is_err(), "{from} {to:?}");
        }
    }
}
