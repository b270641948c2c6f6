//! What a file is, without reading its pictures.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use image::ImageFormat;

use crate::{
    FrameRate, ReadLimits, Resolution, VideoError,
    ffmpeg::{
        Tools,
        describe::{Description, describe},
    },
    folder::frame_files,
    gif_reader::GifIndex,
    mp4::index::{IndexError, Mp4Index},
    still::still_resolution,
};

/// Size, length and kind of a picture or video file.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaInfo {
    /// What it is.
    pub kind: MediaKind,
    /// Size of its pictures as shown.
    pub resolution: Resolution,
    /// Frames per second; `None` for a still.
    pub frame_rate: Option<FrameRate>,
    /// Number of frames at that rate; `None` where the file does not say.
    pub frame_count: Option<u64>,
    /// How long it plays in seconds; `None` for a still, or where the file does not say.
    pub duration_secs: Option<f64>,
    /// How its pictures are coded, as in `h264`, `gif` or `png`.
    pub codec: String,
    /// Length of the file, or of all frames in a folder.
    pub bytes: u64,
}

/// What a path holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// One picture.
    Image,
    /// Moving pictures in one file, GIF too.
    Video,
    /// A folder of numbered pictures.
    Folder,
}

/// Describes a file from its headers.
///
/// PNG, JPEG, GIF, MP4 and frame folders need nothing installed; other videos need `ffprobe`.
///
/// # Errors
/// As [`crate::VideoReader::open`].
pub fn probe(path: &Path) -> Result<MediaInfo, VideoError> {
    probe_with(Tools::default(), path, &ReadLimits::default())
}

fn probe_with(tools: Tools, path: &Path, limits: &ReadLimits) -> Result<MediaInfo, VideoError> {
    let still = |resolution, codec: &str, bytes| MediaInfo {
        kind: MediaKind::Image,
        resolution,
        frame_rate: None,
        frame_count: Some(1),
        duration_secs: None,
        codec: codec.to_owned(),
        bytes,
    };
    let bytes = fs::metadata(path).map_err(|error| VideoError::read(path, error))?.len();
    match FileKind::find(path)? {
        FileKind::Folder(files) => {
            let mut bytes = 0;
            for file in &files {
                bytes += fs::metadata(file).map_err(|error| VideoError::read(file, error))?.len();
            }
            let resolution = still_resolution(&files[0], ImageFormat::Png, limits)?;
            let frame_count = Some(files.len() as u64);
            Ok(MediaInfo { kind: MediaKind::Folder, frame_count, ..still(resolution, "png", bytes) })
        }
        FileKind::Png => Ok(still(still_resolution(path, ImageFormat::Png, limits)?, "png", bytes)),
        FileKind::Jpeg => Ok(still(still_resolution(path, ImageFormat::Jpeg, limits)?, "jpeg", bytes)),
        FileKind::Gif => {
            let index = GifIndex::read(path, limits)?;
            let duration = index.frame_count as f64 * index.frame_rate.frame_duration_secs();
            Ok(MediaInfo {
                kind: MediaKind::Video,
                resolution: index.resolution,
                frame_rate: Some(index.frame_rate),
                frame_count: Some(index.frame_count),
                duration_secs: Some(duration),
                codec: "gif".to_owned(),
                bytes,
            })
        }
        FileKind::Mp4 => {
            let mut file = File::open(path).map_err(|error| VideoError::read(path, error))?;
            let described = || describe(tools, path, "MP4", limits).map(|about| from_description(&about, bytes));
            match Mp4Index::read(path, &mut file, limits) {
                Err(IndexError::Refused(error)) => Err(error),
                Err(IndexError::NotUnderstood(error)) => described().map_err(|_| error),
                // Rotation, edits and pixel shape are ffprobe's to say; without it, what the index says will do.
                Ok(index)
                    if index.plain.is_err()
                        && let Ok(info) = described() =>
                {
                    Ok(info)
                }
                Ok(index) => Ok(MediaInfo {
                    kind: MediaKind::Video,
                    resolution: index.resolution,
                    frame_rate: index.plain.map(|stream| stream.frame_rate).ok().or(index.average_rate),
                    frame_count: Some(index.frame_count),
                    duration_secs: Some(index.duration_secs),
                    codec: if index.codec == "avc1" { "h264".to_owned() } else { index.codec },
                    bytes,
                }),
            }
        }
        FileKind::Other(found) => Ok(from_description(&describe(tools, path, &found, limits)?, bytes)),
    }
}

