//! Files to clips, frame by frame.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use image::ImageFormat;

use crate::{
    Clip, Frame, FrameRate, ReadLimits, Resolution, VideoError,
    ffmpeg::{Tools, decode::FfmpegDecoder, describe::describe},
    gif_reader::{GifDecoder, GifIndex},
    mp4::{
        demux::Mp4Decoder,
        index::{IndexError, Mp4Index},
    },
    probe::FileKind,
    still::{read_still, still_resolution},
};

/// Frames per second of pictures that say nothing of time: stills and folders.
const UNTIMED_RATE: u32 = 24;

/// Reads a picture or video frame by frame, at one constant rate; an iterator that ends at the first error.
///
/// PNG, JPEG, GIF, folders of frames and plain H.264 MP4 (misora's own) are read with nothing installed; every
/// other video needs the programs `ffmpeg` and `ffprobe`. Pictures are turned upright, transparent parts are laid
/// on white, and variable frame rates are made constant. Stills and folders count as 24 frames per second.
pub struct VideoReader {
    path: PathBuf,
    resolution: Resolution,
    frame_rate: FrameRate,
    frame_count: Option<u64>,
    limits: ReadLimits,
    produced: usize,
    /// `None` after the end or an error.
    source: Option<Source>,
    /// A frame that was decoded early, to see whether it can be.
    first: Option<Frame>,
}

enum Source {
    Still(Option<Frame>),
    Folder(std::vec::IntoIter<PathBuf>),
    Gif(Box<GifDecoder>),
    Mp4(Box<Mp4Decoder>),
    Ffmpeg(Box<FfmpegDecoder>),
}

impl VideoReader {
    /// Opens a file and checks what its headers claim.
    ///
    /// # Errors
    /// [`VideoError::Read`], [`VideoError::NotVideo`], [`VideoError::Damaged`], [`VideoError::TooManyPixels`],
    /// [`VideoError::TooManyFrames`], [`VideoError::FfmpegMissing`], [`VideoError::Ffmpeg`],
    /// [`VideoError::TimeLimit`]. The iterator gives the same.
    pub fn open(path: &Path, limits: &ReadLimits) -> Result<Self, VideoError> {
        Self::open_with(Tools::default(), path, limits)
    }

    pub(crate) fn open_with(tools: Tools, path: &Path, limits: &ReadLimits) -> Result<Self, VideoError> {
        let mut reader = Self {
            path: path.to_owned(),
            resolution: Resolution::new(1, 1)?,
            frame_rate: FrameRate::new(UNTIMED_RATE, 1)?,
            frame_count: Some(1),
            limits: *limits,
            produced: 0,
            source: None,
            first: None,
        };
        match FileKind::find(path)? {
            FileKind::Png => reader.set_still(read_still(path, ImageFormat::Png, limits)?),
            FileKind::Jpeg => reader.set_still(read_still(path, ImageFormat::Jpeg, limits)?),
            FileKind::Folder(files) => {
                limits.frames(path, files.len() as u64)?;
                reader.resolution = still_resolution(&files[0], ImageFormat::Png, limits)?;
                reader.frame_count = Some(files.len() as u64);
                reader.source = Some(Source::Folder(files.into_iter()));
            }
            FileKind::Gif => {
                let index = GifIndex::read(path, limits)?;
                (reader.resolution, reader.frame_rate) = (index.resolution, index.frame_rate);
                reader.frame_count = Some(index.frame_count);
                reader.source = Some(Source::Gif(Box::new(GifDecoder::new(path, index, limits)?)));
            }
            FileKind::Mp4 => {
                let mut file = File::open(path).map_err(|error| VideoError::read(path, error))?;
                let index = match Mp4Index::read(path, &mut file, limits) {
                    Ok(index) => index,
                    Err(IndexError::Refused(error)) => return Err(error),
                    Err(IndexError::NotUnderstood(error)) => {
                        return reader.set_ffmpeg(tools, "MP4").map(|()| reader).map_err(|_| error);
                    }
                };
                match index.plain {
                    Ok(stream) => {
                        (reader.resolution, reader.frame_rate) = (index.resolution, stream.frame_rate);
                        reader.frame_count = Some(index.frame_count);
                        let mut decoder = Mp4Decoder::new(path.to_owned(), file, index.resolution, stream)?;
                        match decoder.next_frame() {
                            Ok(first) => {
                                reader.first = first;
                                reader.source = Some(Source::Mp4(Box::new(decoder)));
                            }
                            // Another program may know better; if there is none, the first error tells more.
                            Err(error) => match reader.set_ffmpeg(tools, "H.264 of a kind of its own") {
                                Err(VideoError::FfmpegMissing { .. }) => return Err(error),
                                result => result?,
                            },
                        }
                    }
                    Err(reason) => reader.set_ffmpeg(tools, &reason)?,
                }
            }
            FileKind::Other(found) => reader.set_ffmpeg(tools, &found)?,
        }
        Ok(reader)
    }

    fn set_still(&mut self, frame: Frame) {
        self.resolution = frame.resolution();
        self.source = Some(Source::Still(Some(frame)));
    }

