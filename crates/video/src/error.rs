//! The one error of this crate.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::Resolution;

/// What can go wrong with frames, clips and video files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// A resolution that no picture can have.
    #[error("{width}×{height} is not a picture size: each side must be 1 to {} pixels", Resolution::MAX_SIDE)]
    Resolution {
        /// Asked width in pixels.
        width: u64,
        /// Asked height in pixels.
        height: u64,
    },
    /// A frame rate that is zero or absurd.
    #[error("{num}/{den} is not a frame rate: it must lie between 1/1000 and 1000 frames per second")]
    FrameRate {
        /// Frames.
        num: u64,
        /// Per this many seconds.
        den: u64,
    },
    /// Pixel data that does not fill the resolution exactly.
    #[error("a frame of {resolution} needs {expected} bytes of RGB, not {actual}")]
    PixelCount {
        /// The frame's resolution.
        resolution: Resolution,
        /// Bytes that the resolution asks for.
        expected: usize,
        /// Bytes that came.
        actual: usize,
    },
    /// Frames of one clip that differ in size.
    #[error("frame {index} is {actual}, but the clip is {expected}: all frames of a clip have one size")]
    MixedResolutions {
        /// The clip's resolution.
        expected: Resolution,
        /// The odd frame's resolution.
        actual: Resolution,
        /// The odd frame's position.
        index: usize,
    },
    /// A clip with no frame.
    #[error("a clip needs at least one frame")]
    NoFrames,

    /// A picture of another shape, and nobody said what to do with it.
    #[error(
        "a picture of {found} does not have the shape of {wanted}; choose crop, pad or stretch, or a size of its shape"
    )]
    OtherShape {
        /// The picture's size.
        found: Resolution,
        /// What it should be brought to.
        wanted: Resolution,
    },
    /// No way to fit a picture has this name.
    #[error("there is no fit called {name:?}; choose crop, pad or stretch")]
    UnknownFit {
        /// What was asked for.
        name: String,
    },

    /// The system refused to write.
    #[error("cannot write {}: {source}; {hint}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the user can do.
        hint: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file name whose ending names a format that is not written here.
    #[error(
        "cannot write {}: .{extension} files are not written here; end the name in .mp4, .gif, .png or .jpg, \
         or leave the ending out for a folder of PNG files", path.display()
    )]
    OutputFormat {
        /// The asked name.
        path: PathBuf,
        /// Its ending.
        extension: String,
    },
    /// A picture larger than the file format can hold.
    #[error(
        "{resolution} is too large for {format}, which holds at most {limit}; choose a smaller size or a folder of PNG files"
    )]
    FormatLimit {
        /// The format's name.
        format: &'static str,
        /// The asked size.
        resolution: Resolution,
        /// The largest size, in words.
        limit: &'static str,
    },
    /// A second frame for a file that holds one picture.
    #[error("{} holds one picture, but the clip has more; end the name in .mp4 or .gif, or name a folder", path.display())]
    StillOfMany {
        /// The picture's file.
        path: PathBuf,
    },
    /// An output folder that holds something other than frames.
    #[error("the folder {} holds \"{found}\", which is not a frame; name a new or empty folder", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// An encoder that failed.
    #[error("the {format} encoder failed: {message}")]
    Encode {
        /// The format's name.
        format: &'static str,
        /// What the encoder said.
        message: String,
    },

    /// A whole file that could not be sealed.
    #[error("the file was made, but could not be sealed: {message}")]
    Seal {
        /// What went wrong.
        message: String,
    },

    /// The system refused to read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of no known kind.
    #[error("{} is not a video or picture: {message}", path.display())]
    NotVideo {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        message: String,
    },
    /// A file that begins well and then breaks its format's rules.
    #[error("{} is damaged: {message}; get a whole copy of the file", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A picture above the limit of pixels.
    #[error("{} says that it is {width}×{height} pixels, more than the limit of {max_pixels}; scale it down first", path.display())]
    TooManyPixels {
        /// The file.
        path: PathBuf,
        /// Its width in pixels.
        width: u64,
        /// Its height in pixels.
        height: u64,
        /// The limit, [`crate::ReadLimits::max_pixels`].
        max_pixels: u64,
    },
    /// A video above the limit of frames.
    #[error("{} has more than {max_frames} frames, the limit; cut it shorter first", path.display())]
    TooManyFrames {
        /// The file.
        path: PathBuf,
        /// The limit, [`crate::ReadLimits::max_frames`].
        max_frames: usize,
    },
    /// A clip that would not fit into the memory it may take.
    #[error("{} takes more than {max_bytes} bytes of memory when decoded, the limit; cut it shorter or scale it down", path.display())]
    TooManyBytes {
        /// The file.
        path: PathBuf,
        /// The limit, [`crate::ReadLimits::max_clip_bytes`].
        max_bytes: u64,
    },
    /// A child process that took too long.
    #[error("reading {} took ffmpeg more than {seconds} seconds, the limit; cut the video shorter", path.display())]
    TimeLimit {
        /// The file.
        path: PathBuf,
        /// The limit, [`crate::ReadLimits::time_limit`].
        seconds: u64,
    },
    /// A kind of video that only the `ffmpeg` program reads, where it is not installed.
    #[error(
        "reading {} ({found}) needs the programs ffmpeg and ffprobe, which were not found; install them \
         (Debian and Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; Windows: winget install ffmpeg) \
         or convert the file to GIF or PNG", path.display()
    )]
    FfmpegMissing {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: String,
    },
    /// The `ffmpeg` program gave up.
    #[error("ffmpeg cannot read {}: {message}", path.display())]
    Ffmpeg {
        /// The file.
        path: PathBuf,
        /// The end of what it said.
        message: String,
    },
}

impl VideoError {
    /// Wraps what the system said while writing `path`, with advice.
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind;
        let parent = parent_of(path);
        let hint = match source.kind() {
            ErrorKind::NotFound => format!("make the folder {} first", parent.display()),
            ErrorKind::NotADirectory => format!("{} is not a folder; choose another name", parent.display()),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                format!("choose a folder that you may write to, not {}", parent.display())
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "the disk is full: free some space or choose another disk".to_owned()
            }
            ErrorKind::IsADirectory => "that is a folder: give a file name inside it".to_owned(),
            ErrorKind::AlreadyExists => "a file of that name is in the way: choose another name".to_owned(),
            ErrorKind::BrokenPipe => "the program that was to receive it has ended".to_owned(),
            _ => "check the disk, or choose another place".to_owned(),
        };
        Self::Write { path: path.to_owned(), hint, source }
    }

    /// Wraps what the system said while reading `path`.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// A file that breaks its format's rules.
    pub(crate) fn damaged(path: &Path, message: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), message: message.to_string() }
    }
}

/// The folder that `path` lies in; `.` for a bare name.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
