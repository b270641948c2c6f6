//! Held against ffmpeg, where it is installed: it reads what is written here, and writes what is read here.

#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

mod support;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use support::{ball, psnr};
use video::{Clip, Frame, FrameRate, MediaKind, ReadLimits, VideoError, probe, read_clip, write_clip};

/// Runs a program; `None` when it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// Makes a file with ffmpeg; false when it is not installed, or was built without what is asked for.
fn made(path: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments).arg(path);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn ffmpeg_sees_the_same_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let name = path.to_str().unwrap();
    let clip = ball(128, 96, 12, (30_000, 1001));
    write_clip(&clip, &path).unwrap();
    let filter = "scale=flags=accurate_rnd+full_chroma_int+bicubic";
    let arguments = ["-v", "error", "-i", name, "-vf", filter, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let Some(raw) = run("ffmpeg", &arguments) else { return };

    let frames = raw.chunks_exact(128 * 96 * 3).map(|rgb| Frame::new(clip.resolution(), rgb.to_vec()).unwrap());
    let seen = Clip::new(frames.collect(), clip.frame_rate()).unwrap();
    assert!(psnr(&clip, &seen) >= 38.0, "{:.1} dB", psnr(&clip, &seen));
    for channel in 0..3 {
        let mean = |clip: &Clip| {
            let values = clip.frames().iter().flat_map(|frame| frame.rgb().iter().skip(channel).step_by(3));
            values.map(|&value| f64::from(value)).sum::<f64>() / (12 * 128 * 96) as f64
        };
        // BT.601 instead of BT.709, or full range instead of limited, would be off by 3 and more.
        let bias = mean(&seen) - mean(&clip);
        assert!(bias.abs() < 0.8, "channel {channel} is off by {bias}");
    }

    let entries = "stream=codec_name,width,height,pix_fmt,color_range,color_space,color_transfer,color_primaries,\
        chroma_location,r_frame_rate,avg_frame_rate,duration,nb_frames,has_b_frames";
    let arguments = ["-v", "error", "-show_entries", entries, "-of", "default=nw=1", name];
    let Some(told) = run("ffprobe", &arguments) else { return };
    let told = String::from_utf8(told).unwrap();
    for expected in [
        "codec_name=h264",
        "width=128",
        "height=96",
        "pix_fmt=yuv420p",
        "color_range=tv",
        "color_space=bt709",
        "color_transfer=bt709",
        "color_primaries=bt709",
        "chroma_location=left",
        "r_frame_rate=30000/1001",
        "avg_frame_rate=30000/1001",
        "duration=0.400400",
        "nb_frames=12",
        "has_b_frames=0",
    ] {
        assert!(told.lines().any(|line| line == expected), "{expected} is not in:\n{told}");
    }
}

#[test]
fn every_kind_of_video_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let source = ["-f", "lavfi", "-i", "testsrc=s=80x48:r=25:d=0.4"];
    let cases: [(&str, &[&str]); 9] = [
        ("h264.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
        ("full.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv444p"]),
        ("hevc.mp4", &["-c:v", "libx265", "-x265-params", "log-level=none"]),
        ("vp9.webm", &["-c:v", "libvpx-vp9"]),
        ("mpeg4.avi", &["-c:v", "mpeg4", "-q:v", "2"]),
        ("prores.mov", &["-c:v", "prores"]),
        ("ffv1.mkv", &["-c:v", "ffv1"]),
        ("frag.mp4", &["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov"]),
        ("apng.png", &["-f", "apng"]),
    ];
    let original = folder.path().join("original.png");
    if !made(&original, &[&source[..], &["-frames:v", "1"]].concat()) {
        return;
    }
    for (name, options) in cases {
        let path = folder.path().join(name);
        if !made(&path, &[&source, options].concat()) {
            continue;
        }
        let clip = read_clip(&path, &ReadLimits::default()).unwrap();
        let found = (clip.resolution().to_string(), clip.frame_rate().to_string(), clip.frames().len());
        assert_eq!(found, ("80x48".to_owned(), "25".to_owned(), 10), "{name}");
        // Wrong colours or a shifted picture would be below 15 dB.
        let first = Clip::new(vec![clip.frames()[0].clone()], clip.frame_rate()).unwrap();
        let quality = psnr(&first, &read_clip(&original, &ReadLimits::default()).unwrap());
        assert!(quality > 20.0, "{name}: {quality:.1} dB");
        assert_eq!(probe(&path).unwrap().kind, MediaKind::Video);
    }
}

