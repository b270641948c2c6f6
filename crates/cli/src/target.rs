//! Where a video goes, and whether it can go there.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use video::{Clip, Extras, Frame, FrameRate, OutputFormat, Resolution, VideoError, VideoWriter};

use crate::interrupt::Careful;

/// Where a video goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output, as MP4.
    Stdout,
    /// A file or folder whose ending says the format.
    Path(PathBuf),
}

/// Frames on their way to a target; nothing is left behind when it is dropped before [`Sink::finish`].
pub enum Sink {
    /// Collects, since MP4 begins with an index of all frames.
    Stdout(Vec<Frame>, FrameRate, Extras),
    /// Writes beside the name.
    Path(Box<VideoWriter>),
}

impl Target {
    /// Reads `--output`: `-` is standard output.
    pub fn from_option(output: &Path) -> anyhow::Result<Self> {
        if output.as_os_str() != "-" {
            OutputFormat::from_path(output)?;
            return Ok(Self::Path(output.to_owned()));
        }
        if std::io::stdout().is_terminal() {
            bail!("the video would go to the terminal; send it elsewhere (`--output - > ball.mp4`) or name a file");
        }
        Ok(Self::Stdout)
    }

    /// A name in the current folder made of the prompt's words, one that is not taken yet.
    pub fn from_prompt(prompt: &str) -> Self {
        let slug = slug(prompt);
        let numbered = |number| match number {
            1 => PathBuf::from(format!("{slug}.mp4")),
            _ => PathBuf::from(format!("{slug}-{number}.mp4")),
        };
        let free = (1..10_000).map(numbered).find(|path| !path.exists());
        Self::Path(free.unwrap_or_else(|| numbered(1)))
    }

    /// Whether it holds one picture only.
    pub fn is_still(&self) -> bool {
        match self {
            Self::Stdout => false,
            Self::Path(path) => matches!(OutputFormat::from_path(path), Ok(OutputFormat::Png | OutputFormat::Jpeg)),
        }
    }

    /// The name for people and for JSON.
    pub fn name(&self) -> String {
        match self {
            Self::Stdout => "-".to_owned(),
            Self::Path(path) => path.display().to_string(),
        }
    }

    /// `ball.mp4` becomes `ball-2.mp4`.
    pub fn numbered(&self, number: u64) -> anyhow::Result<Self> {
        self.with_suffix(&number.to_string(), None)
    }

    /// `ball.mp4` becomes `ball-sheet.png`.
    pub fn contact_sheet(&self) -> anyhow::Result<Self> {
        self.with_suffix("sheet", Some("png"))
    }

    /// Where a video is kept while it is unfinished: `ball.mp4` becomes `ball.mp4.partial`. Nowhere for standard output.
    pub fn partial(&self) -> Option<PathBuf> {
        let Self::Path(path) = self else { return None };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        Some(path.with_file_name(name))
    }

    fn with_suffix(&self, suffix: &str, extension: Option<&str>) -> anyhow::Result<Self> {
        let Self::Path(path) = self else {
            bail!("standard output takes one video; leave out --count, or name a file with --output");
        };
        let is_folder = OutputFormat::from_path(path)? == OutputFormat::PngFolder;
        let stem = if is_folder { path.file_name() } else { path.file_stem() };
        let mut name = stem.unwrap_or_default().to_owned();
        name.push(format!("-{suffix}"));
        let extension = extension.map(Into::into).or(path.extension().filter(|_| !is_folder).map(ToOwned::to_owned));
        if let Some(extension) = extension {
            name.push(".");
            name.push(extension);
        }
        Ok(Self::Path(path.with_file_name(name)))
    }

    /// Looks whether it can be written, before the work; leaves nothing behind.
    pub fn check(&self, resolution: Resolution, frame_rate: FrameRate) -> Result<(), VideoError> {
        let _careful = Careful::begin();
        self.open((resolution, frame_rate), Extras::default()).map(drop)
    }

    /// Opens it for frames; to be kept [`Careful`] about.
    pub fn open(&self, (resolution, rate): (Resolution, FrameRate), extras: Extras) -> Result<Sink, VideoError> {
        Ok(match self {
            Self::Stdout => Sink::Stdout(Vec::new(), rate, extras),
            Self::Path(path) => Sink::Path(Box::new(VideoWriter::create_with(path, (resolution, rate), extras)?)),
        })
    }

    /// Writes a whole clip.
    pub fn write(&self, clip: &Clip, extras: Extras) -> anyhow::Result<()> {
        let _careful = Careful::begin();
        let mut sink = self.open((clip.resolution(), clip.frame_rate()), extras)?;
        clip.frames().iter().try_for_each(|frame| sink.write(frame))?;
        sink.finish()
    }
}

/// Hours of work should not end at a folder that is not there.
pub fn check_folder(file: &Path) -> anyhow::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            bail!("cannot write {}: the folder {} does not exist; create it first", file.display(), folder.display())
        }
        _ => Ok(()),
    }
}

impl Sink {
    /// Adds a frame.
    pub fn write(&mut self, frame: &Frame) -> Result<(), VideoError> {
        match self {
            Self::Stdout(frames, ..) => frames.push(frame.clone()),
            Self::Path(writer) => writer.write(frame)?,
        }
        Ok(())
    }

    /// Completes the video.
    pub fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Path(writer) => Ok(writer.finish()?),
            Self::Stdout(frames, frame_rate, extras) => {
                let mut bytes = Vec::new();
                video::write_mp4_with(&Clip::new(frames, frame_rate)?, &extras, &mut bytes)?;
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(&bytes).and_then(|()| stdout.flush()).context("cannot write to standard output")
            }
        }
    }
}

/// The first words of a prompt, as a file name.
fn slug(prompt: &str) -> String {
    const MAX_CHARS: usize = 48;
    let lower = prompt.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        let begun = slug.chars().count();
        if begun + word.chars().count() >= MAX_CHARS && begun > 0 {
            break;
        }
        if begun > 0 {
            slug.push('-');
        }
        slug.extend(word.chars().take(MAX_CHARS));
    }
    if slug.is_empty() { "video".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_become_file_names() {
        assert_eq!(slug("A red ball, rolling!"), "a-red-ball-rolling");
        assert_eq!(slug("一个红色的球 滚过草地"), "一个红色的球-滚过草地");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("…!?"), "video");
        assert!(slug(&"球".repeat(500)).len() < 200);
        assert!(slug(&"ball ".repeat(500)).len() < 60);
    }

    #[test]
    fn several_videos_have_numbers_and_a_sheet() {
        let name = |target: anyhow::Result<Target>| target.unwrap().name();
        for (output, second, sheet) in [
            ("out/ball.mp4", "out/ball-2.mp4", "out/ball-sheet.png"),
            ("ball.GIF", "ball-2.GIF", "ball-sheet.png"),
            ("frames", "frames-2", "frames-sheet.png"),
            ("take.2", "take.2-2", "take.2-sheet.png"),
        ] {
            let target = Target::from_option(Path::new(output)).unwrap();
            assert_eq!((name(target.numbered(2)), name(target.contact_sheet())), (second.into(), sheet.into()));
        }
        assert!(Target::Stdout.numbered(1).is_err());
    }
}
