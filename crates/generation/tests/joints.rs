//! Joints of passages, stories and windows, with a model that makes one grey after another: what is seen of a step.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::cell::Cell;

use burn::tensor::{Device, Tensor};
use generation::{
    Abilities, Edit, FrameStream, GenerationError, GenerationOptions, GenerationRequest, Generator, Length, Progress,
    Silent, VideoGenerator,
    long::{Carried, LongVideo, WindowLatents, WindowWishes},
    storyboard::{Media, Story, StoryFile, Storyboard},
    tasks::{Passage, Plan, Source, Task},
};
use support::generator;
use video::{Clip, Frame, Resolution, VideoError};

const SIZE: [u32; 2] = [48, 32];
/// The grey of what is made first, and by how much each part that follows is brighter.
const FIRST: u8 = 120;
const STEP: u8 = 40;

/// A model whose latents are of no account: each part of a video has a grey of its own.
struct Grey {
    model: Generator,
    parts: Cell<u8>,
}

impl Grey {
    fn new() -> Self {
        Self { model: generator(), parts: Cell::new(0) }
    }

    fn latents(&self, request: &GenerationRequest) -> Tensor<5> {
        let [t, h, w] = request.latent_sides();
        Tensor::zeros([1, self.latent_channels(), t, h, w], VideoGenerator::device(self))
    }

    /// Frames of the next part: as many as latents give, of which the first may stand for one.
    fn frames(&self, num_frames: usize, sink: Sink<'_>) -> Result<(), GenerationError> {
        let grey = FIRST + STEP * self.parts.replace(self.parts.get() + 1);
        Ok((0..num_frames).try_for_each(|_| sink(frame(grey)))?)
    }
}

type Sink<'a> = &'a mut dyn FnMut(Frame) -> Result<(), VideoError>;

impl VideoGenerator for Grey {
    fn name(&self) -> String {
        "grey".into()
    }

    fn request(&self, options: GenerationOptions) -> Result<GenerationRequest, GenerationError> {
        self.model.request(options)
    }

    fn sample_latents(
        &self,
        request: &GenerationRequest,
        _: u64,
        _: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        Ok(self.latents(request))
    }

    fn sample_edit(
        &self,
        request: &GenerationRequest,
        _: &Edit,
        _: u64,
        _: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        Ok(self.latents(request))
    }

    fn abilities(&self) -> Abilities {
        VideoGenerator::abilities(&self.model)
    }

    fn latent_channels(&self) -> usize {
        self.model.latent_channels()
    }

    fn device(&self) -> &Device {
        VideoGenerator::device(&self.model)
    }

    fn sample_window(
        &self,
        request: &GenerationRequest,
        _: Option<&Carried>,
        _: u64,
        _: &mut dyn Progress,
    ) -> Result<WindowLatents, GenerationError> {
        Ok(WindowLatents { latents: self.latents(request), outline: None })
    }

    fn frame_stream(&self) -> Box<dyn FrameStream + '_> {
        Box::new(GreyStream { model: self, has_begun: false })
    }

    fn decode(&self, latents: Tensor<5>, sink: Sink<'_>, _: &mut dyn Progress) -> Result<(), GenerationError> {
        self.frames(4 * latents.dims()[2] - 3, sink)
    }
}

struct GreyStream<'a> {
    model: &'a Grey,
    has_begun: bool,
}

impl FrameStream for GreyStream<'_> {
    fn push(&mut self, latents: Tensor<5>, sink: Sink<'_>, _: &mut dyn Progress) -> Result<(), GenerationError> {
        let lone = if std::mem::replace(&mut self.has_begun, true) { 0 } else { 3 };
        self.model.frames(4 * latents.dims()[2] - lone, sink)
    }
}

fn frame(grey: u8) -> Frame {
    Frame::filled(Resolution::new(SIZE[0], SIZE[1]).unwrap(), [grey; 3])
}

/// A clip of one grey.
fn clip(grey: u8) -> Clip {
    Clip::new(vec![frame(grey); 8], "16".parse().unwrap()).unwrap()
}

fn options() -> GenerationOptions {
    GenerationOptions { prompt: "a red ball".into(), size: Some(SIZE), ..GenerationOptions::default() }
}

/// The grey of each frame that comes out.
fn greys(make: impl FnOnce(Sink<'_>) -> Result<(), GenerationError>) -> Vec<u8> {
    let mut greys = Vec::new();
    make(&mut |frame: Frame| {
        greys.push(frame.rgb()[0]);
        Ok(())
    })
    .unwrap();
    greys
}

fn of_task(task: &dyn Task) -> Vec<u8> {
    let model = Grey::new();
    let request = model.request(task.options(options())).unwrap();
    let plan: Plan = task.plan(&request).unwrap();
    greys(|sink| plan.make((&model, &request), (0, &mut Silent), sink))
}

#[test]
fn a_passage_leads_from_one_clip_to_the_other() {
    let source = |grey| Source::new(clip(grey), None, None);
    let made = of_task(&Passage::between(source(90), source(180), 0.5).unwrap());
    assert_eq!(made[..8], [90; 8]);
    assert_eq!(made[8..16], [90, 100, 110, 120, 120, 140, 160, 180]);
    assert_eq!(made[16..], [180; 8]);
}

#[test]
fn a_passage_back_leads_to_the_beginning() {
    let made = of_task(&Passage::back(Source::new(clip(180), None, None), 0.5).unwrap());
    assert_eq!(made[8..], [180, 160, 140, 120, 120, 140, 160, 180]);
}

#[test]
fn windows_lead_to_each_other() {
    let model = Grey::new();
    let wishes = WindowWishes { seconds: Some(1.0), anti_drift: None };
    let video =
        LongVideo::new(&model, GenerationOptions { length: Some(Length::Frames(33)), ..options() }, wishes).unwrap();
    let made = greys(|sink| video.make((&model, 0), None, sink, &mut Silent));
    let joints: Vec<usize> = video.joints().collect();
    assert_eq!((joints[0], made.len()), (17, 33));
    // Half of the way on either side, in thirds.
    assert_eq!(made[12..22], [120, 120, 127, 133, 140, 140, 147, 153, 160, 160]);
}

#[test]
fn a_story_leads_through_its_passages_and_cuts_at_its_cuts() {
    let story = "[[card]]\nfrom = 0\nto = 0.5\nclip = \"a.mp4\"\n\
                 [[card]]\nfrom = 0.5\nto = 1\nprompt = \"a red ball\"\njoin = \"passage\"\n\
                 [[card]]\nfrom = 1\nto = 1.5\nclip = \"b.mp4\"\njoin = \"passage\"\n\
                 [[card]]\nfrom = 1.5\nto = 2\nprompt = \"a blue cube\"";
    let media = Media::from([("a.mp4".into(), clip(90)), ("b.mp4".into(), clip(180))]);
    let story = Story::new(&StoryFile::parse(story).unwrap(), &media, "16".parse().unwrap()).unwrap();
    let model = Grey::new();
    let board = Storyboard::new(&story, (&model, &options()), None).unwrap();
    let made = greys(|sink| board.make((&model, 0), sink, &mut Silent));
    assert_eq!(made[..8], [90; 8]);
    assert_eq!(made[8..16], [90, 100, 110, 120, 120, 140, 160, 180]);
    assert_eq!(made[16..24], [180; 8]);
    assert_eq!(made[24..], [FIRST + STEP; 8]);
}
