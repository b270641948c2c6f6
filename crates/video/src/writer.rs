//! Clips to files, frame by frame.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::SpooledTempFile;

use crate::{
    Clip, Extras, Frame, FrameRate, Resolution, VideoError,
    atomic::{AtomicFile, spool, spool_beside, write_whole},
    folder::FolderEncoder,
    gif_writer::{GifEncoder, GifError},
    mp4::mux::Mp4Encoder,
    still::{encode_jpeg, encode_png},
};

/// What a clip can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// H.264 in MP4, for every browser.
    Mp4,
    /// Animated GIF, 256 colours for each frame.
    Gif,
    /// One PNG picture.
    Png,
    /// One JPEG picture.
    Jpeg,
    /// A folder of `frame_0001.png`, `frame_0002.png`, …
    PngFolder,
}

impl OutputFormat {
    /// Reads the format from a name's ending; a name without one is a folder.
    ///
    /// # Errors
    /// [`VideoError::OutputFormat`] for an ending that names another format.
    pub fn from_path(path: &Path) -> Result<Self, VideoError> {
        let Some(extension) = path.extension() else { return Ok(Self::PngFolder) };
        let extension = extension.to_string_lossy().to_lowercase();
        match extension.as_str() {
            "mp4" | "m4v" => Ok(Self::Mp4),
            "gif" => Ok(Self::Gif),
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            // A folder's name may hold a point (`take.2`), but `clip.webm` is surely not meant as a folder.
            "mov" | "mkv" | "webm" | "avi" | "webp" | "bmp" | "tif" | "tiff" | "ogv" | "wmv" | "flv" | "mpg"
            | "mpeg" | "ts" | "avif" | "heic" | "apng" | "svg" | "pdf" | "txt" | "json" => {
                Err(VideoError::OutputFormat { path: path.to_owned(), extension })
            }
            _ => Ok(Self::PngFolder),
        }
    }
}

/// Writes a clip frame by frame; the file takes its name in [`Self::finish`].
///
/// Dropped before that, it leaves nothing behind.
pub struct VideoWriter {
    path: PathBuf,
    resolution: Resolution,
    frame_count: usize,
    extras: Extras,
    sink: Sink,
}

enum Sink {
    Mp4(Box<Mp4Encoder>, AtomicFile),
    Gif(Box<GifEncoder<SpooledTempFile>>, AtomicFile),
    Still(OutputFormat, Option<Vec<u8>>),
    Folder(FolderEncoder),
}

impl VideoWriter {
    /// Starts a file of the format that its name's ending says.
    ///
    /// # Errors
    /// [`VideoError::OutputFormat`] for an unknown ending, [`VideoError::FormatLimit`] for a size that the format
    /// cannot hold, [`VideoError::Write`] or [`VideoError::FolderInUse`] when the place cannot be written to.
    pub fn create(path: &Path, resolution: Resolution, frame_rate: FrameRate) -> Result<Self, VideoError> {
        Self::create_with(path, (resolution, frame_rate), Extras::default())
    }

    /// As [`Self::create`], for a file that gets more than its pictures.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_with(
        path: &Path,
        (resolution, frame_rate): (Resolution, FrameRate),
        extras: Extras,
    ) -> Result<Self, VideoError> {
        let sink = match OutputFormat::from_path(path)? {
            OutputFormat::Mp4 => {
                let encoder = Mp4Encoder::new(resolution, frame_rate, spool_beside(path))?.with_tags(&extras.tags);
                Sink::Mp4(Box::new(encoder), AtomicFile::create(path)?)
            }
            OutputFormat::Gif => {
                let encoder = GifEncoder::new((resolution, frame_rate), spool_beside(path), &extras.tags);
                Sink::Gif(Box::new(encoder.map_err(|error| at(path, error))?), AtomicFile::create(path)?)
            }
            format @ (OutputFormat::Png | OutputFormat::Jpeg) => {
                // Only to learn early that the place can be written to.
                drop(AtomicFile::create(path)?);
                Sink::Still(format, None)
            }
            OutputFormat::PngFolder => Sink::Folder(FolderEncoder::create(path)?),
        };
        Ok(Self { path: path.to_owned(), resolution, frame_count: 0, extras, sink })
    }

    /// Adds one frame.
    ///
    /// # Errors
    /// [`VideoError::MixedResolutions`] for a frame of another size, [`VideoError::StillOfMany`] for a second
    /// frame of a picture, [`VideoError::Write`] when the disk refuses, [`VideoError::Encode`].
    pub fn write(&mut self, frame: &Frame) -> Result<(), VideoError> {
        let (expected, actual, index) = (self.resolution, frame.resolution(), self.frame_count);
        if expected != actual {
            return Err(VideoError::MixedResolutions { expected, actual, index });
        }
        match &mut self.sink {
            Sink::Mp4(encoder, _) => encoder.write(frame)?.map_err(|error| VideoError::write(&self.path, error))?,
            Sink::Gif(encoder, _) => encoder.write(frame).map_err(|error| at(&self.path, error))?,
            Sink::Still(_, Some(_)) => return Err(VideoError::StillOfMany { path: self.path.clone() }),
            Sink::Still(OutputFormat::Jpeg, bytes) => *bytes = Some(encode_jpeg(frame)?),
            Sink::Still(_, bytes) => *bytes = Some(encode_png(frame)?),
            Sink::Folder(folder) => {
                folder.write(&self.extras.finish_still(OutputFormat::Png, encode_png(frame)?)?)?;
            }
        }
        self.frame_count += 1;
        Ok(())
    }

    /// Frames written so far.
    pub const fn frame_count(&self) -> usize {
        self.frame_count
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`VideoError::NoFrames`] when no frame was written, [`VideoError::Write`] when the disk refuses.
    pub fn finish(self) -> Result<(), VideoError> {
        if self.frame_count == 0 {
            return Err(VideoError::NoFrames);
        }
        match self.sink {
            Sink::Mp4(encoder, mut file) => {
                finish_mp4(*encoder, &self.extras, &mut file)?.map_err(|error| VideoError::write(&self.path, error))?;
                file.commit()
            }
            Sink::Gif(encoder, mut file) => {
                let whole = encoder.finish().map_err(|error| at(&self.path, error))?;
                let copied = self.extras.finish_into(OutputFormat::Gif, whole, &mut file)?;
                copied.map_err(|error| VideoError::write(&self.path, error))?;
                file.commit()
            }
            Sink::Still(format, bytes) => {
                write_whole(&self.path, &self.extras.finish_still(format, bytes.unwrap_or_default())?)
            }
            Sink::Folder(folder) => folder.finish(),
        }
    }
}

