//! Every other kind of video, through the programs `ffprobe` and `ffmpeg` as child processes.
//!
//! The file is untrusted and so is what they make of it: they may open no other file and no network address,
//! understand only formats of video files, and stop at limits of time, pixels and memory.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`process`] | a child process with limits |
//! | [`describe`] | what `ffprobe` says of a file |
//! | [`decode`] | frames from `ffmpeg` |

pub(crate) mod decode;
pub(crate) mod describe;
mod process;

use std::{ffi::OsString, path::Path};

/// Names of the programs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tools {
    pub ffmpeg: &'static str,
    pub ffprobe: &'static str,
}

impl Default for Tools {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg", ffprobe: "ffprobe" }
    }
}

/// Containers and codecs of real videos. Left out are those that name other files (playlists, concatenation),
/// devices, and text that can be drawn.
const FORMATS: &str = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,apng,png_pipe,jpeg_pipe,webp_pipe,\
    bmp_pipe,tiff_pipe,jpegxl_pipe,j2k_pipe,ppm_pipe,pgm_pipe,pam_pipe,exr_pipe,qoi_pipe,yuv4mpegpipe,h264,hevc,av1,\
    obu,ivf,nut,mxf,rm,dv,gxf,m4v,wtv,h263,mjpeg,dirac,vc1,avs,roq,smk,bink,swf,3gp";

/// Arguments that name the input, for both programs.
fn input(path: &Path, max_pixels: u64) -> Vec<OsString> {
    let mut file = OsString::from("file:");
    file.push(path);
    let pixels = max_pixels.to_string();
    let mut arguments: Vec<OsString> =
        ["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-max_pixels", &pixels, "-i"]
            .map(Into::into)
            .to_vec();
    arguments.push(file);
    arguments
}
