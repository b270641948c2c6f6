//! Files that are cut, empty, no video, or lie about themselves: an error each, no panic, no huge allocation.

use std::{fs, path::Path};

use crate::{
    Clip, Frame, FrameRate, ReadLimits, Resolution, VideoError, VideoReader, encode_gif, encode_jpeg, encode_mp4,
    encode_png, ffmpeg::Tools,
};

/// As on a machine without ffmpeg, and quick to give up.
fn read(bytes: &[u8]) -> Result<usize, VideoError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    read_path(&path)
}

fn read_path(path: &Path) -> Result<usize, VideoError> {
    let limits = ReadLimits { max_pixels: 1 << 20, max_frames: 100, ..ReadLimits::default() };
    let tools = Tools { ffmpeg: "no-such-ffmpeg", ffprobe: "no-such-ffprobe" };
    let mut count = 0;
    for frame in VideoReader::open_with(tools, path, &limits)? {
        frame?;
        count += 1;
    }
    Ok(count)
}

fn clip() -> Clip {
    let size = Resolution::new(48, 32).unwrap();
    let frames = (0..12u32).map(|time| {
        let rgb = (0..48 * 32 * 3).map(|index: u32| (index * 7 + time * 31 + index / 144 * 5) as u8).collect();
        Frame::new(size, rgb).unwrap()
    });
    Clip::new(frames.collect(), FrameRate::new(24, 1).unwrap()).unwrap()
}

fn files() -> [(&'static str, Vec<u8>); 4] {
    let clip = clip();
    [
        ("mp4", encode_mp4(&clip).unwrap()),
        ("gif", encode_gif(&clip).unwrap()),
        ("png", encode_png(&clip.frames()[0]).unwrap()),
        ("jpeg", encode_jpeg(&clip.frames()[0]).unwrap()),
    ]
}

/// Replaces the bytes at `offset` after the first `mark`.
fn patched(bytes: &[u8], mark: &[u8], offset: usize, new: &[u8]) -> Vec<u8> {
    let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len() + offset;
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn whole_files_are_read_without_ffmpeg() {
    for (name, bytes) in files() {
        let expected = if matches!(name, "mp4" | "gif") { 12 } else { 1 };
        assert_eq!(read(&bytes).unwrap(), expected, "{name}");
    }
}

#[test]
fn cut_files_are_damaged() {
    for (name, bytes) in files() {
        for tenths in 1..10 {
            let cut = read(&bytes[..bytes.len() * tenths / 10]);
            assert!(matches!(cut, Err(VideoError::Damaged { .. })), "{name} cut at {tenths}/10: {cut:?}");
        }
        assert!(read(&bytes[..bytes.len() - 2]).is_err() || name == "png", "{name} without its last bytes");
    }
}

#[test]
fn empty_text_and_noise_are_no_video() {
    for bytes in [&b""[..], b"hello, this is no video\n", "这不是视频\n".as_bytes(), b"#EXTM3U\nfile:///etc/passwd\n"]
    {
        assert!(matches!(read(bytes), Err(VideoError::NotVideo { .. })), "{bytes:?}");
    }
    let noise: Vec<u8> = (0..5000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(matches!(read(&noise), Err(VideoError::FfmpegMissing { .. })));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read_path(folder.path()), Err(VideoError::NotVideo { .. })));
    assert!(matches!(read_path(&folder.path().join("missing")), Err(VideoError::Read { .. })));
}

#[test]
fn absurd_sizes_are_refused_from_the_header() {
    let [(_, mp4), (_, gif), (_, png), (_, jpeg)] = files();
    let side = 100_000u32.to_be_bytes();
    // The checksum is after the size, so the header is written anew.
    let mut header = b"IHDR".to_vec();
    header.extend(side);
    header.extend(side);
    header.extend([8, 2, 0, 0, 0]);
    let mut huge_png = b"\x89PNG\r\n\x1A\n\0\0\0\x0D".to_vec();
    huge_png.extend(&header);
    huge_png.extend(crc32(&header).to_be_bytes());
    huge_png.extend(&png[33..]);
    let cases = [
        ("png", huge_png),
        ("gif", patched(&gif, b"GIF89a", 0, &[0xFF; 4])),
        ("mp4", patched(&mp4, b"avc1\0\0\0\0", 20, &[0xFF; 4])),
        ("jpeg", patched(&jpeg, &[0xFF, 0xC0], 3, &[0xFF; 4])),
    ];
    for (name, bytes) in cases {
        let refused = read(&bytes);
        assert!(matches!(refused, Err(VideoError::TooManyPixels { .. })), "{name}: {refused:?}");
    }
    // A frame that is far larger than the GIF's own canvas.
    let inner = gif.windows(9).position(|window| window == [0x2C, 0, 0, 0, 0, 48, 0, 32, 0]).unwrap();
    let mut bytes = gif;
    bytes[inner + 5..inner + 9].fill(0xFF);
    assert!(matches!(read(&bytes), Err(VideoError::TooManyPixels { .. })));
}

#[test]
fn absurd_tables_are_refused() {
    let (_, mp4) = files().into_iter().next().unwrap();
    // Every picture has one size, and there are 4 billion of them.
    let many = patched(&mp4, b"stsz", 4, &[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(matches!(read(&many), Err(VideoError::TooManyFrames { .. })));
    let promises =
        [(&b"stsz"[..], 8, 0x4000_0000u32), (b"stts", 4, u32::MAX), (b"stco", 4, u32::MAX), (b"stsc", 4, 9_999)];
    for (kind, offset, count) in promises {
        let refused = read(&patched(&mp4, kind, offset, &count.to_be_bytes()));
        assert!(matches!(refused, Err(VideoError::Damaged { .. })), "{kind:?}: {refused:?}");
    }
    // Pictures that lie beyond the end, are absurdly large, or are all in the first chunk but there is none.
    for (kind, offset, value) in [(&b"stco"[..], 8, u32::MAX), (b"stsz", 12, u32::MAX), (b"stsc", 12, 0)] {
        let refused = read(&patched(&mp4, kind, offset, &value.to_be_bytes()));
        assert!(matches!(refused, Err(VideoError::Damaged { .. })), "{kind:?}: {refused:?}");
    }
    // A clock that stands still, or none.
    assert!(read(&patched(&mp4, b"stts", 12, &[0; 4])).is_err());
    assert!(read(&patched(&mp4, b"mdhd", 20, &[0; 4])).is_err());
    // Boxes inside boxes without end.
    let mut nested = b"\0\0\0\x14ftypisom\0\0\x02\0isom".to_vec();
    for depth in (1..200_000u32).rev() {
        nested.extend((depth * 8).to_be_bytes());
        nested.extend(b"moov");
    }
    assert!(matches!(read(&nested), Err(VideoError::NotVideo { .. })));
}

#[test]
fn random_damage_is_no_panic() {
    let mut state = 7u32;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for (_, whole) in files() {
        for round in 0..120 {
            let mut bytes = whole.clone();
            // Headers are worth more damage than pixels.
            let reach = if round % 2 == 0 { bytes.len().min(900) } else { bytes.len() };
            for _ in 0..1 + random(4) {
                bytes[random(reach)] = random(256) as u8;
            }
            let _ = read(&bytes);
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 })
    })
}