/// What has no seal goes straight to its place.
fn finish_mp4(encoder: Mp4Encoder, extras: &Extras, output: &mut dyn Write) -> Result<io::Result<()>, VideoError> {
    if extras.seal.is_none() {
        return encoder.finish(output);
    }
    let mut whole = spool();
    match encoder.finish(&mut whole)? {
        Ok(()) => extras.finish_into(OutputFormat::Mp4, whole, output),
        Err(error) => Ok(Err(error)),
    }
}

fn at(path: &Path, error: GifError) -> VideoError {
    match error {
        GifError::Io(error) => VideoError::write(path, error),
        GifError::Video(error) => error,
    }
}

/// Writes a whole clip to `path`, in the format that its ending says.
///
/// # Errors
/// As [`VideoWriter`].
pub fn write_clip(clip: &Clip, path: &Path) -> Result<(), VideoError> {
    write_clip_with(clip, path, Extras::default())
}

/// As [`write_clip`], for a file that gets more than its pictures.
///
/// # Errors
/// As [`VideoWriter`].
pub fn write_clip_with(clip: &Clip, path: &Path, extras: Extras) -> Result<(), VideoError> {
    let mut writer = VideoWriter::create_with(path, (clip.resolution(), clip.frame_rate()), extras)?;
    for frame in clip.frames() {
        writer.write(frame)?;
    }
    writer.finish()
}

/// Writes a clip as MP4 into any stream, such as standard output.
///
/// # Errors
/// [`VideoError::FormatLimit`], [`VideoError::Encode`], or [`VideoError::Write`] when the stream refuses.
pub fn write_mp4(clip: &Clip, output: &mut dyn Write) -> Result<(), VideoError> {
    write_mp4_with(clip, &Extras::default(), output)
}

/// As [`write_mp4`], for a file that gets more than its pictures.
///
/// # Errors
/// As [`write_mp4`].
pub fn write_mp4_with(clip: &Clip, extras: &Extras, output: &mut dyn Write) -> Result<(), VideoError> {
    let stream = Path::new("the output stream");
    let mut encoder = Mp4Encoder::new(clip.resolution(), clip.frame_rate(), spool())?.with_tags(&extras.tags);
    for frame in clip.frames() {
        encoder.write(frame)?.map_err(|error| VideoError::write(stream, error))?;
    }
    finish_mp4(encoder, extras, output)?.map_err(|error| VideoError::write(stream, error))
}

/// The bytes of a clip as MP4.
///
/// # Errors
/// [`VideoError::FormatLimit`] or [`VideoError::Encode`].
pub fn encode_mp4(clip: &Clip) -> Result<Vec<u8>, VideoError> {
    let mut bytes = Vec::new();
    write_mp4(clip, &mut bytes)?;
    Ok(bytes)
}

/// The bytes of a clip as animated GIF.
///
/// # Errors
/// [`VideoError::FormatLimit`] or [`VideoError::Encode`].
pub fn encode_gif(clip: &Clip) -> Result<Vec<u8>, VideoError> {
    let memory = Path::new("memory");
    let encode = || {
        let mut encoder = GifEncoder::new((clip.resolution(), clip.frame_rate()), Vec::new(), &[])?;
        for frame in clip.frames() {
            encoder.write(frame)?;
        }
        encoder.finish()
    };
    encode().map_err(|error| at(memory, error))
}