#[test]
fn odd_sizes_rotation_aspect_and_alpha_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ReadLimits::default();
    let size = |path: &Path| read_clip(path, &limits).unwrap().resolution().to_string();

    let odd = folder.path().join("odd.mkv");
    if made(&odd, &["-f", "lavfi", "-i", "color=red:s=33x17:d=0.2,format=rgb24", "-c:v", "ffv1"]) {
        assert_eq!(size(&odd), "33x17");
        let clip = read_clip(&odd, &limits).unwrap();
        let red = &clip.frames()[0].rgb()[33 * 17 * 3 - 3..];
        assert!(red[0] > 250 && red[1] < 3 && red[2] < 3, "{red:?}");
    }
    let plain = folder.path().join("plain.mp4");
    let turned = folder.path().join("turned.mp4");
    if made(&plain, &["-f", "lavfi", "-i", "testsrc=s=80x48:d=0.2", "-c:v", "mpeg4"])
        && made(&turned, &["-i", plain.to_str().unwrap(), "-c", "copy", "-metadata:s:v", "rotate=90"])
    {
        let told = size(&turned);
        // Newer versions of ffmpeg no longer take the rotation this way.
        assert!(told == "48x80" || told == "80x48", "{told}");
    }
    let wide = folder.path().join("wide.mp4");
    if made(&wide, &["-f", "lavfi", "-i", "testsrc=s=80x48:d=0.2,setsar=2", "-c:v", "mpeg4"]) {
        assert_eq!(size(&wide), "160x48");
    }
    let clear = folder.path().join("clear.mov");
    if made(&clear, &["-f", "lavfi", "-i", "color=black@0.0:s=16x16:d=0.2,format=rgba", "-c:v", "png"]) {
        assert_eq!(read_clip(&clear, &limits).unwrap().frames()[0].rgb()[..3], [255; 3]);
    }
}

#[test]
fn variable_rates_become_constant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("variable.mkv");
    // 10 frames at 25 per second, then 10 frames at 5 per second: 2.4 seconds.
    let source = "testsrc=s=32x32:r=25:d=0.8,setpts='if(lt(N,10),N,10+(N-10)*5)/25/TB'";
    if !made(&path, &["-f", "lavfi", "-i", source, "-vsync", "vfr", "-c:v", "ffv1"]) {
        return;
    }
    let clip = read_clip(&path, &ReadLimits::default()).unwrap();
    assert!((clip.duration_secs() - 2.3).abs() < 0.3, "{}", clip.duration_secs());
}

#[test]
fn limits_hold_for_ffmpeg_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mkv");
    if !made(&path, &["-f", "lavfi", "-i", "testsrc=s=80x48:d=1", "-c:v", "ffv1"]) {
        return;
    }
    let few = ReadLimits { max_frames: 5, ..ReadLimits::default() };
    assert!(matches!(read_clip(&path, &few), Err(VideoError::TooManyFrames { .. })));
    let small = ReadLimits { max_pixels: 1000, ..ReadLimits::default() };
    assert!(matches!(read_clip(&path, &small), Err(VideoError::TooManyPixels { width: 80, height: 48, .. })));

    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.mkv");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(
        read_clip(&cut, &ReadLimits::default()),
        Err(VideoError::Damaged { .. } | VideoError::Ffmpeg { .. })
    ));
    let noise = folder.path().join("noise.mp4");
    std::fs::write(&noise, [b"\x01\x02\xFF\xFE".as_slice(), &whole[200..4000]].concat()).unwrap();
    assert!(matches!(read_clip(&noise, &ReadLimits::default()), Err(VideoError::NotVideo { .. })));
    assert_eq!(FrameRate::new(25, 1).unwrap(), probe(&path).unwrap().frame_rate.unwrap());
}
