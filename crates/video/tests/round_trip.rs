//! What is written comes back: sizes, rates and, nearly, pixels.

#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

mod support;

use support::{ball, psnr};
use video::{
    Clip, FrameRate, MediaKind, ReadLimits, VideoError, VideoReader, encode_mp4, probe, read_clip, write_clip,
};

#[test]
fn mp4_keeps_smooth_content_at_38_decibels() {
    let folder = tempfile::tempdir().unwrap();
    for (width, height, num_frames, rate) in [
        (128, 128, 33, (24, 1)),
        (64, 64, 30, (30_000, 1001)),
        (160, 96, 9, (24, 1)),
        (130, 66, 5, (25, 2)),
        (640, 360, 5, (30, 1)),
        (128, 128, 1, (24, 1)),
    ] {
        let clip = ball(width, height, num_frames, rate);
        let path = folder.path().join("clip.mp4");
        write_clip(&clip, &path).unwrap();
        let back = read_clip(&path, &ReadLimits::default()).unwrap();
        assert_eq!(back.frame_rate(), clip.frame_rate());
        let quality = psnr(&clip, &back);
        assert!(quality >= 38.0, "{width}x{height}: {quality:.1} dB");
        for (before, after) in clip.frames().iter().zip(back.frames()) {
            for channel in 0..3 {
                let sum = |rgb: &[u8]| rgb.iter().skip(channel).step_by(3).map(|&value| i64::from(value)).sum::<i64>();
                let bias = (sum(after.rgb()) - sum(before.rgb())) as f64 / before.resolution().pixel_count() as f64;
                assert!(bias.abs() < 0.6, "{width}x{height}: channel {channel} is off by {bias}");
            }
        }

        let info = probe(&path).unwrap();
        assert_eq!((info.kind, info.codec.as_str()), (MediaKind::Video, "h264"));
        assert_eq!((info.resolution, info.frame_rate), (clip.resolution(), Some(clip.frame_rate())));
        assert_eq!(info.frame_count, Some(num_frames as u64));
        assert!((info.duration_secs.unwrap() - clip.duration_secs()).abs() < 1e-9);
    }
}

#[test]
fn odd_and_tiny_sizes_come_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    for (width, height) in [(33, 17), (17, 33), (15, 15), (8, 8), (1, 1), (128, 97)] {
        let clip = ball(width, height, 3, (24, 1));
        for name in ["clip.mp4", "clip.gif", "frames"] {
            let path = folder.path().join(name);
            write_clip(&clip, &path).unwrap();
            let back = read_clip(&path, &ReadLimits::default()).unwrap();
            assert_eq!((back.resolution(), back.frames().len()), (clip.resolution(), 3), "{name}");
            if name == "clip.mp4" {
                // Sharp edges lose chroma, so the bar is lower for a picture that is all edge.
                assert!(psnr(&clip, &back) > 24.0, "{width}x{height}: {:.1} dB", psnr(&clip, &back));
            }
        }
    }
}

#[test]
fn folders_and_png_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let clip = ball(40, 30, 12, (24, 1));
    let frames = folder.path().join("frames");
    write_clip(&clip, &frames).unwrap();
    assert!(frames.join("frame_0001.png").is_file() && frames.join("frame_0012.png").is_file());
    assert_eq!(read_clip(&frames, &ReadLimits::default()).unwrap(), clip);
    let info = probe(&frames).unwrap();
    assert_eq!((info.kind, info.frame_count), (MediaKind::Folder, Some(12)));

    // A shorter clip replaces all of it.
    let shorter = ball(40, 30, 2, (24, 1));
    write_clip(&shorter, &frames).unwrap();
    assert_eq!(read_clip(&frames, &ReadLimits::default()).unwrap(), shorter);

    let still = ball(40, 30, 1, (24, 1));
    let png = folder.path().join("still.png");
    write_clip(&still, &png).unwrap();
    assert_eq!(read_clip(&png, &ReadLimits::default()).unwrap(), still);
    let jpeg = folder.path().join("still.jpg");
    write_clip(&still, &jpeg).unwrap();
    assert!(psnr(&still, &read_clip(&jpeg, &ReadLimits::default()).unwrap()) > 33.0);
    assert_eq!(probe(&jpeg).unwrap().kind, MediaKind::Image);
}

