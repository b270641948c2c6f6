//! `misora storyboard`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use generation::{
    GenerationOptions,
    storyboard::{self, Media, Story, StoryFile},
};
use serde_json::json;
use video::{Fit, FrameRate, ReadLimits, read_clip};

use super::making::{Loaded, Making, Outcome, Production};
use crate::{target::Target, value};

/// More bytes than any story.
const MOST_STORY_BYTES: u64 = 1 << 20;

/// Tell a story in several shots, from a file that lays prompts, pictures and clips out along a time line
#[derive(Args)]
#[command(after_help = "\
Example:
  misora storyboard story.toml -o story.mp4

A story in TOML:
  prompt = \"in the style of a children's book\"      # what all cards share
  [things]
  ball = \"a small red ball\"                         # the same words in every shot
  [[card]]
  name = \"meadow\"
  from = 0
  to = 2
  prompt = \"{ball} rolls across the grass\"
  [[card]]
  from = 2
  to = 4
  prompt = \"{ball} rolls up to a wall\"
  join = \"passage\"                                  # leads over; without it there is a cut

A card may also have an image, a clip, or a reference: the name of a card before, of which it begins with a frame.")]
pub struct Storyboard {
    /// The story
    story: PathBuf,
    /// Width and height in pixels, multiples of 16 or 32 [default: the model's own, such as 128x128]
    #[arg(long, value_name = "WxH", value_parser = value::size)]
    size: Option<[u32; 2]>,
    /// What becomes of pictures and clips of another shape than that size
    #[arg(long, value_parser = value::named::<Fit>(Fit::ALL.map(Fit::name)))]
    fit: Option<Fit>,
    #[command(flatten)]
    making: Making,
}

impl Storyboard {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let text = read(&self.story)?;
        let file = StoryFile::parse(&text).with_context(|| self.story.display().to_string())?;
        self.check(&file)?;
        let folder = self.story.parent().unwrap_or(Path::new(""));
        if let Some(server) = self.making.remote()? {
            let order = self.making.order("/v1/videos/storyboards")?.field("story", Some(&text)).size(self.size);
            let order = order.field("fit", self.fit.map(Fit::name));
            let media = file.media().into_iter().enumerate();
            let order = media
                .fold(order, |order, (number, (_, path))| order.file(format!("media_{number}"), &folder.join(path)));
            let name = self.story.file_stem().unwrap_or_default().to_string_lossy();
            let target = target.unwrap_or_else(|| Target::from_prompt(&name));
            return self.making.run_on_server(&server, Some(target), order);
        }
        let media = read_media(&file, folder)?;
        let inputs: Vec<PathBuf> = file.media().into_iter().map(|(_, path)| folder.join(path)).collect();
        let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
        let Loaded { generator, precision, look, signer } = self.making.load(&inputs)?;
        let generator = generator.as_ref();
        let story = Story::new(&file, &media, FrameRate::new(generator.abilities().frame_rate, 1)?)?;
        drop(media);
        let wishes = GenerationOptions { size: self.size, ..self.making.options(String::new())? };
        let board = storyboard::Storyboard::new(&story, (generator, &wishes), self.fit)?;
        for request in board.requests() {
            // Any shot but the first may go on from frames of others.
            self.making.check_memory(&|machine| generator.check_memory((request, true), machine))?;
        }
        let mut settings = match board.requests().next() {
            Some(request) => self.making.settings((generator, precision), request),
            None => json!({}),
        };
        settings["prompt"] = board.requests().map(|request| request.prompt()).collect();
        settings["story"] = self.story.display().to_string().into();
        let name = self.story.file_stem().unwrap_or_default().to_string_lossy();
        let requests: Vec<_> = board.requests().collect();
        let production = Production {
            marks: signer.marks(generator, &requests, &format!("{settings}|{text}")),
            target: target.unwrap_or_else(|| Target::from_prompt(&name)),
            outcome: Outcome {
                resolution: board.resolution(),
                num_frames: board.num_frames(),
                frame_rate: board.frame_rate(),
            },
            parts: ("shot", board.requests().map(|request| request.total_steps()).max().unwrap_or(0)),
            settings,
            look,
        };
        self.making.produce(production, &mut |job| Ok(board.make((generator, job.seed), job.write, job.progress)?))
    }
}

impl Storyboard {
    /// Refuses a story that the policy does not allow: card by card, so that the card is named, and as a whole.
    fn check(&self, file: &StoryFile) -> anyhow::Result<()> {
        let prompts = file.prompts();
        for (card, prompt) in &prompts {
            self.making.check_texts(vec![prompt]).with_context(|| card.clone())?;
        }
        let things = file.things.values().map(String::as_str);
        self.making.check_texts(prompts.iter().map(|(_, prompt)| prompt.as_str()).chain(things).collect())?;
        self.making.check_negative(file.negative_prompt.as_deref())
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let context = || format!("cannot read the story {}", path.display());
    if fs::metadata(path).with_context(context)?.len() > MOST_STORY_BYTES {
        bail!("{} is no story: it is larger than a megabyte", path.display());
    }
    fs::read_to_string(path).with_context(context)
}

/// Reads what cards name, in places as seen from the story's own.
fn read_media(file: &StoryFile, folder: &Path) -> anyhow::Result<Media> {
    let medium = |(card, path): (String, &Path)| {
        let clip = read_clip(&folder.join(path), &ReadLimits::default()).context(card)?;
        Ok((path.to_owned(), clip))
    };
    file.media().into_iter().map(medium).collect()
}
