//! Pictures of every kind that PNG and JPEG have.

#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

use std::path::Path;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, Rgba};
use video::{Frame, ReadLimits, VideoError, encode_jpeg, read_clip};

fn read(path: &Path) -> Frame {
    read_clip(path, &ReadLimits::default()).unwrap().into_frames().remove(0)
}

fn saved(picture: impl Into<DynamicImage>) -> Frame {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    picture.into().save(&path).unwrap();
    read(&path)
}

#[test]
fn grey_and_sixteen_bits_become_rgb() {
    assert_eq!(saved(GrayImage::from_pixel(1, 1, Luma([77]))).rgb(), [77; 3]);
    let deep = ImageBuffer::from_pixel(1, 1, Rgb([0xFFFFu16, 0x8080, 0]));
    assert_eq!(saved(deep).rgb(), [255, 128, 0]);
    let deep_grey = ImageBuffer::from_pixel(1, 1, Luma([0x4040u16]));
    assert_eq!(saved(deep_grey).rgb(), [64; 3]);
}

#[test]
fn transparent_parts_are_white() {
    let picture = ImageBuffer::from_fn(3, 1, |x, _| Rgba([100u8, 0, 200, [0, 128, 255][x as usize]]));
    // Half of 100 over 255 is (100 × 128 + 255 × 127) / 255 = 177.2.
    assert_eq!(saved(picture).rgb(), [255, 255, 255, 177, 127, 227, 100, 0, 200]);
}

#[test]
fn palettes_are_resolved() {
    // Two pixels, written with Python's zlib: opaque (200, 10, 20) and black at alpha 128.
    const PALETTE_PNG: &[u8] = b"\x89PNG\x0D\x0A\x1A\x0A\x00\x00\x00\x0DIHD\
        R\x00\x00\x00\x02\x00\x00\x00\x01\x08\x03\x00\x00\x00\xC3\xFC\x8F\xB8\x00\x00\x00\x06PLT\
        E\xC8\x0A\x14\x00\x00\x00\xCD\x17\xFD\x7F\x00\x00\x00\x02tRNS\xFF\x80\x08\x0F\xB3\
        j\x00\x00\x00\x0BIDATx\x9Cc``\x04\x00\x00\x04\x00\x02\xBFz?J\x00\x00\x00\x00IEND\xAEB`\x82";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("palette.png");
    std::fs::write(&path, PALETTE_PNG).unwrap();
    assert_eq!(read(&path).rgb(), [200, 10, 20, 127, 127, 127]);
}

#[test]
fn jpeg_is_turned_upright() {
    let mut frame = Frame::filled("32x16".parse().unwrap(), [250, 250, 250]);
    // The left half is dark.
    for (index, pixel) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
        if index % 32 < 16 {
            pixel.fill(5);
        }
    }
    let jpeg = encode_jpeg(&frame).unwrap();
    // Exif with one entry: orientation (0x0112), "turn by 90° clockwise to see upright".
    let mut exif = b"\xFF\xE1\x00\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([6, 0, 0, 0, 0, 0, 0]);
    let turned = [&jpeg[..2], &exif, &jpeg[2..]].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turned.jpg");
    std::fs::write(&path, turned).unwrap();

    let upright = read(&path);
    assert_eq!(upright.resolution(), "16x32".parse().unwrap());
    assert!(upright.rgb()[..3].iter().all(|&value| value < 30), "the top is dark");
    assert!(upright.rgb().rchunks(3).next().unwrap().iter().all(|&value| value > 220), "the bottom is light");
    assert_eq!(video::probe(&path).unwrap().resolution, upright.resolution());
}

#[test]
fn the_name_does_not_decide() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("really_a_picture.mp4");
    let frame = Frame::filled("4x4".parse().unwrap(), [1, 2, 3]);
    std::fs::write(&path, video::encode_png(&frame).unwrap()).unwrap();
    assert_eq!(read(&path), frame);
    std::fs::write(&path, "really a text").unwrap();
    assert!(matches!(read_clip(&path, &ReadLimits::default()), Err(VideoError::NotVideo { .. })));
}