#[test]
fn gif_keeps_rate_duration_and_most_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.gif");
    for rate in [(24, 1), (30, 1), (10, 1), (25, 1)] {
        let clip = ball(64, 48, 33, rate);
        write_clip(&clip, &path).unwrap();
        let back = read_clip(&path, &ReadLimits::default()).unwrap();
        assert_eq!((back.frame_rate(), back.frames().len()), (clip.frame_rate(), 33));
        assert!(psnr(&clip, &back) > 34.0, "{:.1} dB", psnr(&clip, &back));
    }
    // Faster than browsers can show: fewer frames, the same duration.
    let fast = ball(16, 16, 120, (60, 1));
    write_clip(&fast, &path).unwrap();
    let back = read_clip(&path, &ReadLimits::default()).unwrap();
    assert!((back.duration_secs() - fast.duration_secs()).abs() < 0.02, "{}", back.duration_secs());
}

#[test]
fn the_same_frames_give_the_same_bytes() {
    let clip = ball(96, 64, 30, (24, 1));
    let bytes = encode_mp4(&clip).unwrap();
    assert_eq!(bytes, encode_mp4(&clip).unwrap());
    let elsewhere = std::thread::spawn(move || encode_mp4(&clip).unwrap()).join().unwrap();
    assert_eq!(bytes, elsewhere);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    write_clip(&ball(96, 64, 30, (24, 1)), &path).unwrap();
    assert_eq!(bytes, std::fs::read(path).unwrap());
}

#[test]
fn the_reader_streams_and_stops_at_limits() {
    let folder = tempfile::tempdir().unwrap();
    let clip = ball(32, 32, 10, (24, 1));
    for name in ["clip.mp4", "clip.gif", "frames"] {
        let path = folder.path().join(name);
        write_clip(&clip, &path).unwrap();
        let mut reader = VideoReader::open(&path, &ReadLimits::default()).unwrap();
        assert_eq!((reader.resolution(), reader.frame_count()), (clip.resolution(), Some(10)));
        assert!(reader.next().unwrap().is_ok());
        assert_eq!(reader.count(), 9);

        let few = ReadLimits { max_frames: 9, ..ReadLimits::default() };
        assert!(matches!(read_clip(&path, &few), Err(VideoError::TooManyFrames { max_frames: 9, .. })), "{name}");
        let small = ReadLimits { max_pixels: 1023, ..ReadLimits::default() };
        assert!(matches!(read_clip(&path, &small), Err(VideoError::TooManyPixels { .. })), "{name}");
        let brief = ReadLimits { max_clip_bytes: 32 * 32 * 3 * 10 - 1, ..ReadLimits::default() };
        assert!(matches!(read_clip(&path, &brief), Err(VideoError::TooManyBytes { .. })), "{name}");
    }
}

#[test]
fn a_clip_is_not_a_still() {
    let folder = tempfile::tempdir().unwrap();
    let clip = ball(8, 8, 2, (24, 1));
    let refused = write_clip(&clip, &folder.path().join("a.png"));
    assert!(matches!(refused, Err(VideoError::StillOfMany { .. })), "{refused:?}");
    let refused = write_clip(&clip, &folder.path().join("a.webm"));
    assert!(matches!(refused, Err(VideoError::OutputFormat { .. })), "{refused:?}");
    let large =
        Clip::new(vec![video::Frame::filled("5000x16".parse().unwrap(), [0; 3])], FrameRate::new(1, 1).unwrap());
    let refused = write_clip(&large.unwrap(), &folder.path().join("a.mp4"));
    assert!(matches!(refused, Err(VideoError::FormatLimit { .. })), "{refused:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