fn from_description(about: &Description, bytes: u64) -> MediaInfo {
    MediaInfo {
        kind: if about.is_still { MediaKind::Image } else { MediaKind::Video },
        resolution: about.resolution,
        frame_rate: (!about.is_still).then_some(about.frame_rate),
        frame_count: about.frame_count(),
        duration_secs: about.duration_secs.filter(|_| !about.is_still),
        codec: about.codec.clone(),
        bytes,
    }
}

/// What a file seems to be from its first bytes; its name does not count.
pub(crate) enum FileKind {
    Png,
    Jpeg,
    Gif,
    Mp4,
    /// For `ffmpeg`, with a name for messages.
    Other(String),
    /// At least one frame.
    Folder(Vec<PathBuf>),
}

impl FileKind {
    /// Looks at `path`.
    ///
    /// # Errors
    /// [`VideoError::Read`], or [`VideoError::NotVideo`] for an empty file, text, or a folder without frames.
    pub(crate) fn find(path: &Path) -> Result<Self, VideoError> {
        let failed = |error| VideoError::read(path, error);
        let not_video = |message: &str| VideoError::NotVideo { path: path.to_owned(), message: message.to_owned() };
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            let files = frame_files(path).map_err(failed)?;
            if files.is_empty() {
                return Err(not_video("the folder holds no frame_0001.png"));
            }
            return Ok(Self::Folder(files.into_iter().map(|(_, file)| file).collect()));
        }
        if !metadata.is_file() {
            return Err(not_video("it is no ordinary file"));
        }
        let mut head = Vec::new();
        File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head)).map_err(failed)?;
        if head.is_empty() {
            return Err(not_video("it is empty"));
        }
        let at = |offset: usize, mark: &[u8]| head.get(offset..offset + mark.len()) == Some(mark);
        if at(0, b"\x89PNG\r\n\x1A\n") {
            let moves = head.windows(4).any(|kind| kind == b"acTL");
            Ok(if moves { Self::Other("animated PNG".to_owned()) } else { Self::Png })
        } else if at(0, b"\xFF\xD8\xFF") {
            Ok(Self::Jpeg)
        } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
            Ok(Self::Gif)
        } else if at(4, b"ftyp") && !at(8, b"avif") && !at(8, b"heic") && !at(8, b"mif1") {
            Ok(Self::Mp4)
        } else if std::str::from_utf8(&head).is_ok_and(|text| !text.contains('\0')) {
            Err(not_video("it is text"))
        } else {
            let names: [(usize, &[u8], &str); 9] = [
                (0, b"\x1A\x45\xDF\xA3", "Matroska or WebM"),
                (8, b"AVI ", "AVI"),
                (8, b"WEBP", "WebP"),
                (4, b"ftyp", "HEIF or AVIF"),
                (0, b"OggS", "Ogg"),
                (0, b"FLV", "Flash video"),
                (0, b"\x30\x26\xB2\x75", "Windows Media"),
                (0, b"BM", "BMP"),
                (0, b"\x00\x00\x01", "MPEG"),
            ];
            let name = names.into_iter().find(|(offset, mark, _)| at(*offset, mark));
            Ok(Self::Other(name.map_or("a kind of file that misora does not know", |(_, _, name)| name).to_owned()))
        }
    }
}
