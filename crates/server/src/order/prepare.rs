//! An order that a model can carry out.

use std::path::{Path, PathBuf};

use generation::{
    CameraPath, GenerationError, GenerationOptions, GenerationRequest, Length, Machine, Progress, VideoGenerator,
    long::{LongVideo, WindowWishes},
    storyboard::{Media, Story, StoryFile, Storyboard},
    tasks::{Animate, Assembly, Extend, Imagine, Inpaint, Passage, Plan, Region, Remix, Source, Task},
};
use video::{Fit, Frame, FrameRate, ReadLimits, Resolution, VideoError, VideoReader, read_clip};

use super::{Order, OrderTask};

/// An order that a model can carry out.
pub struct Prepared(Way);

/// How the video comes about.
enum Way {
    Once(Box<GenerationRequest>, Plan),
    Windows(Box<LongVideo>),
    Shots(Storyboard),
}

impl Prepared {
    /// Size of the pictures.
    pub fn resolution(&self) -> Resolution {
        match &self.0 {
            Way::Once(_, plan) => plan.resolution,
            Way::Windows(video) => video.resolution(),
            Way::Shots(board) => board.resolution(),
        }
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> FrameRate {
        match &self.0 {
            Way::Once(_, plan) => plan.frame_rate,
            Way::Windows(video) => video.frame_rate(),
            Way::Shots(board) => board.frame_rate(),
        }
    }

    /// Frames of the finished video.
    pub fn num_frames(&self) -> usize {
        match &self.0 {
            Way::Once(_, plan) => plan.num_frames(),
            Way::Windows(video) => video.num_frames(),
            Way::Shots(board) => board.num_frames(),
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
        }
    }

    /// Says whether a machine has the memory for it.
    ///
    /// # Errors
    /// [`GenerationError::Memory`] with what would fit.
    pub fn check_memory(&self, generator: &dyn VideoGenerator, machine: Machine) -> Result<(), GenerationError> {
        match &self.0 {
            Way::Windows(video) => generator.check_window_memory(video.window(), machine),
            _ => self.requests().into_iter().try_for_each(|request| generator.check_memory(request, machine)),
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
            Way::Once(request, plan) => {
                let latents = plan.sample(generator, request, (seed, progress))?;
                let mut assembly = Assembly::new(&plan.pieces, &plan.finish);
                generator.decode(latents, &mut |frame| assembly.add(frame, write), progress)
            }
            Way::Windows(video) => video.make((generator, seed), None, write, progress),
            Way::Shots(board) => board.make((generator, seed), write, progress),
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
        let wishes = self.wishes()?;
        if let OrderTask::Story { story, media } = &self.task {
            let given = Given { find, limits };
            return given
                .storyboard((story, media), (generator, &wishes), self.fit()?)
                .map(|board| Prepared(Way::Shots(board)));
        }
        let in_windows = self.window_seconds.is_some() || self.anti_drift.is_some();
        if self.task == OrderTask::Imagine && (in_windows || LongVideo::is_needed(generator, &wishes)?) {
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
        Ok(match &self.task {
            // A story has many.
            OrderTask::Imagine | OrderTask::Story { .. } => Box::new(Imagine),
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
                let first = source(first)?;
                let second = first.followed_by(&read_clip(&find(second), limits)?)?;
                Box::new(Passage::between(first, second, *over)?)
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

/// All that a story says in words.
///
/// # Errors
/// [`GenerationError::Story`] for what is none.
pub(crate) fn words_of(story: &str) -> Result<String, GenerationError> {
    let file = StoryFile::parse(story)?;
    let cards = file.cards.iter().filter_map(|card| card.prompt.as_deref());
    let words: Vec<&str> =
        cards.chain(file.things.values().map(String::as_str)).chain(file.prompt.as_deref()).collect();
    Ok(words.join("\n"))
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
