//! Whether videos show what their prompts ask for.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use generation::{GenerationOptions, GenerationRequest, Generator};
use video::{contact_sheet, encode_jpeg, write_clip};

use crate::{
    Answers, EvaluationError, LabelledPrompt, PerQuestion, Phase, Question,
    classifier::Classifier,
    progress::{Monitor, report},
};

/// Frames of each video on its contact sheet.
const SHEET_COLUMNS: usize = 4;

/// How videos are made to be read.
#[derive(Clone, Debug)]
pub struct VideoSettings {
    /// How each is made; the prompts take the place of the one in here.
    pub options: GenerationOptions,
    /// Videos of each prompt, with seeds from 0.
    pub seeds: u64,
    /// Where to keep the videos, if anywhere.
    pub folder: Option<PathBuf>,
}

/// One video and what was read in it.
#[derive(Clone, Debug)]
pub struct ReadVideo {
    /// Seed that it was made from.
    pub seed: u64,
    /// What the classifier says.
    pub read: Answers,
    /// Some of its frames side by side, as JPEG.
    pub sheet: Vec<u8>,
}

/// A prompt and its videos.
#[derive(Clone, Debug)]
pub struct ReadPrompt {
    /// The prompt and what it asks for.
    pub prompt: LabelledPrompt,
    /// Its videos in the order of their seeds.
    pub videos: Vec<ReadVideo>,
}

/// How many answers agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Videos that show what was asked for.
    pub agree: u32,
    /// Videos of prompts that ask for something.
    pub counted: u32,
}

impl Agreement {
    /// Share of videos that agree, if any count.
    pub fn share(self) -> Option<f64> {
        (self.counted > 0).then(|| f64::from(self.agree) / f64::from(self.counted))
    }
}

/// Counts for each question the videos whose reading agrees with their prompt; what a prompt does not say is not
/// counted.
pub fn agreement(prompts: &[ReadPrompt]) -> PerQuestion<Agreement> {
    let mut agreement = PerQuestion::<Agreement>::default();
    for ReadPrompt { prompt, videos } in prompts {
        for question in Question::ALL {
            let Some(expected) = *prompt.expected.get(question) else { continue };
            let counts = agreement.get_mut(question);
            counts.counted += videos.len() as u32;
            counts.agree += videos.iter().filter(|video| *video.read.get(question) == expected).count() as u32;
        }
    }
    agreement
}

/// Checks that the model can make all these videos, before the first is made.
///
/// # Errors
/// [`EvaluationError::Prompt`] names the prompt that it cannot use, [`EvaluationError::Settings`] says what leaves
/// nothing to do.
pub fn requests(
    generator: &Generator,
    prompts: &[LabelledPrompt],
    settings: &VideoSettings,
) -> Result<Vec<GenerationRequest>, EvaluationError> {
    if prompts.is_empty() || settings.seeds == 0 {
        return Err(EvaluationError::Settings { reason: "adherence needs at least one prompt and one seed".into() });
    }
    let request = |prompt: &LabelledPrompt| {
        let options = GenerationOptions { prompt: prompt.prompt.clone(), ..settings.options.clone() };
        generator
            .request(options)
            .map_err(|source| EvaluationError::Prompt { prompt: prompt.prompt.clone(), source: Box::new(source) })
    };
    prompts.iter().map(request).collect()
}

/// Makes the videos of all prompts and reads them.
///
/// # Errors
/// As [`requests`]; [`EvaluationError::Interrupted`], and what may go wrong with making and writing videos.
pub fn measure(
    generator: &Generator,
    classifier: &Classifier,
    (prompts, settings): (&[LabelledPrompt], &VideoSettings),
    monitor: &mut dyn Monitor,
) -> Result<Vec<ReadPrompt>, EvaluationError> {
    let requests = requests(generator, prompts, settings)?;
    if let Some(folder) = &settings.folder {
        std::fs::create_dir_all(folder).map_err(|source| EvaluationError::File {
            action: "create",
            path: folder.clone(),
            source,
        })?;
    }
    let steps = requests[0].total_steps();
    let total = requests.len() * settings.seeds as usize * steps;
    let mut done = 0;
    let mut measured = Vec::with_capacity(prompts.len());
    for (index, (prompt, request)) in prompts.iter().zip(&requests).enumerate() {
        let mut videos = Vec::with_capacity(settings.seeds as usize);
        for seed in 0..settings.seeds {
            let mut watch = |phase, step: usize, _| match phase {
                generation::Phase::Sampling => monitor.step(Phase::Videos, (done + step) as u64, total as u64),
                generation::Phase::Decoding => ControlFlow::Continue(()),
            };
            let clip = generator.clip(request, seed, &mut watch)?;
            done += steps;
            if let Some(folder) = &settings.folder {
                write_clip(&clip, &video_path(folder, index, seed))?;
            }
            let sheet = encode_jpeg(&contact_sheet(&[&clip], SHEET_COLUMNS)?)?;
            videos.push(ReadVideo { seed, read: classifier.read(clip.frames())?, sheet });
        }
        measured.push(ReadPrompt { prompt: prompt.clone(), videos });
    }
    report(monitor, Phase::Videos, total, total)?;
    Ok(measured)
}

fn video_path(folder: &Path, prompt: usize, seed: u64) -> PathBuf {
    folder.join(format!("prompt-{:03}-seed-{seed}.mp4", prompt + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KnownAnswers;

    #[test]
    fn only_what_a_prompt_says_is_counted() {
        let video = |colour, camera| ReadVideo {
            seed: 0,
            read: Answers { colour, shape: 1, motion: 1, camera },
            sheet: Vec::new(),
        };
        let prompt = |expected| LabelledPrompt { prompt: "x".into(), expected };
        let says = |colour, camera| KnownAnswers { colour, camera, ..KnownAnswers::default() };
        let prompts = [
            ReadPrompt { prompt: prompt(says(Some(3), None)), videos: vec![video(3, 0), video(2, 0)] },
            ReadPrompt { prompt: prompt(says(Some(2), Some(5))), videos: vec![video(2, 5), video(2, 4)] },
        ];
        let agreement = agreement(&prompts);
        assert_eq!(agreement.colour.share(), Some(0.75));
        assert_eq!(agreement.camera, Agreement { agree: 1, counted: 2 });
        assert_eq!(agreement.shape.share(), None);
    }
}
