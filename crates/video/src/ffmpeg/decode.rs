//! Frames from the `ffmpeg` program.

use std::{
    ffi::OsString,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ChildStdout,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use super::{
    Tools,
    describe::Description,
    input,
    process::{Process, complaint},
};
use crate::{Frame, ReadLimits, VideoError, still::on_paper};

/// Largest single piece of memory that the program may take.
const MAX_ALLOC_BYTES: u64 = 2 << 30;
/// From this height on, colours are those of HD unless the file says otherwise.
const HD_HEIGHT: u32 = 720;
/// A video that gives fewer frames than this share of what its length promises, with complaints, was cut.
const WHOLE_SHARE: f64 = 0.9;

/// A running `ffmpeg` that hands over frames of one size at one rate.
pub(crate) struct FfmpegDecoder {
    path: PathBuf,
    process: Process,
    frames: Receiver<io::Result<Vec<u8>>>,
    about: Description,
    limits: ReadLimits,
    /// Time spent waiting for the program.
    waited: Duration,
    produced: u64,
}

impl FfmpegDecoder {
    pub(crate) fn start(tools: Tools, path: &Path, about: Description, limits: ReadLimits) -> Result<Self, VideoError> {
        let (process, output) = Process::start(tools.ffmpeg, arguments(path, &about, &limits), path, &about.codec)?;
        let channels = if about.has_alpha { 4 } else { 3 };
        let frame_bytes = about.resolution.pixel_count() * channels;
        // A short queue: the program waits for the caller instead of filling memory.
        let (sender, frames) = mpsc::sync_channel(2);
        thread::spawn(move || forward(output, frame_bytes, &sender));
        Ok(Self { path: path.to_owned(), process, frames, about, limits, waited: Duration::ZERO, produced: 0 })
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, VideoError> {
        let start = Instant::now();
        let received = self.frames.recv_timeout(self.limits.time_limit.saturating_sub(self.waited));
        self.waited += start.elapsed();
        match received {
            Ok(Ok(pixels)) => {
                self.produced += 1;
                let rgb = if self.about.has_alpha { on_paper(&pixels) } else { pixels };
                Frame::new(self.about.resolution, rgb).map(Some)
            }
            Ok(Err(error)) => Err(VideoError::read(&self.path, error)),
            Err(RecvTimeoutError::Timeout) => {
                self.process.kill();
                Err(VideoError::TimeLimit { path: self.path.clone(), seconds: self.limits.time_limit.as_secs() })
            }
            Err(RecvTimeoutError::Disconnected) => self.end(),
        }
    }

    /// The program closed its output: whether that was the end of the video.
    fn end(&mut self) -> Result<Option<Frame>, VideoError> {
        let (status, messages) = self.process.finish();
        let failed = !status.is_some_and(|status| status.success());
        let promised = self.about.frame_count().unwrap_or(0);
        if failed || self.produced == 0 {
            let message = complaint(&messages, &self.path);
            return Err(VideoError::Ffmpeg { path: self.path.clone(), message });
        }
        if !messages.trim().is_empty() && (self.produced as f64) < promised as f64 * WHOLE_SHARE - 1.0 {
            let produced = self.produced;
            return Err(VideoError::damaged(&self.path, format!("it ends after {produced} of {promised} frames")));
        }
        Ok(None)
    }
}

fn arguments(path: &Path, about: &Description, limits: &ReadLimits) -> Vec<OsString> {
    let (width, height) = (about.resolution.width(), about.resolution.height());
    let matrix = if about.has_colour_matrix || height < HD_HEIGHT { "auto" } else { "bt709" };
    // Rotation comes first, by itself. Then frames are repeated or dropped to the constant rate.
    let filter = format!(
        "fps={}/{},scale={width}:{height}:flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix={matrix},setsar=1",
        about.frame_rate.num(),
        about.frame_rate.den(),
    );
    let mut arguments: Vec<OsString> = ["-nostdin", "-v", "error", "-threads", "2"].map(Into::into).to_vec();
    arguments.extend(["-max_alloc", &MAX_ALLOC_BYTES.to_string()].map(Into::into));
    if let Some(decoder) = about.decoder {
        arguments.extend(["-c:v", decoder].map(Into::into));
    }
    arguments.extend(input(path, limits.max_pixels));
    arguments.extend(["-map", "0:V:0", "-an", "-sn", "-dn", "-vf", &filter].map(Into::into));
    // One more than the limit, to notice that there are more.
    arguments.extend(["-frames:v", &limits.max_frames.saturating_add(1).to_string()].map(Into::into));
    let pixels = if about.has_alpha { "rgba" } else { "rgb24" };
    arguments.extend(["-f", "rawvideo", "-pix_fmt", pixels, "pipe:1"].map(Into::into));
    arguments
}

/// Cuts the program's output into frames until it ends or nobody listens.
fn forward(mut output: ChildStdout, frame_bytes: usize, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut pixels = Vec::with_capacity(frame_bytes);
        match output.by_ref().take(frame_bytes as u64).read_to_end(&mut pixels) {
            Ok(count) if count < frame_bytes => return,
            result => {
                let failed = result.is_err();
                if sender.send(result.map(|_| pixels)).is_err() || failed {
                    return;
                }
            }
        }
    }
}