    fn set_ffmpeg(&mut self, tools: Tools, found: &str) -> Result<(), VideoError> {
        let about = describe(tools, &self.path, found, &self.limits)?;
        (self.resolution, self.frame_rate) = (about.resolution, about.frame_rate);
        self.frame_count = about.frame_count();
        self.source = Some(Source::Ffmpeg(Box::new(FfmpegDecoder::start(tools, &self.path, about, self.limits)?)));
        Ok(())
    }

    /// Size of every frame.
    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Frames per second.
    pub const fn frame_rate(&self) -> FrameRate {
        self.frame_rate
    }

    /// Number of frames, where the file says; only an estimate for files that `ffmpeg` reads.
    pub const fn frame_count(&self) -> Option<u64> {
        self.frame_count
    }

    fn advance(&mut self) -> Result<Option<Frame>, VideoError> {
        let Some(source) = &mut self.source else { return Ok(None) };
        if let Some(frame) = self.first.take() {
            return Ok(Some(frame));
        }
        let frame = match source {
            Source::Still(frame) => frame.take(),
            Source::Folder(files) => match files.next() {
                Some(file) => Some(read_still(&file, ImageFormat::Png, &self.limits)?),
                None => None,
            },
            Source::Gif(decoder) => decoder.next_frame()?,
            Source::Mp4(decoder) => decoder.next_frame()?,
            Source::Ffmpeg(decoder) => decoder.next_frame()?,
        };
        let Some(frame) = frame else { return Ok(None) };
        let (expected, actual, index) = (self.resolution, frame.resolution(), self.produced);
        if expected != actual {
            return Err(VideoError::MixedResolutions { expected, actual, index });
        }
        self.limits.frames(&self.path, index as u64 + 1)?;
        Ok(Some(frame))
    }
}

impl Iterator for VideoReader {
    type Item = Result<Frame, VideoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance();
        match &result {
            Ok(Some(_)) => self.produced += 1,
            _ => self.source = None,
        }
        result.transpose()
    }
}

/// Reads a whole picture or video into memory.
///
/// # Errors
/// As [`VideoReader::open`], and [`VideoError::TooManyBytes`].
pub fn read_clip(path: &Path, limits: &ReadLimits) -> Result<Clip, VideoError> {
    let reader = VideoReader::open(path, limits)?;
    let frame_rate = reader.frame_rate();
    let frame_bytes = reader.resolution().pixel_count() as u64 * 3;
    let max_bytes = limits.max_clip_bytes;
    let mut frames = Vec::new();
    for frame in reader {
        if (frames.len() as u64 + 1).saturating_mul(frame_bytes) > max_bytes {
            return Err(VideoError::TooManyBytes { path: path.to_owned(), max_bytes });
        }
        frames.push(frame?);
    }
    Clip::new(frames, frame_rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_to_get_ffmpeg() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.webm");
        std::fs::write(&path, b"\x1A\x45\xDF\xA3\xFF\xFF\xFF\xFF").unwrap();
        let tools = Tools { ffmpeg: "no-such-ffmpeg", ffprobe: "no-such-ffprobe" };
        let Err(error) = VideoReader::open_with(tools, &path, &ReadLimits::default()) else { panic!("it was read") };
        let text = error.to_string();
        for needed in ["clip.webm", "Matroska", "apt install ffmpeg", "brew install ffmpeg", "winget install ffmpeg"] {
            assert!(text.contains(needed), "{needed} is not in: {text}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_hangs_is_stopped() {
        use std::{os::unix::fs::PermissionsExt, time::Duration};
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, script: &str| -> &'static str {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path.to_str().unwrap().to_owned().leak()
        };
        let told = r#"
            echo 'streams.stream.0.codec_name="vp9"'
            echo 'streams.stream.0.width=2'
            echo 'streams.stream.0.height=1'
            echo 'streams.stream.0.r_frame_rate="25/1"'"#;
        let (hangs, answers) = (program("hangs", "exec sleep 60"), program("answers", told));
        let path = folder.path().join("clip.webm");
        std::fs::write(&path, b"\x1A\x45\xDF\xA3\xFF\xFF\xFF\xFF").unwrap();

        let short = ReadLimits { time_limit: Duration::from_millis(200), ..ReadLimits::default() };
        let stuck = VideoReader::open_with(Tools { ffmpeg: hangs, ffprobe: hangs }, &path, &short);
        assert!(matches!(stuck.err(), Some(VideoError::TimeLimit { .. })));
        let limits = ReadLimits { time_limit: Duration::from_secs(20), ..ReadLimits::default() };
        let reader = VideoReader::open_with(Tools { ffmpeg: hangs, ffprobe: answers }, &path, &limits).unwrap();
        // Dropped in the middle, nothing waits for it.
        assert_eq!(reader.resolution(), Resolution::new(2, 1).unwrap());
        drop(reader);

        // Two frames and then a failure: both are handed over, and then the reason.
        let fails = program("fails", "printf abcdefABCDEF; echo 'out of luck' >&2; exit 1");
        let mut reader = VideoReader::open_with(Tools { ffmpeg: fails, ffprobe: answers }, &path, &limits).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().rgb(), b"abcdef");
        assert_eq!(reader.next().unwrap().unwrap().rgb(), b"ABCDEF");
        let reason = reader.next().unwrap().unwrap_err().to_string();
        assert!(reason.contains("out of luck") && reader.next().is_none(), "{reason}");
    }
}
